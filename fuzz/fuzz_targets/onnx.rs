//! [`model::fuzzing::onnx`] under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| model::fuzzing::onnx(bytes));
