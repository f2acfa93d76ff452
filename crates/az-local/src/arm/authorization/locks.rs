//! `Microsoft.Authorization/locks` (<https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources>).
//! What they prevent is looked at where a caller's rights are (`arm/locked.rs`).

use super::scope::require_scope;
use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::ground::wire::Response;
use crate::state::locks::{Level, Lock};
use crate::state::{Document, Range, Resource};
use http::{Method, StatusCode};
use serde_json::{Value, json};

const TYPE: &str = "Microsoft.Authorization/locks";

/// Answers a call about one lock.
pub(super) fn route(call: &Call<'_>, name: &str) -> Result<Response, Error> {
    let id = format!("{}/providers/{TYPE}/{name}", call.path.scope);
    let authorize = |action: &str| call.authorize(&call.path.scope, &format!("{TYPE}/{action}"));
    let there: Option<Lock> = call.cx.tx.get(&Resource::key_of(&id))?;
    match *call.method() {
        Method::GET => {
            authorize("read")?;
            let there = there.ok_or_else(|| {
                Error::new(
                    404,
                    "LockNotFound",
                    format!("The lock '{name}' could not be found."),
                )
            })?;
            Ok(Response::json(StatusCode::OK, &view(&there)))
        }
        Method::PUT => {
            authorize("write")?;
            put(call, id, name, there)
        }
        Method::DELETE => {
            authorize("delete")?;
            Ok(Response::empty(match there {
                Some(there) => {
                    call.cx.tx.delete::<Lock>(&there.key())?;
                    StatusCode::OK
                }
                None => StatusCode::NO_CONTENT,
            }))
        }
        _ => Err(Error::method_not_allowed(call.method().as_str())),
    }
}

fn put(call: &Call<'_>, id: String, name: &str, there: Option<Lock>) -> Result<Response, Error> {
    // <https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftauthorization>
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._()".contains(c);
    if name.len() > 90 || name.ends_with('.') || !name.chars().all(fits) {
        return Err(Error::bad_request(
            "InvalidLockName",
            format!("The lock name '{name}' is not valid."),
        ));
    }
    let body = call.body()?;
    let asked = body.get("properties").cloned().unwrap_or_default();
    let level = asked["level"].as_str().unwrap_or_default();
    let level = [Level::CanNotDelete, Level::ReadOnly]
        .into_iter()
        .find(|known| known.name().eq_ignore_ascii_case(level))
        .ok_or_else(|| {
            Error::bad_request(
                "InvalidLockLevel",
                format!("The lock level '{level}' is none of 'CanNotDelete' and 'ReadOnly'."),
            )
        })?;
    require_scope(call, &call.path.scope)?;
    let status = if there.is_some() {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    let lock = Lock {
        id: there.map_or(id, |there| there.id),
        scope: call.path.scope.clone(),
        level,
        notes: asked["notes"].as_str().map(str::to_owned),
        owners: asked
            .get("owners")
            .filter(|owners| owners.is_array())
            .cloned(),
    };
    call.cx.tx.put(&lock)?;
    Ok(Response::json(status, &view(&lock)))
}

/// `GET {scope}/providers/Microsoft.Authorization/locks`: those at the scope, and unless `$filter` is `atScope()` those
/// below.
pub(super) fn list(call: &Call<'_>) -> Result<Response, Error> {
    if *call.method() != Method::GET {
        return Err(Error::method_not_allowed(call.method().as_str()));
    }
    call.authorize(&call.path.scope, &format!("{TYPE}/read"))?;
    let key = Resource::key_of(&call.path.scope);
    let cursor = call.after()?;
    let mut values = Vec::new();
    if cursor.is_none() {
        // A scope has at most 20 (<https://learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits>).
        let own = call.cx.tx.all(&Range::Equal(Lock::BY_SCOPE, &key))?;
        values.extend(own.iter().map(view));
    }
    let filter = call.request.query("$filter").unwrap_or_default();
    if filter.eq_ignore_ascii_case("atScope()") {
        return Ok(Response::json(StatusCode::OK, &call.list(values, None)));
    }
    let below = format!("{key}/");
    let page = call.cx.tx.page(
        &Range::Beginning(Lock::BY_SCOPE, below.as_str()),
        cursor.as_deref(),
        call.page_size(),
    )?;
    values.extend(page.items.iter().map(view));
    let list = call.list(values, page.next.as_deref());
    Ok(Response::json(StatusCode::OK, &list))
}

fn view(lock: &Lock) -> Value {
    let mut properties = json!({"level": lock.level.name()});
    if let Some(notes) = &lock.notes {
        properties["notes"] = json!(notes);
    }
    if let Some(owners) = &lock.owners {
        properties["owners"] = owners.clone();
    }
    json!({"properties": properties, "id": lock.id, "type": TYPE, "name": lock.name()})
}
