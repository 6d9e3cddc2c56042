//! The SQLite state file with group commit, and blob files beside it.
