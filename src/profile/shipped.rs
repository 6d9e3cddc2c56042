//! The profiles that come with the binary, and the `devenv.toml` that `devenv init` writes.

/// A shipped profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shipped {
    /// Its name, as `extends` takes it.
    pub name: &'static str,
    /// One line about it.
    pub summary: &'static str,
    /// Its TOML.
    pub text: &'static str,
}

/// All of them; adding one is a file in `profiles/` and a line here.
const ALL: [Shipped; 3] = [
    Shipped {
        name: "minimal",
        summary: "the AWS services alone: no Postgres, no Redis",
        text: include_str!("../../profiles/minimal.toml"),
    },
    Shipped {
        name: "default",
        summary: "Postgres 17 with pgvector, Redis, a bucket, a queue with its dead-letter queue, a mail identity, a secret",
        text: include_str!("../../profiles/default.toml"),
    },
    Shipped {
        name: "epicenter",
        summary: "a clinic platform: Postgres 15 preferred, four buckets with their policies, queues, mail, secrets",
        text: include_str!("../../profiles/epicenter.toml"),
    },
];

/// The profiles that come with the binary.
pub fn shipped() -> &'static [Shipped] {
    &ALL
}

/// The one of this name.
pub(crate) fn find(name: &str) -> Option<&'static Shipped> {
    ALL.iter().find(|s| s.name == name)
}

/// All names.
pub(crate) fn names() -> Vec<&'static str> {
    ALL.iter().map(|s| s.name).collect()
}

/// The commented `devenv.toml` that `devenv init` writes: it extends the shipped profile `name` and
/// shows every section, commented out. The caller has checked the name against `shipped()`.
pub fn template(name: &str) -> String {
    let summary = find(name).map_or("", |s| s.summary);
    TEMPLATE.replace("@NAME@", name).replace("@SUMMARY@", summary)
}

const TEMPLATE: &str = include_str!("../../profiles/template/devenv.toml");
