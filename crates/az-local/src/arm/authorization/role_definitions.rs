//! `Microsoft.Authorization/roleDefinitions`: reading the built-in ones and a tenant's own.

use super::custom_roles;
use super::role_view::{TYPE, built_in, custom};
use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::arm::filter::equalities;
use crate::ground::wire::Response;
use crate::rbac::definitions;
use crate::state::Range;
use crate::state::roles::{CustomRole, RoleDefinition};
use http::{Method, StatusCode};
use serde_json::json;

/// Answers a call about one role.
pub(crate) fn route(call: &Call<'_>, id: &str) -> Result<Response, Error> {
    match *call.method() {
        Method::GET => get(call, id),
        Method::PUT => custom_roles::put(call, id),
        Method::DELETE => custom_roles::delete(call, id),
        _ => Err(Error::method_not_allowed(call.method().as_str())),
    }
}

/// What a list is asked for.
#[derive(Default)]
struct Asked {
    /// Also the roles that can be assigned below the scope only.
    below: bool,
    name: Option<String>,
    kind: Option<String>,
}

impl Asked {
    /// `$filter`: `roleName eq`, `type eq`, `atScope()`, `atScopeAndBelow()`, joined by `and`.
    fn read(call: &Call<'_>) -> Result<Self, Error> {
        let mut asked = Asked::default();
        let filter = call.request.query("$filter").unwrap_or_default();
        for part in filter
            .split(" and ")
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            match part.to_ascii_lowercase().as_str() {
                "atscope()" => {}
                "atscopeandbelow()" => asked.below = true,
                _ => {
                    for (field, text) in equalities(part)? {
                        match field.to_ascii_lowercase().as_str() {
                            "rolename" => asked.name = Some(text),
                            "type" => asked.kind = Some(text),
                            _ => {
                                return Err(Error::bad_request(
                                    "InvalidFilter",
                                    format!(
                                        "The filter '{filter}' is not supported: '{field}' cannot be filtered by."
                                    ),
                                ));
                            }
                        }
                    }
                }
            }
        }
        Ok(asked)
    }

    fn wants(&self, kind: &str) -> bool {
        let wanted = self.kind.as_deref();
        wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(kind))
    }

    fn fits(&self, role: &RoleDefinition) -> bool {
        let wanted = self.name.as_deref();
        wanted.is_none_or(|wanted| role.name.to_lowercase() == wanted.to_lowercase())
    }
}

/// `GET {scope}/providers/Microsoft.Authorization/roleDefinitions`
pub(crate) fn list(call: &Call<'_>) -> Result<Response, Error> {
    if *call.method() != Method::GET {
        return Err(Error::method_not_allowed(call.method().as_str()));
    }
    call.authorize(&call.path.scope, &format!("{TYPE}/read"))?;
    let asked = Asked::read(call)?;
    let mut values = Vec::new();
    if asked.wants("BuiltInRole") {
        let all = definitions::all().filter(|role| asked.fits(role));
        values.extend(all.map(|role| built_in(call, role)));
    }
    if asked.wants("CustomRole") {
        // A tenant has no more than custom_roles::MOST.
        let tenant = call.principal.tenant_id.as_str();
        let range = Range::Equal(CustomRole::BY_TENANT, tenant);
        call.cx.tx.each(&range, |role: CustomRole| {
            if asked.fits(&role.definition)
                && custom_roles::is_seen_at(&role, &call.path.scope, asked.below)
            {
                values.push(custom(call, &role));
            }
            Ok::<_, Error>(())
        })?;
    }
    Ok(Response::json(StatusCode::OK, &json!({"value": values})))
}

fn get(call: &Call<'_>, id: &str) -> Result<Response, Error> {
    call.authorize(&call.path.scope, &format!("{TYPE}/read"))?;
    let value = match definitions::by_id(id) {
        Some(role) => built_in(call, role),
        None => custom(call, &custom_roles::required(call, id)?),
    };
    Ok(Response::json(StatusCode::OK, &value))
}
