//! How many requests Resource Manager takes: a bucket of tokens for each principal in each subscription, and one for all
//! principals of a subscription; requests without a subscription are counted in the principal's tenant
//! (<https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling>).

use super::error::Error;
use super::path::Path;
use crate::ground::wire::Response;
use crate::request::{Context, Principal};
use crate::state::throttles::{Empty, Limit};
use http::Method;
use time::Duration;

/// How often all principals of a subscription together may do what one of them may.
const GLOBAL: u32 = 15;

/// How long who is refused is asked to wait. For reads the public cloud says "Please try again after '10' seconds after
/// additional tokens are available"; for others it is not known.
const RETRY_AFTER: Duration = Duration::seconds(10);

/// What a request does, as the limits tell requests apart.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Read,
    Write,
    Delete,
}

/// How many more requests are taken, for the answer's headers.
pub(super) struct Remaining([Option<(&'static str, u32)>; 2]);

impl Remaining {
    /// The answer that says so.
    pub(super) fn told(self, answer: Response) -> Response {
        self.0
            .into_iter()
            .flatten()
            .fold(answer, |answer, (name, left)| {
                answer.with_header(name, left.to_string())
            })
    }
}

impl Kind {
    /// Everything but reading and deleting is a write, actions by POST too: a recorded `executeCommand` has the header of
    /// writes.
    fn of(method: &Method) -> Self {
        match *method {
            Method::GET | Method::HEAD => Kind::Read,
            Method::DELETE => Kind::Delete,
            _ => Kind::Write,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Kind::Read => "read",
            Kind::Write => "write",
            Kind::Delete => "delete",
        }
    }

    /// Of one principal, and of all.
    fn limits(self) -> (Limit, Limit) {
        let (capacity, per_second) = match self {
            Kind::Read => (250, 25),
            Kind::Write | Kind::Delete => (200, 10),
        };
        (
            Limit::new(capacity, per_second),
            Limit::new(capacity * GLOBAL, per_second * GLOBAL),
        )
    }

    /// The headers of a subscription: what the principal has left, and what all have.
    fn in_subscription(self) -> (&'static str, &'static str) {
        match self {
            Kind::Read => (
                "x-ms-ratelimit-remaining-subscription-reads",
                "x-ms-ratelimit-remaining-subscription-global-reads",
            ),
            Kind::Write => (
                "x-ms-ratelimit-remaining-subscription-writes",
                "x-ms-ratelimit-remaining-subscription-global-writes",
            ),
            Kind::Delete => (
                "x-ms-ratelimit-remaining-subscription-deletes",
                "x-ms-ratelimit-remaining-subscription-global-deletes",
            ),
        }
    }

    /// That of a tenant; the documentation has none for deletes.
    fn in_tenant(self) -> Option<&'static str> {
        match self {
            Kind::Read => Some("x-ms-ratelimit-remaining-tenant-reads"),
            Kind::Write => Some("x-ms-ratelimit-remaining-tenant-writes"),
            Kind::Delete => None,
        }
    }
}

/// Lets a request in, or gives the answer that refuses it.
pub(super) fn admit(
    cx: &Context<'_>,
    principal: &Principal,
    method: &Method,
    path: &Path,
) -> Result<Remaining, Box<Response>> {
    if !cx.throttles.are_on() {
        return Ok(Remaining([None, None]));
    }
    let kind = Kind::of(method);
    let (own, all) = kind.limits();
    let key = |parts: &[&str]| cx.throttles.key(parts);
    let who = principal.object_id.as_str();
    let Some(subscription) = &path.subscription else {
        let bucket = key(&["tenant", kind.word(), &principal.tenant_id, who]);
        return match cx.throttles.take(cx.now, [(own, bucket)]) {
            Ok([left]) => Ok(Remaining([kind.in_tenant().map(|name| (name, left)), None])),
            Err(Empty) => Err(refuse(
                cx,
                "TenantRequestsThrottled",
                &format!(
                    "Number of '{}' requests for tenant '{}' actor '{who}' exceeded.",
                    kind.word(),
                    principal.tenant_id
                ),
            )),
        };
    };
    let id = subscription.to_ascii_lowercase();
    let wanted = [
        (own, key(&["subscription", kind.word(), &id, who])),
        (all, key(&["subscription", kind.word(), &id])),
    ];
    match cx.throttles.take(cx.now, wanted) {
        Ok([left, left_for_all]) => {
            let (name, name_of_all) = kind.in_subscription();
            Ok(Remaining([
                Some((name, left)),
                Some((name_of_all, left_for_all)),
            ]))
        }
        Err(Empty) => Err(refuse(
            cx,
            "SubscriptionRequestsThrottled",
            &format!(
                "Number of '{}' requests for subscription '{subscription}' actor '{who}' exceeded.",
                kind.word()
            ),
        )),
    }
}

fn refuse(cx: &Context<'_>, code: &'static str, what: &str) -> Box<Response> {
    let seconds = cx.retry_after(RETRY_AFTER);
    let message = format!(
        "{what} Please try again after '{seconds}' seconds after additional tokens are available. Refer to \
         https://aka.ms/arm-throttling for additional information."
    );
    let answer = Error::new(429, code, message).answer();
    Box::new(answer.with_header("retry-after", seconds.to_string()))
}
