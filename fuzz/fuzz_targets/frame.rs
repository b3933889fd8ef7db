//! [`capture::fuzzing::frame`] under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| capture::fuzzing::frame(bytes));
