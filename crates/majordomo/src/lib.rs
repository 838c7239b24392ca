//! majordomo
#[cfg(feature = "team")]
pub mod team;
