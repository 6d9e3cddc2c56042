//! How long work reports itself. The command line draws bars from it; nothing here prints.

/// Receives the course of downloads, unpacking and first-run work. Called from any thread.
pub trait Progress: Send + Sync {
    /// A task named `id` begins; `total` is in bytes where it is known.
    fn begin(&self, id: &str, label: &str, total: Option<u64>);
    /// `by` more bytes of task `id` are done.
    fn advance(&self, id: &str, by: u64);
    /// Task `id` is over, well or not.
    fn end(&self, id: &str);
    /// A fact that people should see: a parity gap, a fallback.
    fn note(&self, text: &str);
}

/// Reports to nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _id: &str, _label: &str, _total: Option<u64>) {}
    fn advance(&self, _id: &str, _by: u64) {}
    fn end(&self, _id: &str) {}
    fn note(&self, _text: &str) {}
}
