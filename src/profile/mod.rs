//! devenv.toml as typed, and the resolved profile.
