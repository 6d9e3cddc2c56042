//! Integration tests: one binary, one module a subject.

mod blank;
mod cli;
mod clients;
mod clock;
mod containers;
mod data;
mod edge;
mod fuzz;
mod identity;
mod install;
mod kms;
mod leases;
mod platform;
mod profile;
mod requests;
mod runtime;
mod s3;
mod secretsmanager;
mod ses;
mod snapshots;
mod sqs;
mod support;
mod throwaway;
mod tidy;
mod upstream;
