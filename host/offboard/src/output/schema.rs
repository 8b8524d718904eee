//! The JSON schemas, generated from the types of this module.

use std::{borrow::Cow, marker::PhantomData};

use schemars::{
    JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema,
    transform::transform_subschemas,
};
use serde_json::Value;

use super::{
    AUTH_METHODS, AuditEntry, CancellationInfo, CheckReport, ComponentInfo, EffectiveSettings,
    ErrorOutput, ExportedOrder, MachineRow, OrderInRun, RunInfo,
};
use crate::{Keyword, order::State};

/// The promise of every schema.
const PROMISE: &str =
    "New members may be added in any version; no member is removed or changes its meaning.";

/// The JSON schemas (draft 2020-12) of all reported data, by the names of their files in
/// `docs/schema`, without `.json`. Each schema is self-contained.
///
/// ```
/// let (name, schema) = offboard::output::schemas().next().unwrap();
/// assert_eq!(name, "audit");
/// assert!(schema.get("properties").is_some());
/// ```
pub fn schemas() -> impl Iterator<Item = (&'static str, Schema)> {
    [
        ("audit", schema_of::<AuditEntry>()),
        ("cancellation", schema_of::<CancellationInfo>()),
        ("check", schema_of::<CheckReport>()),
        ("component", schema_of::<ComponentInfo>()),
        ("config", schema_of::<EffectiveSettings>()),
        ("error", schema_of::<ErrorOutput>()),
        ("export", schema_of::<ExportedOrder>()),
        ("machine", schema_of::<MachineRow>()),
        ("order", schema_of::<OrderInRun>()),
        ("run", schema_of::<RunInfo>()),
    ]
    .into_iter()
}

fn schema_of<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let settings = settings.with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    join_lines(&mut schema);
    if let Some(Value::String(description)) = schema.get_mut("description") {
        description.push_str("\n\n");
        description.push_str(PROMISE);
    }
    schema
}

/// Joins the lines of each paragraph of the descriptions, which are wrapped in the source
/// code.
fn join_lines(schema: &mut Schema) {
    if let Some(Value::String(description)) = schema.get_mut("description") {
        let paragraphs = description.split("\n\n");
        let paragraphs: Vec<_> = paragraphs.map(|text| text.replace('\n', " ")).collect();
        *description = paragraphs.join("\n\n");
    }
    transform_subschemas(&mut join_lines, schema);
}

/// The description of [`crate::contract::Retry`] in the schemas.
#[derive(JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(
    dead_code,
    reason = "describes a type of the sandbox, which has no schemas"
)]
pub(super) enum Retry {
    /// It would fail again.
    Never,
    /// Nothing was changed, or repeating it changes nothing.
    Safe,
    /// It may have been carried out: query its outcome first.
    AskFirst,
}

/// The description of [`crate::sandbox::Unit`] in the schemas.
#[derive(JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(
    dead_code,
    reason = "describes a type of the sandbox, which has no schemas"
)]
pub(super) enum Unit {
    /// Milliseconds.
    Milliseconds,
    /// Bytes.
    Bytes,
    /// A number.
    Count,
}

/// How many orders are in which state.
pub(super) fn orders_by_state(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "propertyNames": generator.subschema_for::<State>(),
        "additionalProperties": {"type": "integer", "minimum": 1}
    })
}

/// One of a keyword's words, or null.
pub(super) struct KeywordName<T>(PhantomData<T>);

/// One of the ways to sign in, or null.
pub(super) struct AuthMethod;

/// Whether a secret is set.
pub(super) struct Secret;

/// One rule of a policy.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "describes what the policy writes")]
pub(super) enum PolicyRule {
    /// A rule with one value.
    Text(String),
    /// A rule with several values.
    List(Vec<String>),
    /// A share, in percent.
    Percent(u8),
}

impl<T: Keyword> JsonSchema for KeywordName<T> {
    fn schema_name() -> Cow<'static, str> {
        "Keyword".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        words_or_null(T::ALL.iter().map(|value| value.name()))
    }
}

impl JsonSchema for AuthMethod {
    fn schema_name() -> Cow<'static, str> {
        "AuthMethod".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        words_or_null(AUTH_METHODS)
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        words_or_null(["[set]"])
    }
}

fn words_or_null(words: impl IntoIterator<Item = &'static str>) -> Schema {
    let words = words.into_iter().map(Value::from);
    let words: Vec<Value> = words.chain([Value::Null]).collect();
    json_schema!({"type": ["string", "null"], "enum": words})
}

/// Lines of older versions lack these members, and must remain valid.
pub(super) fn later_audit_members(schema: &mut Schema) {
    if let Some(Value::Array(required)) = schema.get_mut("required") {
        let later = ["run", "phase", "query", "externalId"].map(Value::from);
        required.retain(|name| !later.contains(name));
    }
}
