//! Role assignments.

use crate::{
    cli::{Create, Delete, List},
    definition::{self, date},
    graph,
    principal::{self, Named, Principal},
    scope::scope,
};
use az_core::{
    arm::{ArmError, ResourceId, versions},
    cli::{self, Doing, Failure, Session, Status, for_each},
    graph::GraphError,
    role::{self, ASSIGNMENTS as TYPE},
};
use futures::try_join;
use serde_json::{Map, Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// What a request at the end of a wait needs of the command's time.
const LAST_TRY: Duration = Duration::from_secs(1);

/// `assignment create`: for one assignee, or for each on standard input.
pub(crate) async fn create(session: &Session, args: &Create) -> Result<(), Failure> {
    let whom = &args.assignee;
    let list = match (&whom.assignee_object_id, whom.assignee.as_deref()) {
        (Some(id), _) => cli::List::one(principal::known(id, args.assignee_principal_type)),
        (None, Some("-")) => cli::List::from_stdin("assignees", Named::from_item).await?,
        (None, name) => cli::List::one(Named::parse(name.unwrap_or_default())?),
    };
    // The role is the same for all; its look-up and the first assignee's go side by side.
    let role = tokio::sync::OnceCell::new();
    let role = &role;
    for_each(session, &args.lists, list, |one| async move {
        let (role, mut principal) = try_join!(
            role.get_or_try_init(|| role::resolve(session, &args.role, &args.scope)),
            one.resolve(session),
        )?;
        if let Some(kind) = args.assignee_principal_type {
            principal.kind = Some(kind.as_str().to_owned());
        }
        Assignment {
            args,
            role,
            principal: &principal,
        }
        .ensure(session)
        .await
    })
    .await
}

/// An assignment that is wanted.
struct Assignment<'a> {
    args: &'a Create,
    role: &'a ResourceId,
    principal: &'a Principal,
}

impl Assignment<'_> {
    /// As Azure is told of it.
    fn written(&self) -> role::Assignment<'_> {
        role::Assignment {
            scope: self.args.scope.as_str(),
            principal: &self.principal.id,
            principal_type: self.principal.kind.as_deref(),
            role: self.role,
            description: self.args.description.as_deref(),
            condition: self.args.condition.as_deref(),
            condition_version: self.args.condition_version.as_deref(),
        }
    }

    /// Makes it, unless it is there.
    async fn ensure(&self, session: &Session) -> Result<Value, Failure> {
        let arm = session.arm()?;
        let scope = self.args.scope.as_str().trim_end_matches('/');
        let path = format!("{scope}/providers/{TYPE}/{}", self.written().name());
        let doing = format!(
            "assigning role '{}' to '{}' on '{}'",
            self.args.role, self.principal.id, self.args.scope
        );
        let started = Instant::now();
        let longest = self.args.wait_for_principal.min(session.budget.total());
        let mut pause = Duration::from_millis(200);
        let mut said = false;
        loop {
            let error = match arm
                .put(&path, versions::AUTHORIZATION, self.written().body())
                .await
            {
                Ok(answer) => return Ok(shape(&answer.body)),
                Err(error) => error,
            };
            match error.code() {
                Some("RoleAssignmentExists") => return self.existing(session).await.doing(&doing),
                // A principal that was created just now may not have reached the directory that ARM asks.
                // https://learn.microsoft.com/azure/role-based-access-control/troubleshooting#symptom---assigning-a-role-to-a-new-principal-sometimes-fails
                Some("PrincipalNotFound")
                    if started.elapsed() + pause <= longest
                        && pause + LAST_TRY < session.budget.left() =>
                {
                    if !said {
                        session.warn(format!(
                            "'{}' is not known to Azure yet; trying again for {longest:?}",
                            self.principal.id
                        ));
                        said = true;
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(10));
                }
                _ => return Err(error).doing(&doing),
            }
        }
    }

    /// The assignment that says the same under another name.
    async fn existing(&self, session: &Session) -> Result<Value, Failure> {
        let filter = format!("principalId eq '{}'", self.principal.id);
        let found = read(session, &self.args.scope, &filter).await?;
        let same = found.iter().find(|assignment| {
            let text = |name: &str| assignment["properties"][name].as_str().unwrap_or_default();
            let role: Option<ResourceId> = text("roleDefinitionId").parse().ok();
            text("scope").eq_ignore_ascii_case(self.args.scope.as_str())
                && role.is_some_and(|role| role.name().eq_ignore_ascii_case(self.role.name()))
        });
        let Some(same) = same else {
            return Err(Failure::new(
                Status::Conflict,
                "Azure says that it exists, but does not list it",
            )
            .hint("Run the same command again in a minute."));
        };
        self.compare(same)?;
        Ok(shape(same))
    }

    /// Says how an assignment that is there differs from what the flags ask for.
    fn compare(&self, there: &Value) -> Result<(), Failure> {
        let mut differences = Vec::new();
        for (name, want) in [
            ("description", &self.args.description),
            ("condition", &self.args.condition),
        ] {
            let is = there["properties"][name].as_str().unwrap_or_default();
            if let Some(want) = want.as_ref().filter(|want| *want != is) {
                differences.push(format!("{name} is '{is}', not '{want}'"));
            }
        }
        if differences.is_empty() {
            return Ok(());
        }
        Err(Failure::new(
            Status::Conflict,
            format!("it exists already, and its {}", differences.join(", its ")),
        )
        .hint("Delete it first ('az-role assignment delete'), or leave the flag out."))
    }
}

async fn read(session: &Session, scope: &ResourceId, filter: &str) -> Result<Vec<Value>, Failure> {
    let scope = scope.as_str().trim_end_matches('/');
    let query: Vec<(&str, &str)> = if filter.is_empty() {
        vec![]
    } else {
        vec![("$filter", filter)]
    };
    Ok(session
        .arm()?
        .list(
            format!("{scope}/providers/{TYPE}"),
            versions::AUTHORIZATION,
            &query,
        )
        .await?)
}

/// What `list` and `delete` select.
struct Selection<'a> {
    scope: &'a ResourceId,
    /// Everything below the scope, not only what is at it.
    all: bool,
    inherited: bool,
    role: Option<&'a str>,
    principal: Option<String>,
}

impl Selection<'_> {
    async fn read(&self, session: &Session) -> Result<Vec<Value>, Failure> {
        // https://learn.microsoft.com/azure/role-based-access-control/role-assignments-list-rest
        let filter = match (&self.principal, self.all) {
            (Some(principal), _) => format!("principalId eq '{principal}'"),
            (None, true) => String::new(),
            (None, false) => "atScope()".to_owned(),
        };
        let (found, role) = try_join!(read(session, self.scope, &filter), async {
            match self.role {
                Some(role) => role::resolve(session, role, self.scope).await.map(Some),
                None => Ok(None),
            }
        })?;
        let kept = found.into_iter().filter(|assignment| {
            let text = |name: &str| assignment["properties"][name].as_str().unwrap_or_default();
            let own: Option<ResourceId> = text("roleDefinitionId").parse().ok();
            let at = text("scope");
            let at_scope = if self.all {
                true
            } else {
                at.eq_ignore_ascii_case(self.scope.as_str())
            };
            let above = self.inherited && is_above(at, self.scope);
            let role = role.as_ref().is_none_or(|role| {
                own.is_some_and(|own| own.name().eq_ignore_ascii_case(role.name()))
            });
            let principal = self
                .principal
                .as_deref()
                .is_none_or(|id| text("principalId").eq_ignore_ascii_case(id));
            (at_scope || above) && role && principal
        });
        Ok(kept.collect())
    }
}

fn is_above(at: &str, scope: &ResourceId) -> bool {
    let (at, scope) = (
        at.trim_end_matches('/').to_lowercase(),
        scope.as_str().to_lowercase(),
    );
    at.contains("/managementgroups/")
        || scope
            .strip_prefix(&at)
            .is_some_and(|rest| rest.starts_with('/'))
}

/// `assignment list`, with the names of roles and principals.
pub(crate) async fn list(session: &Session, args: &List) -> Result<Value, Failure> {
    let scope = scope(session, args.scope.clone(), args.resource_group.as_ref()).await?;
    let selection = Selection {
        scope: &scope,
        all: args.all,
        inherited: args.include_inherited,
        role: args.role.as_deref(),
        principal: args.assignee.filter(session).await?,
    };
    let roles = async {
        match args.fill_role_definition_name {
            true => definition::names(session, &scope).await,
            false => Ok(vec![]),
        }
    };
    let (found, roles) = try_join!(selection.read(session), roles)?;
    let mut ids: Vec<&str> = found
        .iter()
        .filter_map(|one| one["properties"]["principalId"].as_str())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    // Names are an extra: without the right to read the directory the list is still good.
    let people = match graph::client(session) {
        Ok(client) if args.fill_principal_name && !ids.is_empty() => {
            match graph::by_ids(&client, &ids).await {
                Err(error @ GraphError::Foreign(_)) => return Err(error.into()),
                people => people.unwrap_or_default(),
            }
        }
        _ => vec![],
    };
    Ok(found
        .iter()
        .map(|assignment| {
            let shaped = shape(assignment);
            let mut kept: Map<String, Value> = match shaped {
                Value::Object(members) => members
                    .into_iter()
                    .filter(|(_, member)| !member.is_null())
                    .collect(),
                _ => Map::new(),
            };
            let role = assignment["properties"]["roleDefinitionId"]
                .as_str()
                .unwrap_or_default()
                .to_lowercase();
            let name = roles
                .iter()
                .find(|(guid, _)| role.ends_with(&format!("/{guid}")))
                .map(|(_, name)| name.as_str());
            if args.fill_role_definition_name {
                let name = name.unwrap_or_default();
                kept.insert("roleDefinitionName".to_owned(), name.into());
            }
            let id = assignment["properties"]["principalId"].as_str();
            let name = people
                .iter()
                .find(|known| Some(known.id.as_str()) == id)
                .and_then(|known| known.name.as_deref());
            if args.fill_principal_name {
                let name = name.unwrap_or_default();
                kept.insert("principalName".to_owned(), name.into());
            }
            Value::Object(kept)
        })
        .collect())
}

/// `assignment delete`. One that is not there is no error.
pub(crate) async fn delete(session: &Session, args: &Delete) -> Result<Value, Failure> {
    let arm = session.arm()?;
    let ids: Vec<ResourceId> = if args.ids.is_empty() {
        let filtered = args.role.is_some()
            || args.scope.is_some()
            || args.resource_group.is_some()
            || args.assignee.assignee.is_some()
            || args.assignee.assignee_object_id.is_some();
        let scope = scope(session, args.scope.clone(), args.resource_group.as_ref()).await?;
        if !filtered {
            session.confirm_by_name(
                "This removes every role assignment at the subscription.",
                scope.name(),
            )?;
        }
        let selection = Selection {
            scope: &scope,
            all: false,
            inherited: args.include_inherited,
            role: args.role.as_deref(),
            principal: args.assignee.filter(session).await?,
        };
        let found = selection.read(session).await?;
        found
            .iter()
            .filter_map(|assignment| assignment["id"].as_str()?.parse().ok())
            .collect()
    } else {
        if let Some(other) = args.ids.iter().find(|id| !id.is_type(TYPE)) {
            return Err(Failure::usage(format!(
                "'{other}' is not the id of a role assignment"
            )));
        }
        args.ids.clone()
    };
    if ids.is_empty() {
        session.warn("no role assignment matches; nothing was removed");
    }
    let removed = futures::future::join_all(
        ids.iter()
            .map(|id| arm.delete(id, versions::AUTHORIZATION, &[])),
    )
    .await;
    for (result, id) in removed.into_iter().zip(&ids) {
        let result: Result<_, ArmError> = result;
        result.doing(format!("removing role assignment '{id}'"))?;
    }
    Ok(Value::Null)
}

/// An assignment with the members that `az` prints: `properties` lifted.
fn shape(assignment: &Value) -> Value {
    if assignment.is_null() {
        return Value::Null;
    }
    let properties = &assignment["properties"];
    json!({
        "condition": properties["condition"],
        "conditionVersion": properties["conditionVersion"],
        "createdBy": properties["createdBy"],
        "createdOn": date(&properties["createdOn"]),
        "delegatedManagedIdentityResourceId": properties["delegatedManagedIdentityResourceId"],
        "description": properties["description"],
        "id": assignment["id"],
        "name": assignment["name"],
        "principalId": properties["principalId"],
        "principalType": properties["principalType"],
        "roleDefinitionId": properties["roleDefinitionId"],
        "scope": properties["scope"],
        "systemData": assignment["systemData"],
        "type": assignment["type"],
        "updatedBy": properties["updatedBy"],
        "updatedOn": date(&properties["updatedOn"]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_above_are_prefixes_by_segment() {
        let vault = ResourceId::group("s", "g").resource("Microsoft.KeyVault", "vaults", "v");
        assert!(is_above("/subscriptions/S", &vault));
        assert!(is_above("/", &vault));
        assert!(!is_above(
            "/subscriptions/s/resourceGroups/gg",
            &ResourceId::group("s", "ggg")
        ));
        assert!(!is_above(vault.as_str(), &vault));
    }
}
