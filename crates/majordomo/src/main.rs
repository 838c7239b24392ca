//! The `majordomo` binary.

fn main() {}
