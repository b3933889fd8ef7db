//! [`registry::fuzzing::enrolment`] under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| registry::fuzzing::enrolment(bytes));
