//! Queries, paths and hosts of presigned URLs.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| devenv::services::s3::fuzz::presigned(data));
