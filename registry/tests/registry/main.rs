//! The road over a real Prosody and a real ejabberd.

#![cfg(test)]

mod artifacts;
mod ejabberd;
mod faults;
mod interop;
mod roads;
mod spade;
mod support;
