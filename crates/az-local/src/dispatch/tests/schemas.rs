//! The published JSON schemas of Resource Manager (`AZ_SCHEMAS` names their folder): every member that a client may set.

use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// How deep members are looked for: references to other types are written out in the schemas, in circles.
const DEEPEST: usize = 9;

/// The folder, if this run has one.
pub(super) fn folder() -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("AZ_SCHEMAS") else {
        eprintln!("skipped: AZ_SCHEMAS names the folder with the published schemas");
        return None;
    };
    Some(folder.into())
}

/// A member that a client may set.
pub(super) struct Member {
    /// From the resource, with `*` for the items of arrays: `properties/subnets/*/name`.
    pub(super) path: String,
    /// What is set.
    pub(super) sample: Value,
    /// The smallest document with the member in it, with whatever is required around it.
    pub(super) around: Value,
}

/// One file of schemas.
pub(super) struct Schemas {
    files: HashMap<String, Value>,
}

impl Schemas {
    pub(super) fn read(folder: &Path) -> Self {
        let mut files = HashMap::new();
        for version in std::fs::read_dir(folder).expect("the schemas") {
            let version = version.expect("a folder").path();
            for file in std::fs::read_dir(version).into_iter().flatten() {
                let text = std::fs::read_to_string(file.expect("a file").path()).expect("a schema");
                let document: Value = serde_json::from_str(&text).expect("JSON");
                let id = document["id"].as_str().expect("an id");
                files.insert(id.trim_end_matches('#').to_owned(), document.clone());
            }
        }
        Schemas { files }
    }

    /// The members of a type, those below others as well.
    pub(super) fn members(&self, version: &str, kind: &str) -> Vec<Member> {
        let (uri, schema) = self
            .files
            .iter()
            .find_map(|(uri, document)| Some((uri, resource(document, version, kind)?)))
            .unwrap_or_else(|| panic!("no schema of {kind} {version}"));
        let mut found = Vec::new();
        for (name, inner) in schema["properties"].as_object().expect("members") {
            let other = ["id", "name", "type", "apiVersion", "location", "tags"];
            let separate = ["resources", "identity", "dependsOn", "scope", "comments"];
            if other.contains(&name.as_str()) || separate.contains(&name.as_str()) {
                continue;
            }
            let mut walk = Walk {
                schemas: self,
                within: Vec::new(),
            };
            for (path, sample, around) in walk.leaves(uri, inner, 0) {
                found.push(Member {
                    path: join(name, &path),
                    sample,
                    around: json!({name: around}),
                });
            }
        }
        found
    }

    /// What a schema says, behind references and without the alternative that stands for a template's expression.
    fn resolved<'a>(&'a self, uri: &'a str, schema: &'a Value) -> Option<(&'a str, &'a Value)> {
        if let Some(target) = schema["$ref"].as_str() {
            let (file, pointer) = target.split_once('#')?;
            if file.ends_with("/common/definitions.json") {
                return None;
            }
            let uri = if file.is_empty() { uri } else { file };
            let document = self.files.get_key_value(uri)?;
            return self.resolved(document.0, document.1.pointer(pointer)?);
        }
        match schema["oneOf"].as_array() {
            Some(all) if schema["properties"].is_null() => {
                all.iter().find_map(|one| self.resolved(uri, one))
            }
            _ => Some((uri, schema)),
        }
    }
}

fn resource<'a>(document: &'a Value, version: &str, kind: &str) -> Option<&'a Value> {
    let groups = ["resourceDefinitions", "subscription_resourceDefinitions"];
    let all = groups
        .iter()
        .filter_map(|group| document[group].as_object())
        .flatten();
    all.map(|(_, schema)| schema).find(|schema| {
        schema["properties"]["type"]["enum"][0] == kind
            && schema["properties"]["apiVersion"]["enum"][0] == version
    })
}

fn join(name: &str, path: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{name}/{path}")
    }
}

/// A walk through a type's schema.
struct Walk<'a> {
    schemas: &'a Schemas,
    /// The objects around, so that none is looked at within itself.
    within: Vec<*const Value>,
}

impl Walk<'_> {
    /// The path, a value and the smallest document around it, of each leaf.
    fn leaves(&mut self, uri: &str, schema: &Value, depth: usize) -> Vec<(String, Value, Value)> {
        let schemas = self.schemas;
        let Some((uri, schema)) = schemas.resolved(uri, schema) else {
            return Vec::new();
        };
        if depth > DEEPEST || self.within.contains(&std::ptr::from_ref(schema)) {
            return Vec::new();
        }
        self.within.push(schema);
        let found = self.leaves_of(uri, schema, depth);
        self.within.pop();
        found
    }

    fn leaves_of(
        &mut self,
        uri: &str,
        schema: &Value,
        depth: usize,
    ) -> Vec<(String, Value, Value)> {
        if let Some(members) = schema["properties"]
            .as_object()
            .filter(|all| !all.is_empty())
        {
            let mut found = Vec::new();
            for (name, inner) in members {
                for (path, sample, around) in self.leaves(uri, inner, depth + 1) {
                    let mut object = self.required(uri, schema, depth);
                    object.insert(name.clone(), around);
                    found.push((join(name, &path), sample, Value::Object(object)));
                }
            }
            return found;
        }
        if schema["type"] == "array" {
            let items = self.leaves(uri, &schema["items"], depth + 1);
            return items
                .into_iter()
                .map(|(path, sample, around)| (join("*", &path), sample, json!([around])))
                .collect();
        }
        if schema["additionalProperties"].is_object() {
            let values = self.leaves(uri, &schema["additionalProperties"], depth + 1);
            return values
                .into_iter()
                .map(|(path, sample, around)| (join("key", &path), sample, json!({"key": around})))
                .collect();
        }
        let sample = sample(schema);
        vec![(String::new(), sample.clone(), sample)]
    }

    fn required(&mut self, uri: &str, schema: &Value, depth: usize) -> Map<String, Value> {
        let names = schema["required"].as_array().into_iter().flatten();
        let mut object = Map::new();
        for name in names.filter_map(Value::as_str) {
            let inner = self.leaves(uri, &schema["properties"][name], depth + 1);
            if let Some((_, _, around)) = inner.into_iter().next() {
                object.insert(name.to_owned(), around);
            }
        }
        object
    }
}

/// A value that a schema allows: of words the last, which is the default least often.
fn sample(schema: &Value) -> Value {
    if let Some(words) = schema["enum"].as_array() {
        return words.last().cloned().unwrap_or(Value::Null);
    }
    match schema["type"].as_str() {
        Some("boolean") => json!(true),
        Some("integer") => schema["minimum"]
            .as_i64()
            .map_or(json!(7), |least| json!(least + 1)),
        Some("number") => json!(7.5),
        Some("object") => json!({"key": "value"}),
        _ if schema["pattern"]
            .as_str()
            .is_some_and(|form| form.contains("0-9a-fA-F")) =>
        {
            json!("11111111-2222-3333-4444-555555555555")
        }
        _ => json!("value"),
    }
}
