//! [`omemo::fuzzing::message`] under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| omemo::fuzzing::message(bytes));
