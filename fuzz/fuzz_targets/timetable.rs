//! [`runtime::fuzzing::timetable`] under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| runtime::fuzzing::timetable(bytes));
