//! A slice of a running devenv environment for one test: an AWS account, a database, a Redis database and a
//! mail domain. It ends with this value, with the process, or when its time is up.
//!
//! Copy this file to `tests/common/` of your crate; it needs `ureq` (3, feature `json`) and `serde_json`.
//! `AWS_ENDPOINT_URL` says where the environment is: run the tests by `devenv exec -- cargo test`.

use std::collections::BTreeMap;

/// A lease.
#[derive(Debug)]
pub struct Lease {
    /// Its name.
    pub id: String,
    /// What `devenv env` says, pointed at the slice: `AWS_ACCESS_KEY_ID`, `DATABASE_URL`, `REDIS_URL`, …
    pub env: BTreeMap<String, String>,
    address: String,
}

impl Lease {
    /// Takes one; `template` is the database that its own is a copy of, the profile's first without it.
    pub fn take(template: Option<&str>) -> Lease {
        let endpoint =
            std::env::var("AWS_ENDPOINT_URL").expect("run by `devenv exec -- cargo test`");
        Lease::from(&endpoint, template)
    }

    /// Takes one of the environment at `endpoint`.
    pub fn from(endpoint: &str, template: Option<&str>) -> Lease {
        let address = format!("{endpoint}/_devenv/leases");
        let mut ask = serde_json::json!({"ttl": "10m", "pid": std::process::id()});
        if let Some(template) = template {
            ask["template"] = template.into();
        }
        let mut answer = ureq::post(&address).send_json(&ask).expect("devenv gives a lease");
        let told: serde_json::Value = answer.body_mut().read_json().expect("a lease");
        let lease = &told["leases"][0];
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let env = lease["env"].as_object().into_iter().flatten();
        let env = env.map(|(name, value)| (name.clone(), text(value))).collect();
        Lease { id: text(&lease["id"]), env, address }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // If the environment is gone, so is the lease.
        let _ = ureq::delete(format!("{}/{}", self.address, self.id)).call();
    }
}
