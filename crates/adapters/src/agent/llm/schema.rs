//! What a value must be, and what is told of one that is not.

use runtime::port::Schemas;
use runtime::port::schemas;
use serde_json::Value;

/// A schema, ready to be asked.
pub(super) struct Schema {
    pub(super) value: Value,
    compiled: Box<dyn schemas::Schema>,
}

impl Schema {
    /// Within the limits that hold for every schema; nothing is fetched for it.
    pub(super) fn new(value: Value, schemas: &dyn Schemas) -> Result<Schema, String> {
        Ok(Schema { compiled: runtime::contract::compile(&value, schemas)?, value })
    }

    /// Whether it allows a value; if not, where and why.
    pub(super) fn check(&self, value: &Value) -> Result<(), String> {
        self.compiled.check(value).map_err(|mismatch| mismatch.to_string())
    }
}
