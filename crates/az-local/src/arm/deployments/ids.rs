//! The ids of resources.

use super::error::invalid;
use crate::arm::error::Error;
use serde_json::{Value, json};

/// The type of deployments.
pub(super) const KIND: &str = "Microsoft.Resources/deployments";

/// The id of a type and names at a scope.
pub(super) fn joined_id(scope: &str, kind: &str, names: &[&str]) -> Option<String> {
    let (namespace, types) = kind.split_once('/')?;
    let types: Vec<&str> = types.split('/').collect();
    if types.len() != names.len() || names.iter().any(|name| name.is_empty()) {
        return None;
    }
    let mut id = if kind.eq_ignore_ascii_case("Microsoft.Resources/resourceGroups") {
        scope.to_owned()
    } else {
        format!("{scope}/providers/{namespace}")
    };
    for (kind, name) in types.iter().zip(names) {
        id += &format!("/{kind}/{name}");
    }
    Some(id)
}

pub(super) fn id_of(function: &str, scope: &str, texts: &[&str]) -> Result<Value, Error> {
    let wrong = || {
        invalid(format!(
            "Unable to evaluate template language function '{function}': the type '{}' and the names do not fit \
             together. Please see https://aka.ms/arm-functions-resource for usage details",
            texts.first().unwrap_or(&"")
        ))
    };
    let (kind, names) = texts.split_first().ok_or_else(wrong)?;
    joined_id(scope, kind, names)
        .map(|id| json!(id))
        .ok_or_else(wrong)
}
