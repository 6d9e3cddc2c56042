//! The policies of form uploads.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| devenv::services::s3::form_policy::fuzz(data));
