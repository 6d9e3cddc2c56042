//! `[faults]`: what goes wrong on purpose from the first request on.

use super::Checks;
use crate::profile::raw::{Fault, FaultKind, RawProfile};
use crate::profile::resolved::Faults;

/// Faults as the gateway takes them.
pub(super) fn faults(raw: &RawProfile, checks: &mut Checks<'_>) -> Faults {
    let Some(faults) = &raw.faults else { return Faults::default() };
    let proxy = faults.proxy.unwrap_or_default();
    if proxy && !checks.declared.postgres && !checks.declared.redis {
        checks.value(&["faults", "proxy"], "needs `[postgres]` or `[redis]`");
    }
    let mut rules = Vec::new();
    for (n, fault) in faults.rules.iter().flatten().enumerate() {
        let index = format!("\0{n}");
        let path = ["faults", "rules", &index];
        check(fault, &path, proxy, checks);
        rules.extend(checks.document.get(&path).map(|node| node.to_json()));
    }
    Faults { proxy, rules }
}

fn check(fault: &Fault, path: &[&str], proxy: bool, checks: &mut Checks<'_>) {
    let (is_there, needed) = match fault.fault {
        FaultKind::Latency => (fault.ms.is_some(), "ms"),
        FaultKind::Error => (fault.code.is_some(), "code"),
        FaultKind::Throttle => (fault.per_second.is_some(), "per_second"),
        FaultKind::Drop => (true, ""),
        FaultKind::Partial => (fault.bytes.is_some(), "bytes"),
    };
    if !is_there {
        checks.missing(path, &format!("needs `{needed}`, as its `fault` is what it is"));
    }
    let at = |key: &'static str| [path, &[key]].concat();
    if fault.rate.is_some_and(|rate| !(rate > 0.0 && rate <= 1.0)) {
        checks.value(&at("rate"), "is above 0 and at most 1");
    }
    if fault.parameter.as_ref().is_some_and(|parameter| !parameter.contains('=')) {
        checks.value(&at("where"), "is NAME=VALUE");
    }
    if !proxy && matches!(fault.service.as_deref(), Some("postgres" | "redis")) {
        checks.value(&at("service"), "has faults only behind a proxy: set `faults.proxy = true`");
    }
}
