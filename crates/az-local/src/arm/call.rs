//! One authenticated call to Resource Manager.

use super::error::Error;
use super::locked;
use super::path::Path;
use crate::ground::wire::{Request, Response};
use crate::rbac;
use crate::rbac::condition::Attributes;
use crate::rbac::want::Want;
use crate::request::Context;
use crate::request::Principal;
use crate::state::{Page, Resource, StateError, Subscription};
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use std::cell::Cell;

/// One call: who asks for what.
pub(crate) struct Call<'a> {
    pub(crate) cx: &'a Context<'a>,
    pub(crate) request: &'a Request,
    pub(crate) principal: Principal,
    pub(crate) path: Path,
    pub(crate) api_version: String,
    /// Answers the calls that this one makes: a deployment is a client of Resource Manager.
    pub(crate) router: &'a dyn Router,
}

/// What answers a call.
pub(crate) trait Router {
    /// Answers one.
    fn route(&self, call: &Call<'_>) -> Result<Response, Error>;

    /// Takes a resource out of the state, with what goes with it.
    fn remove(&self, cx: &Context<'_>, id: &str) -> Result<(), StateError>;

    /// What is left to a call that another one makes. None for the request that came in.
    fn allowance(&self) -> Option<Allowance<'_>> {
        None
    }
}

/// What a call may do that another one makes.
#[derive(Clone, Copy)]
pub(crate) struct Allowance<'a> {
    /// How many deployments are around it.
    pub(crate) depth: usize,
    /// The work that is left to all calls of one request together; the unit is theirs.
    pub(crate) left: &'a Cell<u64>,
}

/// How much of a list is answered at once where the caller does not say, and at most.
const LARGEST_PAGE: usize = 1000;

/// Longest body of a request (bytes): longer ones are `RequestContentTooLarge`
/// (<https://github.com/Azure/azure-api-management-devops-resource-kit/issues/594>).
pub(crate) const LARGEST_BODY: usize = 4 * 1024 * 1024;

/// Deepest nesting of a body's arrays and objects. Azure names no number. What is kept is nested a little deeper than
/// what was sent, and must be read again: `serde_json` reads 127 levels.
pub(crate) const DEEPEST_JSON: usize = 100;

impl Call<'_> {
    /// The subscription's id as the path spells it.
    pub(crate) fn subscription(&self) -> &str {
        self.path.subscription.as_deref().unwrap_or_default()
    }

    pub(crate) fn method(&self) -> &Method {
        &self.request.method
    }

    /// The subscription that the path names, which must trust the caller's tenant.
    pub(crate) fn known_subscription(&self) -> Result<Subscription, Error> {
        let id = self.subscription().to_ascii_lowercase();
        let found: Option<Subscription> = self.cx.tx.get(&id)?;
        let found = found.ok_or_else(|| Error::subscription_not_found(self.subscription()))?;
        if !found
            .tenant_id
            .eq_ignore_ascii_case(&self.principal.tenant_id)
        {
            return Err(Error::new(
                401,
                "InvalidAuthenticationTokenTenant",
                format!(
                    "The access token is from the wrong issuer 'https://sts.windows.net/{}/'. It must match the \
                     tenant 'https://sts.windows.net/{}/' associated with this subscription. Please use the \
                     authority (URL) 'https://login.windows.net/{}' to get the token. Note, if the subscription is \
                     transferred to another tenant there is no impact to the services, but information about new \
                     tenant could take time to propagate (up to an hour). If you just transferred your subscription \
                     and see this error message, please try back later.",
                    self.principal.tenant_id, found.tenant_id, found.tenant_id
                ),
            ));
        }
        Ok(found)
    }

    /// Refuses unless the caller's roles allow the action at the scope, and no lock prevents it.
    pub(crate) fn authorize(&self, scope: &str, action: &str) -> Result<(), Error> {
        self.authorize_with(scope, action, &Attributes::default())
    }

    /// The same where what is done has attributes that conditions ask for.
    pub(crate) fn authorize_with(
        &self,
        scope: &str,
        action: &str,
        attributes: &Attributes<'_>,
    ) -> Result<(), Error> {
        let want = Want::Action(action);
        if rbac::allows_with(self.cx, &self.principal, scope, want, attributes)? {
            return locked::check(self.cx, scope, action);
        }
        let (client, object_id) = (self.principal.client(), &self.principal.object_id);
        let scope = if scope.is_empty() { "/" } else { scope };
        Err(Error::new(
            403,
            "AuthorizationFailed",
            format!(
                "The client '{client}' with object id '{object_id}' does not have authorization to perform action \
                 '{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please \
                 refresh your credentials."
            ),
        ))
    }

    /// The same for a resource that a request links to.
    pub(crate) fn authorize_link(
        &self,
        from: &str,
        from_action: &str,
        scope: &str,
        action: &str,
    ) -> Result<(), Error> {
        if self.may(scope, action)? {
            return Ok(());
        }
        let (client, object_id) = (self.principal.client(), &self.principal.object_id);
        Err(Error::new(
            403,
            "LinkedAuthorizationFailed",
            format!(
                "The client '{client}' with object id '{object_id}' has permission to perform action '{from_action}' \
                 on scope '{from}'; however, it does not have permission to perform action(s) '{action}' on the \
                 linked scope(s) '{scope}' (respectively) or the linked scope(s) are invalid."
            ),
        ))
    }

    pub(crate) fn may(&self, scope: &str, action: &str) -> Result<bool, Error> {
        Ok(rbac::allows(
            self.cx,
            &self.principal,
            scope,
            Want::Action(action),
        )?)
    }

    /// The resource with this id.
    pub(crate) fn resource(&self, id: &str) -> Result<Option<Resource>, Error> {
        Ok(self.cx.tx.get(&Resource::key_of(id))?)
    }

    /// How many items the answer to a list has: `$top`, within bounds.
    pub(crate) fn page_size(&self) -> usize {
        let top = self.request.query("$top");
        let top = top.and_then(|text| text.parse::<usize>().ok());
        top.filter(|top| *top > 0)
            .map_or(LARGEST_PAGE, |top| top.min(LARGEST_PAGE))
    }

    /// Where a list goes on: what `$skiptoken` names.
    pub(crate) fn after(&self) -> Result<Option<String>, Error> {
        self.request
            .skip_token()
            .map(|cursor| {
                cursor.ok_or_else(|| {
                    Error::bad_request(
                        "InvalidSkipToken",
                        "The skip token specified in the query string is invalid.",
                    )
                })
            })
            .transpose()
    }

    /// The answer that a page of a list is.
    pub(crate) fn page<T>(
        &self,
        page: &Page<T>,
        view: impl FnMut(&T) -> Result<Value, Error>,
    ) -> Result<Response, Error> {
        let values = page.items.iter().map(view).collect::<Result<_, _>>()?;
        let list = self.list(values, page.next.as_deref());
        Ok(Response::json(StatusCode::OK, &list))
    }

    /// A list, or a part of it with the link to the next part.
    pub(crate) fn list(&self, values: Vec<Value>, next: Option<&str>) -> Value {
        let mut list = json!({"value": values});
        if let Some(next) = next {
            list["nextLink"] = json!(self.request.next_page(next));
        }
        list
    }

    /// The body, which must be a JSON object.
    pub(crate) fn body(&self) -> Result<Map<String, Value>, Error> {
        let text = self.content()?;
        match serde_json::from_slice(text) {
            Ok(parsed) => members(parsed),
            Err(error) => Err(invalid_content(&error.to_string())),
        }
    }

    /// The body's bytes, of which there are some and not too many.
    pub(crate) fn content(&self) -> Result<&[u8], Error> {
        let text = &self.request.body;
        if text.is_empty() {
            return Err(Error::bad_request(
                "MissingRequestBody",
                "The request body is missing: a JSON object is expected.",
            ));
        }
        if text.len() > LARGEST_BODY {
            return Err(Error::new(
                413,
                "RequestContentTooLarge",
                "The request content size exceeds the maximum size of 4 MB.",
            ));
        }
        Ok(text)
    }
}

/// The members of a body that was parsed.
pub(crate) fn members(parsed: Value) -> Result<Map<String, Value>, Error> {
    if depth(&parsed) > DEEPEST_JSON {
        return Err(too_deep());
    }
    match parsed {
        Value::Object(members) => Ok(members),
        _ => Err(invalid_content(
            "Error converting value to an object. Path ''.",
        )),
    }
}

/// How deep arrays and objects are nested in a value. It walks: the value may be deeper than the stack.
pub(crate) fn depth(value: &Value) -> usize {
    let mut deepest = 0;
    let mut left = vec![(value, 1)];
    while let Some((value, depth)) = left.pop() {
        match value {
            Value::Array(values) => left.extend(values.iter().map(|value| (value, depth + 1))),
            Value::Object(members) => left.extend(members.values().map(|value| (value, depth + 1))),
            _ => continue,
        }
        deepest = deepest.max(depth);
    }
    deepest
}

pub(crate) fn too_deep() -> Error {
    invalid_content(&format!(
        "The reader's MaxDepth of {DEEPEST_JSON} has been exceeded."
    ))
}

pub(crate) fn invalid_content(reason: &str) -> Error {
    Error::bad_request(
        "InvalidRequestContent",
        format!("The request content was invalid and could not be deserialized: '{reason}'."),
    )
}
