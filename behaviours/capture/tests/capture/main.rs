//! What is captured, through the public door.

#![cfg(test)]

mod logs;
