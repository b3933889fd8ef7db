//! [`behaviours::fuzzing::letter`] under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| behaviours::fuzzing::letter(bytes));
