//! The daemon, its API on a Unix socket, and that API's client.
