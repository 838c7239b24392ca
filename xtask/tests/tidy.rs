//! Style as tests: what STYLE asks for and a program can see. Each rule names the place and the
//! remedy.
//!
//! `cargo xtask tidy` runs only these. Known violations stand in `tidy/exceptions.txt`, a list that
//! may only shrink.

#[path = "tidy/arrows.rs"]
mod arrows;
#[path = "tidy/bans.rs"]
mod bans;
#[path = "tidy/links.rs"]
mod links;
#[path = "tidy/mutants.rs"]
mod mutants;
#[path = "tidy/promises.rs"]
mod promises;
#[path = "tidy/ratchet.rs"]
mod ratchet;
#[path = "tidy/shape.rs"]
mod shape;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/tree.rs"]
mod tree;
