//! The list of a scope's deployments.

use super::record::{KIND, state, view};
use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::arm::filter::equalities;
use crate::arm::group_scope;
use crate::ground::wire::Response;
use crate::state::Range;
use crate::state::deployments::Deployment;

/// How many deployments are answered at once, at most: each is kept with its template.
const LARGEST_PAGE: usize = 100;

pub(super) fn list(call: &Call<'_>) -> Result<Response, Error> {
    if call.path.group.is_some() {
        group_scope::require(call)?;
    }
    let wanted = match call.request.query("$filter") {
        Some(filter) if !filter.trim().is_empty() => equalities(filter)?,
        _ => vec![],
    };
    if let Some((field, _)) = wanted
        .iter()
        .find(|(field, _)| !field.eq_ignore_ascii_case("provisioningState"))
    {
        return Err(Error::bad_request(
            "InvalidFilterInQueryString",
            format!("Invalid $filter: '{field}' cannot be filtered by."),
        ));
    }
    let below = format!("{}/providers/{KIND}/", call.path.scope).to_ascii_lowercase();
    let page = call.cx.tx.filtered_page(
        &Range::Below(&below),
        call.after()?.as_deref(),
        call.page_size().min(LARGEST_PAGE),
        |deployment: &Deployment| {
            let state = state(deployment, call.cx);
            Ok::<_, Error>(
                wanted
                    .iter()
                    .all(|(_, text)| text.eq_ignore_ascii_case(state)),
            )
        },
    )?;
    call.page(&page, |deployment| Ok(view(deployment, call.cx)))
}
