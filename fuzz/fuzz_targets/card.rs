//! [`model::fuzzing::card`] under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| model::fuzzing::card(bytes));
