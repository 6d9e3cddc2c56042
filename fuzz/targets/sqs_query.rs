//! Forms of SQS's query protocol, read and carried out as each operation.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| devenv::services::sqs::fuzz::query(data));
