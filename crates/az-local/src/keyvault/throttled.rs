//! How many requests a vault takes (<https://learn.microsoft.com/azure/key-vault/general/service-limits>): in ten seconds 300 that
//! create a secret, and 4,000 others.

use super::error::Error;
use crate::ground::wire::Request;
use crate::request::Context;
use crate::state::throttles::{Empty, Limit};
use crate::state::{Document, Resource};
use http::Method;

const OTHERS: Limit = Limit::new(4000, 400);
const CREATE: Limit = Limit::new(300, 30);

/// Lets a request to a vault in, or says that there are too many. Key Vault does not say how long to wait: in recorded answers
/// is no `Retry-After` (vcsjones/AzureSignTool issue 219), and its guidance is to wait longer each time
/// (<https://learn.microsoft.com/azure/key-vault/general/overview-throttling>).
pub(super) fn admit(cx: &Context<'_>, request: &Request, vault: &Resource) -> Result<(), Error> {
    if !cx.throttles.are_on() {
        return Ok(());
    }
    let id = vault.key();
    // `PUT /secrets/{name}`, and no member of a version.
    let creates = request.method == Method::PUT && request.segments().len() == 2;
    let taken = match creates {
        true => {
            let bucket = cx.throttles.key(&["vault", "create", &id]);
            cx.throttles.take(cx.now, [(CREATE, bucket)]).map(drop)
        }
        false => {
            let bucket = cx.throttles.key(&["vault", "other", &id]);
            cx.throttles.take(cx.now, [(OTHERS, bucket)]).map(drop)
        }
    };
    taken.map_err(|Empty| Error::Other {
        status: 429,
        code: "Throttled",
        message: "Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached"
            .to_owned(),
    })
}
