//! The command as a person uses it: real processes, a real Prosody, real tokens.

#![cfg(test)]

mod browser;
mod calls;
mod capture;
mod cut;
mod dashboard;
mod enrolment;
mod failover;
mod faults;
mod letters;
mod parts;
mod people;
mod platform;
mod spade;
mod support;
mod terminal;
mod wire;
