//! Two inputs instead of one.
#![allow(unused_imports)]
use majordomo::{Context, Result, capability};

#[capability("sum@1")]
async fn sum(_: Context, one: u32, other: u32) -> Result<u32> {
    Ok(one + other)
}

fn main() {}

// Do: Put them into a tuple, `(one, other): (u32, u32)`, or better a struct: its fields have
// names and can grow.
