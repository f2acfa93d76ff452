//! `Microsoft.Resources/tags/default`: the tags of a subscription, a group or a resource by themselves
//! (<https://learn.microsoft.com/rest/api/resources/tags>).

use super::call::Call;
use super::error::Error;
use super::group_scope;
use super::resource_type::check_tags;
use crate::ground::wire::Response;
use crate::state::{Resource, Subscription};
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

const TYPE: &str = "Microsoft.Resources/tags";

/// What has the tags.
enum Tagged {
    Subscription(Subscription),
    Resource(Resource),
}

/// Answers a call about the tags at the scope that the path names.
pub(super) fn route(call: &Call<'_>) -> Result<Response, Error> {
    let action = match *call.method() {
        Method::GET => "read",
        Method::PUT | Method::PATCH => "write",
        Method::DELETE => "delete",
        _ => return Err(Error::method_not_allowed(call.method().as_str())),
    };
    call.authorize(&call.path.scope, &format!("{TYPE}/{action}"))?;
    let mut tagged = find(call)?;
    if call.method() != Method::GET && call.path.group.is_some() {
        group_scope::refuse_while_deleting(call, &group_scope::require(call)?)?;
    }
    let there = tagged.tags();
    let tags = match *call.method() {
        Method::GET => return Ok(answer(call, &there)),
        Method::PUT => asked(call)?.1,
        Method::PATCH => {
            let (operation, asked) = asked(call)?;
            changed(&operation, there, asked)?
        }
        _ => Map::new(),
    };
    check_tags(Some(&Value::Object(tags.clone())))?;
    tagged.set(call, &tags)?;
    if call.method() == Method::DELETE {
        return Ok(Response::empty(StatusCode::OK));
    }
    Ok(answer(call, &tags))
}

fn find(call: &Call<'_>) -> Result<Tagged, Error> {
    if call.path.group.is_none() && call.path.scope.matches('/').count() == 2 {
        return Ok(Tagged::Subscription(call.known_subscription()?));
    }
    match call.resource(&call.path.scope)? {
        Some(resource) => Ok(Tagged::Resource(resource)),
        None => Err(Error::new(
            404,
            "ResourceNotFound",
            format!("The resource '{}' could not be found.", call.path.scope),
        )),
    }
}

impl Tagged {
    fn tags(&self) -> Map<String, Value> {
        match self {
            Tagged::Subscription(one) => one.tags.clone(),
            Tagged::Resource(one) => {
                let tags = one.body.get("tags").and_then(Value::as_object);
                tags.cloned().unwrap_or_default()
            }
        }
    }

    fn set(&mut self, call: &Call<'_>, tags: &Map<String, Value>) -> Result<(), Error> {
        match self {
            Tagged::Subscription(one) => {
                one.tags = tags.clone();
                call.cx.tx.put(one)?;
            }
            Tagged::Resource(one) => {
                one.body.insert("tags".to_owned(), json!(tags));
                call.cx.tx.put(one)?;
            }
        }
        Ok(())
    }
}

/// The operation and the tags of a request.
fn asked(call: &Call<'_>) -> Result<(String, Map<String, Value>), Error> {
    let body = call.body()?;
    let operation = body.get("operation").and_then(Value::as_str);
    let tags = body
        .get("properties")
        .and_then(|properties| properties.get("tags"));
    let tags = tags.and_then(Value::as_object).cloned();
    Ok((
        operation.unwrap_or_default().to_owned(),
        tags.unwrap_or_default(),
    ))
}

/// What a PATCH makes of the tags. Names are the same in any case.
fn changed(
    operation: &str,
    there: Map<String, Value>,
    asked: Map<String, Value>,
) -> Result<Map<String, Value>, Error> {
    let named = |name: &String| asked.iter().find(|(one, _)| one.eq_ignore_ascii_case(name));
    let mut tags = there.clone();
    match operation.to_ascii_lowercase().as_str() {
        "replace" => return Ok(asked),
        "merge" => {
            tags.retain(|name, _| named(name).is_none());
            tags.extend(asked);
        }
        // A tag goes where its value is named, too.
        "delete" => {
            tags.retain(|name, value| named(name).is_none_or(|(_, given)| given != value));
        }
        _ => {
            return Err(Error::bad_request(
                "InvalidTagsOperation",
                format!("The operation '{operation}' is none of 'Merge', 'Replace' and 'Delete'."),
            ));
        }
    }
    Ok(tags)
}

fn answer(call: &Call<'_>, tags: &Map<String, Value>) -> Response {
    let value = json!({
        "id": format!("{}/providers/{TYPE}/default", call.path.scope),
        "name": "default",
        "type": TYPE,
        "properties": {"tags": tags},
    });
    Response::json(StatusCode::OK, &value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().expect("an object")
    }

    #[test]
    fn tags_are_merged_replaced_and_deleted() {
        let there = || map(json!({"a": "1", "b": "2"}));
        for (operation, asked, expected) in [
            (
                "Merge",
                json!({"B": "3", "c": "4"}),
                json!({"a": "1", "B": "3", "c": "4"}),
            ),
            ("replace", json!({"c": "4"}), json!({"c": "4"})),
            ("Delete", json!({"A": "1", "b": "other"}), json!({"b": "2"})),
        ] {
            let made = changed(operation, there(), map(asked)).ok();
            assert_eq!(made.map(Value::Object), Some(expected), "{operation}");
        }
        assert!(changed("", there(), Map::new()).is_err());
    }
}
