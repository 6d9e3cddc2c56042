//! AWS policy documents: read, asked, and whether they are public.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| devenv::policy::fuzz(data));
