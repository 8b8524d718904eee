//! Checks that the schemas in `docs/schema` are the generated ones, and keep their promises.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use offboard::{
    Keyword,
    contract::Retry,
    output::{AUTH_METHODS, schemas},
    sandbox::Limit,
};
use serde_json::{Value, json};

/// Set to write the schemas instead of comparing them.
const WRITE: &str = "OFFBOARD_WRITE_SCHEMAS";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema")
}

/// The schemas of version 1.0, which no later version may break.
fn frozen() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas/1.0")
}

fn read(folder: &Path, file: &str) -> Value {
    let text = fs::read_to_string(folder.join(file));
    serde_json::from_str(&text.unwrap_or_default()).unwrap_or_default()
}

#[test]
fn the_documented_schemas_are_the_generated_ones() {
    let mut old = Vec::new();
    for (name, schema) in schemas() {
        let file = format!("{name}.json");
        let generated = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
        let path = folder().join(&file);
        if std::env::var_os(WRITE).is_some() {
            fs::write(&path, &generated).unwrap();
        }
        let documented = fs::read_to_string(&path).unwrap_or_default();
        if documented.replace("\r\n", "\n") != generated {
            old.push(file);
        }
    }
    assert!(
        old.is_empty(),
        "docs/schema: {} differ from what output::schemas() generates; write them with \
         {WRITE}=1 cargo test -p offboard --test schemas",
        old.join(", ")
    );
}

#[test]
fn every_documented_schema_is_generated() {
    let names = |folder: PathBuf| -> BTreeSet<String> {
        let files = fs::read_dir(folder).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.collect()
    };
    let generated: BTreeSet<String> = schemas().map(|(name, _)| format!("{name}.json")).collect();
    assert_eq!(names(folder()), generated);
    assert!(names(frozen()).is_subset(&generated));
}

/// The promise of a schema for one place in a document.
#[derive(Debug, Default, PartialEq)]
struct Promise {
    /// Types, without null.
    types: BTreeSet<String>,
    is_nullable: bool,
    /// The values of an enumeration, as JSON; none if any value is allowed.
    values: BTreeSet<String>,
    members: BTreeSet<String>,
    required: BTreeSet<String>,
    /// The format of a text: `pattern` and `format`, for dates and ids.
    forms: BTreeSet<String>,
}

/// The promises of a schema, by place: `$.error.kind`, `$.requests[].sent`.
struct Promises<'a> {
    folder: &'a Path,
    places: BTreeMap<String, Promise>,
}

impl<'a> Promises<'a> {
    fn of(folder: &'a Path, file: &str) -> BTreeMap<String, Promise> {
        Self::of_schema(folder, file, &read(folder, file))
    }

    fn of_schema(folder: &'a Path, file: &str, schema: &Value) -> BTreeMap<String, Promise> {
        let mut promises = Self {
            folder,
            places: BTreeMap::new(),
        };
        promises.read("$", file, schema, schema);
        promises.places
    }

    /// Adds the promises of a schema for a place. `root` is the document that it is part of.
    fn read(&mut self, place: &str, file: &str, root: &Value, schema: &Value) {
        if let Some(reference) = schema["$ref"].as_str() {
            let (other, pointer) = reference.split_once('#').unwrap();
            let other = if other.is_empty() { file } else { other };
            let root = if other == file {
                root.clone()
            } else {
                read(self.folder, other)
            };
            let schema = root.pointer(pointer).unwrap();
            self.read(place, other, &root, schema);
        }
        for key in ["allOf", "anyOf", "oneOf"] {
            for part in schema[key].as_array().into_iter().flatten() {
                self.read(place, file, root, part);
            }
        }
        let texts = |value: &Value| -> Vec<String> {
            match value {
                Value::String(text) => vec![text.clone()],
                Value::Array(texts) => {
                    let texts = texts.iter().filter_map(Value::as_str);
                    texts.map(ToOwned::to_owned).collect()
                }
                _ => Vec::new(),
            }
        };
        let promise = self.places.entry(place.to_owned()).or_default();
        for name in texts(&schema["type"]) {
            if name == "null" {
                promise.is_nullable = true;
            } else {
                promise.types.insert(name);
            }
        }
        let values = schema["enum"].as_array().into_iter().flatten();
        for value in values.chain(schema.get("const")) {
            if value.is_null() {
                promise.is_nullable = true;
            } else {
                promise.values.insert(value.to_string());
            }
        }
        promise.required.extend(texts(&schema["required"]));
        if let Some(pattern) = schema["pattern"].as_str() {
            promise.forms.insert(pattern.to_owned());
        }
        if let Some(format @ ("date-time" | "uuid")) = schema["format"].as_str() {
            promise.forms.insert(format.to_owned());
        }
        let members = schema["properties"].as_object().into_iter().flatten();
        for (name, member) in members {
            let promise = self.places.entry(place.to_owned()).or_default();
            promise.members.insert(name.clone());
            self.read(&format!("{place}.{name}"), file, root, member);
        }
        for (key, suffix) in [
            ("items", "[]"),
            ("additionalProperties", ".*"),
            ("propertyNames", ".{name}"),
        ] {
            if schema[key].is_object() {
                self.read(&format!("{place}{suffix}"), file, root, &schema[key]);
            }
        }
    }
}

/// The old promises that the new schemas break.
fn broken(old: &BTreeMap<String, Promise>, new: &BTreeMap<String, Promise>) -> Vec<String> {
    let mut broken = Vec::new();
    for (place, old) in old {
        let Some(new) = new.get(place) else {
            broken.push(format!("{place} is missing"));
            continue;
        };
        for (what, old, new) in [
            ("member", &old.members, &new.members),
            ("required member", &old.required, &new.required),
            ("value", &old.values, &new.values),
            ("type", &old.types, &new.types),
            ("form", &old.forms, &new.forms),
        ] {
            let lost = old.difference(new);
            broken.extend(lost.map(|lost| format!("{place}: {what} {lost} is missing")));
        }
        // A place that may be anything may be null, too.
        let is_open = old.types.is_empty() && old.values.is_empty();
        if old.is_nullable != new.is_nullable && !is_open {
            let (was, is) = (old.is_nullable, new.is_nullable);
            broken.push(format!("{place}: nullable was {was}, and is {is}"));
        }
    }
    broken
}

#[test]
fn nothing_that_version_1_0_promised_is_missing() {
    let mut all = Vec::new();
    for (name, schema) in schemas() {
        let file = format!("{name}.json");
        if !frozen().join(&file).exists() {
            continue;
        }
        let old = Promises::of(&frozen(), &file);
        assert!(old.len() > 3, "{file}: {old:?}");
        let new = Promises::of_schema(&folder(), &file, &Value::from(schema));
        let broken = broken(&old, &new);
        all.extend(broken.iter().map(|broken| format!("{file}: {broken}")));
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}

#[test]
fn a_broken_promise_is_found() {
    let old = json!({"type": "object", "required": ["a", "b"], "properties": {
        "a": {"enum": ["x", "y", null]},
        "b": {"type": "array", "items": {"type": "string", "format": "uuid"}},
        "c": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/c"}]}
    }, "$defs": {"c": {"type": "object", "properties": {"d": {"type": "integer"}}}}});
    let promises = |schema: &Value| Promises::of_schema(Path::new(""), "", schema);
    assert!(broken(&promises(&old), &promises(&old)).is_empty());
    for (pointer, new, expected) in [
        ("/required", json!(["a"]), "$: required member b is missing"),
        (
            "/properties/a/enum",
            json!(["x", null]),
            "$.a: value \"y\" is missing",
        ),
        (
            "/properties/a/enum",
            json!(["x", "y"]),
            "$.a: nullable was true, and is false",
        ),
        ("/properties/a/enum", json!(["x", "y", null, "z"]), ""),
        (
            "/properties/b/items/format",
            json!("uri"),
            "$.b[]: form uuid is missing",
        ),
        (
            "/properties/b/items/type",
            json!("integer"),
            "$.b[]: type string is missing",
        ),
        (
            "/properties/c/anyOf/0",
            json!(false),
            "$.c: nullable was true, and is false",
        ),
        (
            "/$defs/c/properties",
            json!({}),
            "$.c: member d is missing, $.c.d is missing",
        ),
    ] {
        let mut changed = old.clone();
        *changed.pointer_mut(pointer).unwrap() = new;
        let broken = broken(&promises(&old), &promises(&changed));
        assert_eq!(broken.join(", "), expected, "{pointer}");
    }
}

/// Every place in a schema has a description.
#[test]
fn every_member_is_described() {
    fn missing(place: &str, schema: &Value, all: &mut Vec<String>) {
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            let place = format!("{place}.{name}");
            if !member["description"].is_string() {
                all.push(place.clone());
            }
            missing(&place, member, all);
        }
        for key in ["items", "anyOf", "oneOf"] {
            match &schema[key] {
                Value::Array(parts) => parts.iter().for_each(|part| missing(place, part, all)),
                Value::Object(_) => missing(place, &schema[key], all),
                _ => {}
            }
        }
    }
    let mut all = Vec::new();
    for (name, schema) in schemas() {
        assert!(schema.get("title").is_some() && schema.get("description").is_some());
        missing(name, &Value::from(schema), &mut all);
    }
    assert!(all.is_empty(), "without a description: {all:?}");
}

#[test]
fn the_words_of_other_types_are_in_the_schemas() {
    let schemas: BTreeMap<_, _> = schemas().collect();
    let places = |name: &str| {
        let schema = Value::from(schemas[name].clone());
        Promises::of_schema(Path::new(""), "", &schema)
    };
    let quoted = |words: &[&str]| -> BTreeSet<String> {
        words.iter().map(|word| format!("{word:?}")).collect()
    };
    let retry = [Retry::Never, Retry::Safe, Retry::AskFirst].map(Retry::name);
    assert_eq!(places("order")["$.error.retry"].values, quoted(&retry));
    assert_eq!(
        places("export")["$.requests[].error.retry"].values,
        quoted(&retry)
    );
    let units = Limit::ALL.map(|limit| limit.unit().name());
    assert_eq!(
        places("component")["$.limits[].unit"].values,
        quoted(&units)
    );
    let config = places("config");
    assert_eq!(config["$.auth.value"].values, quoted(&AUTH_METHODS));
    let clouds = offboard::identity::cloud::Cloud::ALL;
    let clouds: Vec<_> = clouds.iter().map(|cloud| cloud.name()).collect();
    assert_eq!(config["$.cloud.value"].values, quoted(&clouds));
}
