//! A team in TOML: text → document → shape → definition → checks → plan.
//!
//! ```text
//! team.toml ─▶ Document ─▶ shape ─▶ TeamFile ─▶ check ─▶ Plan
//!              (places)    (schema)  (typed)    (sense)  (steps)
//! ```

pub mod document;
pub mod expr;
pub mod file;
pub mod problem;
pub mod quantity;
pub mod scan;
pub mod schema;
pub mod scope;
pub mod shape;
mod suggest;
pub mod template;
pub mod vocabulary;
