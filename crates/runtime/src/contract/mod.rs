//! Contracts: what goes into a capability and what comes out of it, as JSON schemas, for those who
//! meet only at run time.
//!
//! ```text
//! declared ─▶ sound? ─▶ agrees with the others of this capability and version? ─▶ compiled, kept
//! input ─▶ matches? ─▶ accepted           output ─▶ matches? ─▶ journaled
//!            └ no: refused, nothing written          └ no: the attempt failed, the agent's fault
//! ```
//!
//! What only one of several agents says holds for all of them: a value is checked against the
//! schema of each. So whoever asks need not know who will answer.

mod agree;
mod checked;
mod form;
mod registry;
mod rust;
mod secrecy;
mod told;

pub(crate) use checked::Checked;
pub(crate) use form::{is_secret, is_shape_only};
pub(crate) use registry::Contracts;
pub use rust::{Rust, ViaAnything, ViaJsonSchema};

use crate::api::Capability;
use crate::port::schemas::{Schema, Schemas};
use kernel::Text;
use serde_json::Value;
use std::any::TypeId;

/// A schema, as what `#[capability]` writes names it. No `pub use`: the compiler would then call
/// our users' texts `std::string::String`, to tell them from a variant of this.
#[doc(hidden)]
pub type Json = Value;

/// A schema that an agent may declare, ready to be asked: it is one, within limits, and refers to
/// nothing outside.
///
/// # Errors
/// Why it is not, in words for people.
pub fn compile(schema: &Value, schemas: &dyn Schemas) -> Result<Box<dyn Schema>, String> {
    secrecy::is_marked(&form::normal(schema)?)?;
    schemas.compile(schema).map_err(|why| format!("this is no schema: {why}"))
}

/// Whether a schema marks anything secret.
#[must_use]
pub fn marks_secrets(schema: &Value) -> bool {
    let marked = form::normal(schema).and_then(|it| secrecy::is_marked(&it));
    marked.unwrap_or(false) // What is no schema marks nothing, and is told of elsewhere.
}

/// JSON pointers to what a schema marks secret in a value, in order.
#[must_use]
pub fn secret_places(schema: &Value, value: &Value) -> Vec<String> {
    secrecy::places(schema, value).into_iter().collect()
}

/// What an agent says of one capability that it serves: the schemas of input and output, and what
/// it does. What is not said is anything.
#[derive(Clone, Debug, Default)]
pub struct Contract {
    pub(crate) input: Option<Value>,
    pub(crate) output: Option<Value>,
    pub(crate) about: Option<Text>,
    /// The Rust capability whose types these are: serde has checked their shape already.
    of: Option<TypeId>,
}

impl Contract {
    /// Nothing is said.
    #[must_use]
    pub fn anything() -> Contract {
        Contract::default()
    }

    /// What goes in.
    #[must_use]
    pub fn input(mut self, schema: Value) -> Contract {
        self.input = Some(schema);
        self
    }

    /// What comes out.
    #[must_use]
    pub fn output(mut self, schema: Value) -> Contract {
        self.output = Some(schema);
        self
    }

    /// What the capability does, for a model that may ask for it. Data.
    #[must_use]
    pub fn about(mut self, about: &str) -> Contract {
        self.about = Some(about.into());
        self
    }

    /// The schema of what goes in, if one is said.
    #[must_use]
    pub fn takes(&self) -> Option<&Value> {
        self.input.as_ref()
    }

    /// What it does, if that is said.
    #[must_use]
    pub fn does(&self) -> Option<&str> {
        self.about.as_deref()
    }

    /// That of a capability in Rust.
    #[must_use]
    pub fn of<C: Capability>() -> Contract {
        let (input, output) = (C::input_schema(), C::output_schema());
        Contract { input, output, about: None, of: Some(TypeId::of::<C>()) }
    }

    /// Whether it says nothing.
    #[must_use]
    pub fn is_anything(&self) -> bool {
        self.input.is_none() && self.output.is_none() && self.about.is_none()
    }
}
