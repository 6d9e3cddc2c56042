//! A source that speaks TLS: its rows come through it as they come without.

use super::Bench;
use crate::support::wait_for;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::PathBuf;
use std::time::Duration;

const BEGUN: Duration = Duration::from_secs(30);

pub(super) fn check(bench: &Bench) {
    let home = PathBuf::from(bench.one("source", "show data_directory"));
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let owner = std::fs::metadata(&home).unwrap();
    let key = made.signing_key.serialize_pem();
    for (name, text) in [("tls.crt", made.cert.pem()), ("tls.key", key)] {
        let file = home.join(name);
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
        chown(&file, Some(owner.uid()), Some(owner.gid())).unwrap();
    }
    for setting in ["ssl_cert_file = 'tls.crt'", "ssl_key_file = 'tls.key'", "ssl = on"] {
        bench.sql("source", &format!("alter system set {setting}"));
    }
    bench.sql("source", "select pg_reload_conf()");
    wait_for("TLS", BEGUN, || (bench.one("source", "show ssl") == "on").then_some(()));
    let pulled = |mode: &str| {
        let source = format!("{}?sslmode={mode}", bench.source);
        let name = format!("{mode}.devseed");
        bench.project.devenv(&["data", "pull", "--source", &source, "--out", &name]).success();
        std::fs::read(bench.project.path().join(name)).unwrap()
    };
    assert!(pulled("require") == pulled("disable"), "an archive hangs on how it was read");
    let source = format!("{}?sslmode=verify-full", bench.source);
    let refused =
        bench.project.devenv(&["data", "pull", "--source", &source, "--out", "v.devseed"]);
    let said = refused.ends(1).stderr;
    assert!(said.contains("cannot enter the database"), "{said}");
    for setting in ["ssl", "ssl_cert_file", "ssl_key_file"] {
        bench.sql("source", &format!("alter system reset {setting}"));
    }
    bench.sql("source", "select pg_reload_conf()");
}
