//! SMTP dialogues.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| devenv::edge::smtp::fuzz::dialogue(data));
