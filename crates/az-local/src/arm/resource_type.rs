//! Types of resources that are created, read, changed and deleted alike: what is special about a type is in its [`Kind`].

use super::call::Call;
use super::error::Error;
use super::keep::Members;
use super::names;
use super::path::ProviderPath;
use crate::ground::wire::Response;
use crate::request::Context;
use crate::state::holds::{self, Hold};
use crate::state::operations::Operation;
use crate::state::{Document, Resource, StateError, addresses};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// A type of resource.
pub(crate) struct Kind {
    /// As the provider spells it: `Microsoft.Network/virtualNetworks`.
    pub(crate) name: &'static str,
    /// How its ids spell what stands before a group's name.
    pub(crate) groups: &'static str,
    /// Refuses what a resource cannot be called.
    pub(crate) names: fn(&str) -> Result<(), Error>,
    /// Whether a resource says how far its making is: `provisioningState`.
    pub(crate) has_state: bool,
    /// How a write is answered.
    pub(crate) answers: Answers,
    /// What is special about its members. The others are kept as a request says them.
    pub(crate) members: Members,
    /// Checks a request and completes the resource that it makes.
    pub(crate) put: fn(&Call<'_>, &mut Draft) -> Result<(), Error>,
    /// What a PATCH can change.
    pub(crate) patches: Patches,
    /// Checks a PATCH and changes the resource.
    pub(crate) patch: fn(&Call<'_>, &mut Draft) -> Result<(), Error>,
    /// What the operation of a write has to do besides.
    pub(crate) starts: fn(&Call<'_>, &mut Resource, &Operation) -> Result<(), Error>,
    /// Completes what a GET answers.
    pub(crate) view: fn(&Call<'_>, &Resource, &mut Value) -> Result<(), Error>,
    /// What a resource, as it is now, holds of others.
    pub(crate) holds: fn(&Resource) -> Vec<Hold>,
    /// Pools and numbers of the addresses that a resource, as it is now, has.
    pub(crate) addresses: fn(&Resource) -> Vec<(String, u32)>,
    /// Why a resource that somebody holds cannot be deleted; none where it can all the same.
    pub(crate) in_use: fn(&Resource, &Hold) -> Option<Error>,
    /// Why a resource that is being deleted cannot be changed.
    pub(crate) being_deleted: fn(&Resource) -> Error,
    /// What happens when a resource goes. Gives the ids of those that go with it.
    pub(crate) gone: fn(&Context<'_>, &Resource) -> Result<Vec<String>, StateError>,
}

impl Kind {
    /// A type that holds nothing, that nothing stands against, and that takes nothing along.
    pub(crate) const PLAIN: Kind = Kind {
        name: "",
        groups: "resourceGroups",
        names: names::network,
        has_state: true,
        answers: Answers::AtOnce,
        members: Members::PLAIN,
        put: |_, _| Ok(()),
        patches: Patches::Tags,
        patch: patch_tags,
        starts: |_, _, _| Ok(()),
        view: |_, _, _| Ok(()),
        holds: |_| Vec::new(),
        addresses: |_| Vec::new(),
        in_use: |_, _| None,
        being_deleted,
        gone: |_, _| Ok(Vec::new()),
    };

    /// The provider that has the type.
    pub(crate) fn namespace(&self) -> &'static str {
        self.name.split('/').next().unwrap_or_default()
    }

    /// Takes what the resource holds of others, and gives back what it held and does not hold any more.
    pub(crate) fn take(&self, call: &Call<'_>, resource: &Resource) -> Result<(), Error> {
        let key = resource.key();
        let wanted = (self.holds)(resource);
        if let Err(taken) = holds::take(call.cx.tx, &key, &wanted)? {
            return Err(Error::conflict(
                "ResourceInUse",
                format!(
                    "Resource {} is used by {} and cannot be used by {} at the same time.",
                    taken.held, taken.holder, resource.id
                ),
            ));
        }
        addresses::keep_only(call.cx.tx, &key, &(self.addresses)(resource))?;
        Ok(())
    }
}

/// Answers a call to what is not a tracked type.
type Route = fn(&Call<'_>, &ProviderPath, &[&str]) -> Result<Option<Response>, Error>;

/// A resource provider.
pub(crate) struct Provider {
    pub(crate) namespace: &'static str,
    /// Its tracked types.
    pub(crate) types: &'static [&'static Kind],
    /// Answers what is not about a tracked type, or is about a part of one; none where it is neither. The words are
    /// those of the path behind the namespace, in lower case.
    pub(crate) route: Route,
}

impl Provider {
    /// One that has only tracked types.
    pub(crate) const fn of(namespace: &'static str, types: &'static [&'static Kind]) -> Self {
        Provider {
            namespace,
            types,
            route: |_, _, _| Ok(None),
        }
    }
}

/// How a write is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    /// With the finished resource.
    AtOnce,
    /// The same, and `Location` names a new one's path.
    Located,
    /// With an operation to poll at `Azure-AsyncOperation`.
    Operation,
    /// The same with 202, new or not.
    Accepted,
    /// With a resource whose `provisioningState` is to be polled.
    ProvisioningState(&'static str),
}

/// What a PATCH can change.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patches {
    /// Its tags. What else it says is not looked at, as `Microsoft.Network` does it
    /// (<https://learn.microsoft.com/rest/api/virtualnetwork/network-interfaces/update-tags>).
    Tags,
    /// Every member.
    All,
}

/// A resource in the making.
pub(crate) struct Draft {
    /// The request's body.
    pub(crate) body: Map<String, Value>,
    /// What is there, if anything is.
    pub(crate) existing: Option<Resource>,
    /// What will be there. It begins with `location` and `tags`.
    pub(crate) resource: Resource,
}

impl Draft {
    /// The request's `properties`.
    pub(crate) fn properties(&self) -> Map<String, Value> {
        self.body
            .get("properties")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default()
    }

    /// The existing resource's `properties`.
    pub(crate) fn existing_properties(&self) -> Option<&Map<String, Value>> {
        self.existing.as_ref()?.body.get("properties")?.as_object()
    }

    /// Sets a member of the resource.
    pub(crate) fn set(&mut self, name: &str, value: Value) {
        self.resource.body.insert(name.to_owned(), value);
    }

    /// `properties.resourceGuid`: that which is there, or a new one.
    pub(crate) fn guid(&self) -> Value {
        let old = self
            .existing_properties()
            .and_then(|there| there.get("resourceGuid"));
        old.cloned()
            .unwrap_or_else(|| json!(Uuid::new_v4().to_string()))
    }

    pub(crate) fn id(&self) -> &str {
        &self.resource.id
    }

    /// The zones that it is, or is to be, in.
    pub(crate) fn resource_zones(&self) -> Option<Value> {
        let is = self.existing.as_ref().map(|there| &there.body);
        let zones = is.unwrap_or(&self.body).get("zones");
        zones.filter(|zones| zones.is_array()).cloned()
    }

    pub(crate) fn location(&self) -> &str {
        self.resource
            .body
            .get("location")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

/// A PATCH that changes only tags.
pub(crate) fn patch_tags(_: &Call<'_>, draft: &mut Draft) -> Result<(), Error> {
    if let Some(tags) = draft.body.get("tags").cloned() {
        draft.set("tags", tags);
    }
    Ok(())
}

/// As providers that have no words of their own for it say it.
fn being_deleted(resource: &Resource) -> Error {
    Error::conflict(
        "AnotherOperationInProgress",
        format!(
            "Another operation on this or dependent resource is in progress: the resource {} is being deleted.",
            resource.id
        ),
    )
}

/// <https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources#limitations>
pub(crate) fn check_tags(tags: Option<&Value>) -> Result<(), Error> {
    let Some(tags) = tags.filter(|tags| !tags.is_null()) else {
        return Ok(());
    };
    let refuse = |reason: String| Err(Error::bad_request("InvalidTags", reason));
    let Some(tags) = tags.as_object() else {
        return refuse("The tags must be an object with text values.".to_owned());
    };
    if tags.len() > 50 {
        return Err(Error::bad_request(
            "TooManyTags",
            format!(
                "The number of tags '{}' is more than the limit of '50'.",
                tags.len()
            ),
        ));
    }
    for (name, value) in tags {
        if name.is_empty()
            || name.len() > 512
            || name.contains(['<', '>', '%', '&', '\\', '?', '/'])
        {
            return refuse(format!("The tag name '{name}' is not valid."));
        }
        match value {
            Value::String(text) if text.len() <= 256 => {}
            Value::Null => {}
            _ => return refuse(format!("The value of tag '{name}' is not valid.")),
        }
    }
    Ok(())
}

/// A new etag, in the form that most providers use.
pub(crate) fn etag() -> Value {
    json!(format!("W/\"{}\"", Uuid::new_v4()))
}
