//! The locks of [`super::handover`]: the standard library's here, a model checker's in its test.

pub(super) use std::sync::{Mutex, MutexGuard};
