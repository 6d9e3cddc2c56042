//! Integration tests: one binary, one module a subject.

mod edge;
mod profile;
mod secretsmanager;
mod support;
mod tidy;
