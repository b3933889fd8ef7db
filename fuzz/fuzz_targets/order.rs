//! [`behaviours::fuzzing::order`] under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| behaviours::fuzzing::order(bytes));
