//! [`registry::fuzzing::answered`] under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| registry::fuzzing::answered(bytes));
