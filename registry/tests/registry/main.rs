//! The road over a real Prosody and a real ejabberd.

#![cfg(test)]

mod accounts;
mod artifacts;
mod commands;
mod ejabberd;
mod faults;
mod hostile;
mod interop;
mod moods;
mod people;
mod profanity;
mod python;
mod roads;
mod sealed;
mod siege;
mod spade;
mod support;
mod terminal;
