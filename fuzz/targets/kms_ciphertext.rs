//! Ciphertexts of KMS: read, written back, opened by nobody.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| devenv::services::kms::blob::fuzz(data));
