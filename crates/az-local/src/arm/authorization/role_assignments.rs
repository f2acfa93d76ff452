//! `Microsoft.Authorization/roleAssignments`.

use super::custom_roles;
use super::scope::require_scope;
use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::arm::times;
use crate::ground::wire::Response;
use crate::rbac::condition::{Attributes, Condition};
use crate::rbac::definitions;
use crate::state::durations::Work;
use crate::state::machine;
use crate::state::people::{self, DirectoryObject};
use crate::state::role_assignments::{RoleAssignment, chain};
use crate::state::{Document, Page, Range, Resource};
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

const TYPE: &str = "Microsoft.Authorization/roleAssignments";

/// Answers a call about one assignment.
pub(crate) fn route(call: &Call<'_>, name: &str) -> Result<Response, Error> {
    let id = format!("{}/providers/{TYPE}/{name}", call.path.scope);
    let there: Option<RoleAssignment> = call.cx.tx.get(&Resource::key_of(&id))?;
    match *call.method() {
        Method::GET => {
            call.authorize(&call.path.scope, &format!("{TYPE}/read"))?;
            let found = there.ok_or_else(|| {
                Error::new(
                    404,
                    "RoleAssignmentNotFound",
                    format!("The role assignment '{name}' is not found."),
                )
            })?;
            Ok(Response::json(StatusCode::OK, &view(call, &found)))
        }
        Method::PUT => put(call, name, id, there),
        Method::DELETE => {
            let attributes = there
                .as_ref()
                .map(Attributes::of_assigned)
                .unwrap_or_default();
            let delete = format!("{TYPE}/delete");
            call.authorize_with(&call.path.scope, &delete, &attributes)?;
            match there {
                None => Ok(Response::empty(StatusCode::NO_CONTENT)),
                Some(found) => {
                    call.cx.tx.delete::<RoleAssignment>(&found.key())?;
                    Ok(Response::json(StatusCode::OK, &view(call, &found)))
                }
            }
        }
        _ => Err(Error::method_not_allowed(call.method().as_str())),
    }
}

fn put(
    call: &Call<'_>,
    name: &str,
    id: String,
    there: Option<RoleAssignment>,
) -> Result<Response, Error> {
    let scope = call.path.scope.clone();
    let asked = Asked::read(call)?;
    let (asked_role, asked_principal, asked_type) = (
        asked.role_guid(),
        asked.text("principalId"),
        asked.text("principalType"),
    );
    let attributes = Attributes {
        requested_role: asked_role.as_deref(),
        requested_principal: asked_principal.as_deref(),
        requested_principal_type: asked_type.as_deref(),
        ..Attributes::default()
    };
    call.authorize_with(&scope, &format!("{TYPE}/write"), &attributes)?;
    if Uuid::try_parse(name).is_err() {
        return Err(Error::bad_request(
            "InvalidRoleAssignmentId",
            format!(
                "The role assignment ID '{name}' is not valid. The role assignment ID must be a GUID."
            ),
        ));
    }
    require_scope(call, &scope)?;
    let (principal_id, role) = (asked.principal_id()?, asked.role(call, &scope)?);
    let condition = asked.condition()?;
    let kind = principal_type(call, &principal_id, asked.text("principalType").as_deref())?;

    if let Some(there) = there {
        let same = there.principal_id.eq_ignore_ascii_case(&principal_id) && there.role == role;
        if !same {
            return Err(Error::bad_request(
                "RoleAssignmentUpdateNotPermitted",
                "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
            ));
        }
        // What it says of itself can be changed.
        let changed = RoleAssignment {
            description: asked.text("description"),
            condition,
            condition_version: asked.text("conditionVersion"),
            ..there
        };
        call.cx.tx.put(&changed)?;
        return Ok(Response::json(StatusCode::OK, &view(call, &changed)));
    }
    let same_place = RoleAssignment::principal_at(&principal_id, &scope);
    let others = call
        .cx
        .tx
        .all(&Range::Equal(RoleAssignment::BY_PRINCIPAL, &same_place))?;
    let twin = others.iter().find(|other| other.role == role);
    if let Some(twin) = twin {
        return Err(Error::conflict(
            "RoleAssignmentExists",
            format!(
                "The role assignment already exists. The ID of the existing role assignment is {}.",
                twin.name().replace('-', "")
            ),
        ));
    }
    let made = RoleAssignment {
        id,
        scope,
        principal_id,
        principal_type: kind,
        role,
        description: asked.text("description"),
        condition,
        condition_version: asked.text("conditionVersion"),
        created_by: Some(call.principal.object_id.clone()),
        created: call.cx.now,
    };
    call.cx.tx.put(&made)?;
    // The answer to the creation has no `createdBy` yet; later reads do.
    let mut answer = view(call, &made);
    answer["properties"]["createdBy"] = Value::Null;
    Ok(Response::json(StatusCode::CREATED, &answer))
}

impl<'a> Attributes<'a> {
    /// Those of an assignment that is there.
    fn of_assigned(assignment: &'a RoleAssignment) -> Self {
        Attributes {
            assigned_role: Some(&assignment.role),
            assigned_principal: Some(&assignment.principal_id),
            assigned_principal_type: Some(&assignment.principal_type),
            ..Attributes::default()
        }
    }
}

/// The `properties` of a request.
struct Asked(Map<String, Value>);

impl Asked {
    fn read(call: &Call<'_>) -> Result<Self, Error> {
        let body = call.body()?;
        let properties = body.get("properties").and_then(Value::as_object);
        Ok(Asked(properties.cloned().unwrap_or_default()))
    }

    fn text(&self, member: &str) -> Option<String> {
        self.0
            .get(member)
            .and_then(Value::as_str)
            .map(str::to_owned)
    }

    fn principal_id(&self) -> Result<String, Error> {
        let id = self.text("principalId").unwrap_or_default();
        if Uuid::try_parse(&id).is_err() {
            return Err(Error::bad_request(
                "InvalidPrincipalId",
                format!(
                    "A valid principal ID must be provided for role assignment. '{id}' is not a GUID."
                ),
            ));
        }
        Ok(id.to_ascii_lowercase())
    }

    /// The last part of the role's id.
    fn role_guid(&self) -> Option<String> {
        let id = self.text("roleDefinitionId")?;
        Some(id.rsplit('/').next()?.to_owned())
    }

    /// A condition that is kept must be one that can be obeyed.
    fn condition(&self) -> Result<Option<String>, Error> {
        let condition = self.text("condition");
        let read = condition.as_deref().map(Condition::parse).transpose();
        read.map(|_| condition).map_err(|reason| {
            Error::bad_request(
                "InvalidRoleAssignmentCondition",
                format!(
                    "The condition of the role assignment is not one that this local Azure can evaluate: {reason}."
                ),
            )
        })
    }

    /// The GUID of the role, which there is and which can be assigned at the scope.
    fn role(&self, call: &Call<'_>, scope: &str) -> Result<String, Error> {
        let guid = self.role_guid().unwrap_or_default();
        if let Some(role) = definitions::by_id(&guid) {
            return Ok(role.id.clone());
        }
        let own = custom_roles::required(call, &guid)?;
        if !custom_roles::is_assignable_at(&own, scope) {
            return Err(custom_roles::missing(&guid));
        }
        Ok(own.definition.id)
    }
}

/// When a request comes that needs the principal. A deployment makes everything at one instant here: what depends on a
/// machine comes after the machine's own operation, as where `az vm create --assign-identity --scope` assigns a role.
fn time_after(call: &Call<'_>, principal: &DirectoryObject) -> Result<OffsetDateTime, Error> {
    let owner = match principal {
        DirectoryObject::ServicePrincipal(principal) => principal.managed_identity.as_deref(),
        _ => None,
    };
    let same_instant = owner.filter(|_| principal.created() == call.cx.now);
    let takes_time = match same_instant {
        Some(owner) => call
            .resource(owner)?
            .is_some_and(|owner| owner.hidden.contains_key("operation")),
        None => false,
    };
    Ok(if takes_time {
        call.cx.now + call.cx.knobs.takes(machine::KIND, Work::Create)
    } else {
        call.cx.now
    })
}

/// The principal's type, if the directory knows it yet. A new principal reaches the directory that Resource Manager
/// asks only after a while; for a request that says what the principal is, Azure does not depend on that
/// (<https://learn.microsoft.com/azure/role-based-access-control/troubleshooting#symptom---assigning-a-role-to-a-new-principal-sometimes-fails>).
fn principal_type(call: &Call<'_>, id: &str, asked: Option<&str>) -> Result<String, Error> {
    let principal = DirectoryObject::find(call.cx.tx, id)?;
    let delay = Duration::milliseconds(call.cx.knobs.principal_delay_ms);
    let now = match &principal {
        Some(principal) => time_after(call, principal)?,
        None => call.cx.now,
    };
    let known = principal.filter(|principal| {
        let replicated = principal.created() + delay <= now;
        principal.tenant_id() == call.principal.tenant_id && (replicated || asked.is_some())
    });
    let Some(known) = known else {
        return Err(Error::bad_request(
            "PrincipalNotFound",
            format!(
                "Principal {} does not exist in the directory {}. Check that you have the correct principal ID. If you are \
                 creating this principal and then immediately assigning a role, this error might be related to a \
                 replication delay. In this case, set the role assignment principalType property to a value, such as \
                 ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype",
                id.replace('-', ""),
                call.principal.tenant_id
            ),
        ));
    };
    let is = known.principal_type();
    match asked.filter(|asked| !asked.eq_ignore_ascii_case(is)) {
        None => Ok(is.to_owned()),
        Some(asked) => Err(Error::bad_request(
            "UnmatchedPrincipalType",
            format!(
                "The PrincipalId '{}' has type '{is}' , which is different from specified PrinciaplType '{asked}'.",
                id.replace('-', "")
            ),
        )),
    }
}

/// `GET {scope}/providers/Microsoft.Authorization/roleAssignments`: at the scope, below it, and above it, with
/// `$filter` `atScope()`, `principalId eq` and `assignedTo()`.
pub(crate) fn list(call: &Call<'_>) -> Result<Response, Error> {
    if *call.method() != Method::GET {
        return Err(Error::method_not_allowed(call.method().as_str()));
    }
    let scope = &call.path.scope;
    call.authorize(scope, &format!("{TYPE}/read"))?;
    let (mut at_scope, mut principals) = (false, None);
    for part in call
        .request
        .query("$filter")
        .unwrap_or_default()
        .split(" and ")
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        let quoted = part.split('\'').nth(1).map(str::to_owned);
        let word = part.to_ascii_lowercase();
        if word == "atscope()" {
            at_scope = true;
        } else if word.starts_with("principalid eq ") {
            principals = quoted.map(|id| vec![id.to_ascii_lowercase()]);
        } else if word.starts_with("assignedto(") {
            // Also what somebody has through groups.
            let id = quoted.unwrap_or_default();
            principals = Some(people::with_groups(call.cx.tx, &id)?);
        } else {
            return Err(Error::bad_request(
                "InvalidFilter",
                format!("The filter '{part}' is not supported."),
            ));
        }
    }
    listed(call, at_scope, principals.as_deref())
}

/// Those at the scope and above it, then those below it, of all principals or of some, one after another. A cursor says
/// in which principal's part below the scope a page begins.
fn listed(
    call: &Call<'_>,
    at_scope: bool,
    principals: Option<&[String]>,
) -> Result<Response, Error> {
    let cursor = call.after()?;
    let mut found = Vec::new();
    if cursor.is_none() {
        found.extend(at_and_above(call, principals)?);
    }
    let mut next = None;
    if !at_scope {
        let cursor = cursor.as_deref().and_then(|cursor| cursor.split_once('|'));
        let (mut at, mut after) = match cursor {
            Some((at, after)) => (at.parse().unwrap_or(0), Some(after.to_owned())),
            None => (0, None),
        };
        let parts = principals.map_or(1, <[String]>::len);
        while at < parts && next.is_none() {
            let principal = principals.map(|all| all[at].as_str());
            let page = below(
                call,
                principal,
                after.take().filter(|after| !after.is_empty()),
            )?;
            found.extend(page.items);
            match page.next {
                Some(more) => next = Some(format!("{at}|{more}")),
                None => {
                    at += 1;
                    if at < parts && found.len() >= call.page_size() {
                        next = Some(format!("{at}|"));
                    }
                }
            }
        }
    }
    let values = found.iter().map(|one| view(call, one)).collect();
    Ok(Response::json(
        StatusCode::OK,
        &call.list(values, next.as_deref()),
    ))
}

fn at_and_above(
    call: &Call<'_>,
    principals: Option<&[String]>,
) -> Result<Vec<RoleAssignment>, Error> {
    let tx = call.cx.tx;
    let mut found = Vec::new();
    for above in chain(&call.path.scope) {
        let Some(principals) = principals else {
            // At one scope there are at most as many as a subscription may have (4,000).
            found.extend(tx.all(&Range::Equal(RoleAssignment::BY_SCOPE, &above))?);
            continue;
        };
        for id in principals {
            let at = RoleAssignment::principal_at(id, &above);
            found.extend(tx.all(&Range::Equal(RoleAssignment::BY_PRINCIPAL, &at))?);
        }
    }
    Ok(found)
}

fn below(
    call: &Call<'_>,
    principal: Option<&str>,
    after: Option<String>,
) -> Result<Page<RoleAssignment>, Error> {
    let below = format!("{}/", Resource::key_of(&call.path.scope));
    let of_principal;
    let range = match principal {
        Some(id) => {
            of_principal = RoleAssignment::principal_at(id, "") + &below;
            Range::Beginning(RoleAssignment::BY_PRINCIPAL, of_principal.as_str())
        }
        None => Range::Beginning(RoleAssignment::BY_SCOPE, below.as_str()),
    };
    Ok(call
        .cx
        .tx
        .page(&range, after.as_deref(), call.page_size())?)
}

fn view(call: &Call<'_>, assignment: &RoleAssignment) -> Value {
    let root = assignment
        .scope
        .split('/')
        .nth(2)
        .filter(|_| {
            assignment
                .scope
                .to_ascii_lowercase()
                .starts_with("/subscriptions/")
        })
        .or(call.path.subscription.as_deref())
        .map(|id| format!("/subscriptions/{id}"))
        .unwrap_or_default();
    let date = times::text(assignment.created);
    json!({
        "id": assignment.id,
        "type": TYPE,
        "name": assignment.name(),
        "properties": {
            "roleDefinitionId": format!("{root}/providers/Microsoft.Authorization/roleDefinitions/{}", assignment.role),
            "principalId": assignment.principal_id,
            "principalType": assignment.principal_type,
            "scope": if assignment.scope.is_empty() { "/" } else { &assignment.scope },
            "condition": assignment.condition,
            "conditionVersion": assignment.condition_version,
            "description": assignment.description,
            "createdOn": date,
            "updatedOn": date,
            "createdBy": assignment.created_by,
            "updatedBy": assignment.created_by,
            "delegatedManagedIdentityResourceId": null,
        },
    })
}
