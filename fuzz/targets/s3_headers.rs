//! Headers of writes and copies.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| devenv::services::s3::fuzz::headers(data));
