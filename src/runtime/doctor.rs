//! What is missing or in the way, and the command that mends it.

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was looked at: `postgres`, `cache`, `port 5432`.
    pub name: String,
    /// What was found.
    pub detail: String,
    /// The command or the change that mends it.
    pub remedy: Option<String>,
}
