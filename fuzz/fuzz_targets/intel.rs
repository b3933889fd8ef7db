//! [`model::fuzzing::intel`] under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| model::fuzzing::intel(bytes));
