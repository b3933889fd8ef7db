//! Models and features, through the public door.

#![cfg(test)]

mod features;
mod score;
