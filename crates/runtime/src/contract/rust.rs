//! The schema of a Rust type, if it has one.
//!
//! Why not a bound on `Capability::Input`? Then every type of every capability would have to derive
//! it. `#[capability]` asks `(&Rust::<T>::new()).schema()` instead: the method of the reference is
//! there for every type, and that of the value, which goes first, only where the type has a schema.

use serde_json::Value;
use std::marker::PhantomData;

/// Asks for the schema of `T`.
#[doc(hidden)]
pub struct Rust<T>(PhantomData<fn() -> T>);

impl<T> Rust<T> {
    #[allow(clippy::new_without_default, missing_docs)]
    #[must_use]
    pub fn new() -> Rust<T> {
        Rust(PhantomData)
    }
}

/// Of a type with a schema.
#[doc(hidden)]
pub trait ViaJsonSchema {
    /// Its schema, if it has one.
    fn schema(&self) -> Option<Value>;
}

/// Of any other.
#[doc(hidden)]
pub trait ViaAnything {
    /// Its schema, if it has one.
    fn schema(&self) -> Option<Value>;
}

#[cfg(feature = "schemars")]
impl<T: schemars::JsonSchema> ViaJsonSchema for Rust<T> {
    fn schema(&self) -> Option<Value> {
        Some(schemars::SchemaGenerator::default().into_root_schema_for::<T>().to_value())
    }
}

impl<T> ViaAnything for &Rust<T> {
    fn schema(&self) -> Option<Value> {
        None
    }
}
