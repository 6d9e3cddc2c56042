//! Mails, as the inbox takes and shows them.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| devenv::services::ses::fuzz::mail(data));
