//! [`omemo::fuzzing::inside`] under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| omemo::fuzzing::inside(bytes));
