//! The command as a person uses it: real processes, a real Prosody, real tokens.

#![cfg(test)]

mod alerts;
mod browser;
mod calls;
mod capture;
mod cut;
mod dashboard;
#[path = "../../../registry/tests/registry/ejabberd.rs"]
#[expect(dead_code, reason = "its log is for who tests what it sees")]
mod ejabberd;
mod enrolment;
mod failover;
mod faults;
mod joining;
mod letters;
mod parts;
mod people;
mod platform;
mod spade;
mod support;
#[path = "../../../registry/tests/registry/terminal.rs"]
#[expect(dead_code, reason = "what is lost and found again is tested there")]
mod terminal;
mod traffic;
mod wire;
