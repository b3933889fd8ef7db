//! The road over a real Prosody.

#![cfg(test)]

mod faults;
mod roads;
mod support;
