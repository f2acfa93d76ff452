//! Lists over all types: `GET …/resources`.

use super::call::Call;
use super::error::Error;
use super::filter::equalities;
use super::group_scope;
use crate::ground::wire::Response;
use crate::state::{Range, Resource};
use serde_json::{Value, json};

/// `GET /subscriptions/{id}/resources` and `GET …/resourceGroups/{name}/resources`, with the `$filter` forms
/// `resourceType eq`, `name eq`, `location eq`, `resourceGroup eq`, `tagName eq` and `tagValue eq`, joined by `and`.
pub(crate) fn list(call: &Call<'_>) -> Result<Response, Error> {
    if call.path.group.is_some() {
        group_scope::require(call)?;
    }
    let filter = match call.request.query("$filter") {
        Some(filter) if !filter.trim().is_empty() => equalities(filter)?,
        _ => vec![],
    };
    let everywhere = call.may(&call.path.scope, "*/read")?;
    let by_type = filter
        .iter()
        .find(|(field, _)| field.eq_ignore_ascii_case("resourceType"))
        .map(|(_, kind)| Resource::type_in(kind, call.subscription()));
    let (below, subscription) = (
        Resource::key_of(&call.path.scope) + "/",
        call.subscription().to_ascii_lowercase(),
    );
    let range = match (&call.path.group, &by_type) {
        (Some(_), _) => Range::Below(&below),
        (None, Some(kind)) => Range::Equal(Resource::BY_TYPE, kind),
        (None, None) => Range::Equal(Resource::BY_SUBSCRIPTION, &subscription),
    };
    let page = call.cx.tx.filtered_page(
        &range,
        call.after()?.as_deref(),
        call.page_size(),
        |resource: &Resource| {
            Ok::<_, Error>(
                fits(resource, &filter)?
                    && (everywhere
                        || call.may(&resource.id, &format!("{}/read", resource.kind))?),
            )
        },
    )?;
    let expand = call.request.query("$expand").unwrap_or_default();
    let expand: Vec<&str> = expand.split(',').map(str::trim).collect();
    call.page(&page, |one| Ok(view(one, &expand)))
}

/// Whether a resource is what every part of the filter asks for.
fn fits(resource: &Resource, filter: &[(String, String)]) -> Result<bool, Error> {
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
    for (field, wanted) in filter {
        let is = match field.to_ascii_lowercase().as_str() {
            "resourcetype" => resource.kind.as_str(),
            "name" => resource.name(),
            "location" => resource.location(),
            "resourcegroup" => resource.group(),
            "tagname" => tag.map_or("", |(name, _)| name),
            "tagvalue" => tag.map_or("", |(_, value)| value),
            _ => {
                return Err(Error::bad_request(
                    "InvalidFilterInQueryString",
                    format!("Invalid $filter: '{field}' cannot be filtered by."),
                ));
            }
        };
        if !is.eq_ignore_ascii_case(wanted) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The name in a list over all types: what is part of another is named with it, as `vm/extension`.
fn names(id: &str) -> String {
    let path = id.rsplit_once("/providers/").map_or(id, |(_, path)| path);
    // Behind the namespace stand types and names by turns.
    let names = path.split('/').skip(2).step_by(2);
    names.collect::<Vec<_>>().join("/")
}

/// `expand`: members that are answered where they are asked for
/// (<https://learn.microsoft.com/rest/api/resources/resources/list>).
fn view(resource: &Resource, expand: &[&str]) -> Value {
    let mut value = json!({"id": resource.id, "name": names(&resource.id), "type": resource.kind});
    for member in ["location", "tags", "sku", "kind", "identity", "zones"] {
        if let Some(content) = resource.body.get(member) {
            value[member] = content.clone();
        }
    }
    for (member, content) in [
        ("createdTime", resource.hidden.get("createdTime")),
        ("changedTime", resource.hidden.get("changedTime")),
        ("provisioningState", resource.property("provisioningState")),
    ] {
        if let Some(content) = content.filter(|_| expand.contains(&member)) {
            value[member] = content.clone();
        }
    }
    value
}
