//! Values on their way into expressions and out of them: JSON → what names stand for → JSON.
//!
//! Values go in once and are shared from then on, so a `for_each` over 100,000 items copies none of
//! them. On the way out everything JSON cannot carry is refused; serde would turn what is missing
//! into null without a word.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Object, Serde, ValueKind};
use serde_json::Value as Json;

/// The largest value an expression may give, as the largest payload of a task.
pub const VALUE_MAX_BYTES: usize = 64 << 20;

/// Deeper values are refused: every reader of JSON stops somewhere, most at 128.
const DEPTH_MAX: usize = 100;

/// What an expression sees. Cheap to clone: the values are shared.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    values: Arc<BTreeMap<String, Value>>,
    item: Option<(Value, usize)>,
}

impl Scope {
    /// What every expression of a run sees: `args`, the words after the team's name, and `team`, a
    /// table with its `name` and `description`.
    pub fn new(args: &Json, team: &Json) -> Self {
        let values = [("args", args), ("team", team)];
        let values = values.map(|(name, value)| (name.to_owned(), Value::from(Serde(value))));
        Self { values: Arc::new(values.into()), item: None }
    }

    /// Adds the output of a step.
    pub fn set(&mut self, step: &str, output: &Json) {
        let values = Arc::make_mut(&mut self.values);
        values.insert(step.to_owned(), Value::from(Serde(output)));
    }

    /// The same, with an item of a `for_each` and its place in the list, from 0.
    pub(super) fn with_item(&self, item: Value, index: usize) -> Self {
        Self { values: Arc::clone(&self.values), item: Some((item, index)) }
    }
}

impl Scope {
    /// The item as it is; none outside a `for_each`.
    pub(super) fn item(&self) -> Result<Json, super::expr::Error> {
        let item = self.item.as_ref().map_or_else(Value::default, |(item, _)| item.clone());
        let failed = |refusal: Refusal| super::expr::Error::Failed {
            expression: "item".to_owned(),
            reason: refusal.to_string(),
        };
        to_json(&item).map_err(failed)
    }
}

impl Object for Scope {
    fn get_value(self: &Arc<Self>, name: &Value) -> Option<Value> {
        match (name.as_str()?, &self.item) {
            ("item", Some((item, _))) => Some(item.clone()),
            ("index", Some((_, index))) => Some(Value::from(*index)),
            (name, _) => self.values.get(name).cloned(),
        }
    }
}

/// Why a value is none that a task can carry.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("a part of it is not there")]
    Undefined,
    #[error("it has more than {VALUE_MAX_BYTES} bytes")]
    TooLarge,
    #[error("{0} is no JSON")]
    NotJson(String),
    #[error("{0}")]
    Failed(String),
}

/// minijinja's value as JSON.
pub(super) fn to_json(value: &Value) -> Result<Json, Refusal> {
    Conversion { bytes: 0 }.value(value, 0)
}

struct Conversion {
    bytes: usize,
}

impl Conversion {
    fn value(&mut self, value: &Value, depth: usize) -> Result<Json, Refusal> {
        self.count(8)?;
        if depth > DEPTH_MAX {
            return Err(Refusal::NotJson(format!("a value {DEPTH_MAX} tables deep")));
        }
        match value.kind() {
            ValueKind::Undefined => Err(Refusal::Undefined),
            ValueKind::None => Ok(Json::Null),
            ValueKind::Bool => Ok(Json::Bool(value.is_true())),
            ValueKind::Number => number(value),
            ValueKind::String => {
                let text = value.as_str().unwrap_or_default();
                self.count(text.len())?;
                Ok(Json::from(text))
            }
            ValueKind::Seq | ValueKind::Iterable => self.list(value, depth),
            ValueKind::Map => self.table(value, depth),
            other => Err(Refusal::NotJson(other.to_string())),
        }
    }

    fn list(&mut self, value: &Value, depth: usize) -> Result<Json, Refusal> {
        let items = value.try_iter().map_err(|error| Refusal::Failed(error.to_string()))?;
        let mut list = Vec::new();
        for item in items.checked() {
            let item = item.map_err(|error| Refusal::Failed(error.to_string()))?;
            list.push(self.value(&item, depth + 1)?);
        }
        Ok(Json::Array(list))
    }

    fn table(&mut self, value: &Value, depth: usize) -> Result<Json, Refusal> {
        let keys = value.try_iter().map_err(|error| Refusal::Failed(error.to_string()))?;
        let mut table = serde_json::Map::new();
        for key in keys.checked() {
            let key = key.map_err(|error| Refusal::Failed(error.to_string()))?;
            let name = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
            self.count(name.len())?;
            let item = value.get_item(&key).map_err(|error| Refusal::Failed(error.to_string()))?;
            table.insert(name, self.value(&item, depth + 1)?);
        }
        Ok(Json::Object(table))
    }

    fn count(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > VALUE_MAX_BYTES { Err(Refusal::TooLarge) } else { Ok(()) }
    }
}

fn number(value: &Value) -> Result<Json, Refusal> {
    let not_json = || Refusal::NotJson(format!("the number {value}"));
    if value.is_integer() {
        let signed = value.as_i64().map(Json::from);
        let unsigned = || u64::try_from(value.clone()).ok().map(Json::from);
        return signed.or_else(unsigned).ok_or_else(not_json);
    }
    let real = f64::try_from(value.clone()).map_err(|_| not_json())?;
    serde_json::Number::from_f64(real).map(Json::Number).ok_or_else(not_json)
}
