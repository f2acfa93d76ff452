//! A host's endpoint: who it is there for, and what callers must know.

use super::challenges::Challenges;
use super::kept::Kept;
use super::kind::HostKind;
use crate::ground::secret::{random_secret, same};
use crate::ground::wire::Request;

/// An identity that a host has.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// The object id of its service principal.
    pub(crate) object_id: String,
    pub(crate) client_id: String,
    /// The host's own id, or a user-assigned identity's.
    pub(crate) resource_id: String,
    /// Whether it is the host's own.
    pub(crate) is_system: bool,
}

/// Who gets tokens on a host.
pub(crate) enum Holder {
    /// Managed identities; never none.
    Identities(Vec<Identity>),
    /// A user, by object id.
    User(String),
}

/// The endpoint of one host.
pub(crate) struct Endpoint {
    kind: HostKind,
    /// The host's resource id.
    pub(super) resource_id: String,
    pub(super) holder: Holder,
    secret: String,
    /// The secrets of Azure Arc, which are others each time.
    pub(super) challenges: Option<Challenges>,
    pub(super) kept: Kept,
}

impl Endpoint {
    /// A new one, with a secret that nobody knows yet.
    pub(crate) fn new(
        kind: HostKind,
        resource_id: String,
        holder: Holder,
        challenges: Option<Challenges>,
    ) -> Self {
        Endpoint {
            kind,
            resource_id,
            holder,
            secret: random_secret(),
            challenges,
            kept: Kept::default(),
        }
    }

    /// Nobody gets anything any more, and no file of it is left.
    pub(crate) fn close(&self) {
        if let Some(challenges) = &self.challenges {
            challenges.end();
        }
    }

    pub(crate) fn kind(&self) -> HostKind {
        self.kind
    }

    /// What the host tells its programs in a variable, and they in a header.
    pub(crate) fn secret(&self) -> &str {
        &self.secret
    }

    /// The path of the endpoint's URL.
    pub(crate) fn path(&self) -> String {
        match self.kind {
            HostKind::AppService | HostKind::Functions => "/msi/token".to_owned(),
            HostKind::AzureMl => "/MSI/auth".to_owned(),
            HostKind::Arc | HostKind::ServiceFabric => "/metadata/identity/oauth2/token".to_owned(),
            // It asks for no secret, since nobody else is in its container. Here others may be on the computer, and the
            // URL itself is what they do not know.
            HostKind::CloudShell => format!("/{}/oauth2/token", self.secret),
            HostKind::Kubernetes => String::new(),
        }
    }

    /// Whether the request is for the endpoint's path, with a slash at the end or none (documents have both), in any case.
    pub(super) fn is_asked(&self, request: &Request) -> bool {
        let (path, own) = (request.path.trim_end_matches('/'), self.path());
        match self.kind {
            // It has the secret in it.
            HostKind::CloudShell => same(path, &own),
            _ => path.eq_ignore_ascii_case(&own),
        }
    }

    /// The request as it may be logged: a path that has the secret in it has something else in its place.
    pub(crate) fn without_secret(&self, request: &Request) -> Request {
        let mut shown = request.clone();
        shown.path = shown.path.replace(&self.secret, "(redacted)");
        shown
    }

    /// Whether a header has the secret: `None` where there is no such header.
    pub(super) fn knows_secret(&self, request: &Request, header: &str) -> Option<bool> {
        let given = request.header(header)?;
        Some(same(given, &self.secret))
    }

    /// The identities, none where a user gets the tokens.
    pub(crate) fn identities(&self) -> &[Identity] {
        match &self.holder {
            Holder::Identities(all) => all,
            Holder::User(_) => &[],
        }
    }

    /// The host's own identity.
    pub(super) fn system_assigned(&self) -> Option<&Identity> {
        self.identities().iter().find(|one| one.is_system)
    }

    /// The identity that has this id.
    pub(super) fn select(&self, by: Selector, value: &str) -> Option<&Identity> {
        self.identities().iter().find(|one| {
            let held = match by {
                Selector::Client => &one.client_id,
                Selector::Object => &one.object_id,
                Selector::Resource => &one.resource_id,
            };
            held.eq_ignore_ascii_case(value)
        })
    }
}

/// What a parameter names an identity by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Selector {
    /// Its client id.
    Client,
    /// Its object id.
    Object,
    /// Its resource id.
    Resource,
}

/// The parameters among these that a request has, and not empty: the SDK for Go sends an empty one for none.
pub(super) fn selectors<'a>(
    request: &'a Request,
    names: &[(&'static str, Selector)],
) -> Vec<(&'static str, Selector, &'a str)> {
    let given = names
        .iter()
        .filter_map(|(name, by)| Some((*name, *by, request.query(name)?)));
    given.filter(|(_, _, value)| !value.is_empty()).collect()
}
