//! Lists over all types: `GET …/resources`.

use super::call::Call;
use super::error::Error;
use super::groups;
use crate::ground::wire::Response;
use crate::state::Resource;
use http::StatusCode;
use serde_json::{Value, json};

/// `GET /subscriptions/{id}/resources` and `GET …/resourceGroups/{name}/resources`, with the `$filter` forms
/// `resourceType eq`, `name eq`, `location eq`, `resourceGroup eq`, `tagName eq` and `tagValue eq`, joined by `and`.
pub(crate) fn list(call: &Call<'_>) -> Result<Response, Error> {
    if call.path.group.is_some() {
        groups::require(call)?;
    }
    let filter = match call.request.query("$filter") {
        Some(filter) if !filter.trim().is_empty() => equalities(filter)?,
        _ => vec![],
    };
    let prefix = Resource::key_of(&call.path.scope) + "/";
    let mut values: Vec<Value> = Vec::new();
    for resource in call.cx.tx.list::<Resource>(&prefix)? {
        if resource.kind == groups::KIND
            || !call.may(&resource.id, &format!("{}/read", resource.kind))?
        {
            continue;
        }
        let location = resource
            .body
            .get("location")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let group = resource.id.split('/').nth(4).unwrap_or_default();
        let mut fits = true;
        let tags = resource.body.get("tags").and_then(Value::as_object);
        let tag_name = filter
            .iter()
            .find(|(field, _)| field.eq_ignore_ascii_case("tagName"));
        let tag = tag_name.and_then(|(_, name)| {
            tags?
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(name))
                .map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default()))
        });
        for (field, wanted) in &filter {
            let is = match field.to_ascii_lowercase().as_str() {
                "resourcetype" => resource.kind.as_str(),
                "name" => resource.name(),
                "location" => location,
                "resourcegroup" => group,
                "tagname" => tag.map_or("", |(name, _)| name),
                "tagvalue" => tag.map_or("", |(_, value)| value),
                _ => {
                    return Err(Error::bad_request(
                        "InvalidFilterInQueryString",
                        format!("Invalid $filter: '{field}' cannot be filtered by."),
                    ));
                }
            };
            fits &= is.eq_ignore_ascii_case(wanted);
        }
        if !fits {
            continue;
        }
        let mut value = json!({"id": resource.id, "name": resource.name(), "type": resource.kind});
        for member in ["location", "tags", "sku", "kind", "identity", "zones"] {
            if let Some(content) = resource.body.get(member) {
                value[member] = content.clone();
            }
        }
        values.push(value);
    }
    Ok(Response::json(StatusCode::OK, &call.page(values)))
}

/// Reads `field eq 'text'` joined by `and`; a quote in a text is doubled.
pub(crate) fn equalities(filter: &str) -> Result<Vec<(String, String)>, Error> {
    let invalid = || {
        Error::bad_request(
            "InvalidFilterInQueryString",
            format!("Invalid $filter '{filter}' specified in the query string."),
        )
    };
    let mut found = Vec::new();
    let mut rest = filter.trim();
    loop {
        let (field, after) = rest.split_once(char::is_whitespace).ok_or_else(invalid)?;
        let after = after.trim_start();
        let (operator, after) = after.split_at_checked(2).ok_or_else(invalid)?;
        if !operator.eq_ignore_ascii_case("eq") {
            return Err(invalid());
        }
        let mut text = String::new();
        let mut chars = after
            .trim_start()
            .strip_prefix('\'')
            .ok_or_else(invalid)?
            .char_indices();
        let quoted = after.trim_start();
        let end = loop {
            match chars.next() {
                Some((at, '\'')) if quoted[at + 2..].starts_with('\'') => {
                    text.push('\'');
                    chars.next();
                }
                Some((at, '\'')) => break at + 2,
                Some((_, c)) => text.push(c),
                None => return Err(invalid()),
            }
        };
        found.push((field.to_owned(), text));
        rest = quoted[end..].trim_start();
        if rest.is_empty() {
            return Ok(found);
        }
        let (and, after) = rest.split_at_checked(4).ok_or_else(invalid)?;
        if !and.eq_ignore_ascii_case("and ") {
            return Err(invalid());
        }
        rest = after.trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equalities_are_joined_by_and() {
        let found = equalities("resourceType eq 'Microsoft.KeyVault/vaults' and name eq 'it''s'")
            .expect("a filter");
        assert_eq!(
            found,
            [
                ("resourceType".into(), "Microsoft.KeyVault/vaults".into()),
                ("name".into(), "it's".into())
            ]
        );
        for bad in [
            "",
            "name",
            "name ne 'x'",
            "name eq x",
            "name eq 'x",
            "name eq 'x' or name eq 'y'",
        ] {
            assert!(equalities(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_filter_is_read_or_refused(filter in "\\PC{0,40}") {
            let _ = equalities(&filter);
        }
    }
}
