//! Behaviours run as they say they do. No network, and the clock jumps.

#![cfg(test)]

mod agents;
mod compose;
mod life;
mod stores;
mod support;
mod talk;
mod talks;
