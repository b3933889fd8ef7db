//! How fast records are made canonical, batches are hashed and tokens are verified.

fn main() {}
