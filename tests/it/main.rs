//! Integration tests: one binary, one module a subject.

mod edge;
mod profile;
mod support;
mod tidy;
