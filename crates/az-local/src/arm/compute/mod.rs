//! `Microsoft.Compute`.

mod data_disks;
pub(crate) mod disks;
pub(crate) mod extensions;
mod guest;
mod identity;
mod images;
mod os_profile;
mod run_command;
mod sizes;
pub(crate) mod virtual_machines;

use super::call::Call;
use super::error::Error;
use super::path::ProviderPath;
use super::resource_type::Provider;
use super::version;
use crate::ground::wire::Response;
use crate::request::Context;
use crate::request::effects::{AskedBy, Script, ScriptEnd};
use crate::state::StateError;
use http::{Method, StatusCode};
use serde_json::json;

pub(crate) const PROVIDER: Provider = Provider {
    namespace: "Microsoft.Compute",
    types: &[&virtual_machines::KIND, &extensions::KIND, &disks::KIND],
    route,
};

/// Tells who asked for a script how it ended.
pub(crate) fn script_ended(
    cx: &Context<'_>,
    script: &Script,
    end: &ScriptEnd,
) -> Result<(), StateError> {
    match &script.asked_by {
        AskedBy::RunCommand => run_command::ended(cx, script, end),
        AskedBy::Extension(id) => extensions::ended(cx, script, id, end),
    }
}

/// What is not a tracked type of its own: catalogues, a machine's instance view and its actions.
fn route(
    call: &Call<'_>,
    provider: &ProviderPath,
    words: &[&str],
) -> Result<Option<Response>, Error> {
    let reads = call.method() == Method::GET;
    if let ["locations", location, what, ..] = words {
        // As the provider spells it.
        let types = match *what {
            "vmsizes" => "locations/vmSizes",
            what => &format!("locations/{what}"),
        };
        version::check_location(call, location, types)?;
    }
    let response = match words {
        ["locations", location, "publishers", rest @ ..] if reads => {
            images::route(call, location, rest)?
        }
        ["locations", _, "vmsizes"] if reads => sizes::list(call)?,
        ["locations", _, "usages"] if reads => sizes::usages(call)?,
        ["skus"] if reads => sizes::skus(call)?,
        // Nobody can make an image of his own here, but a client may ask whether a name is one.
        ["images"] if reads => {
            call.authorize(&call.path.scope, "Microsoft.Compute/images/read")?;
            Response::json(StatusCode::OK, &json!({"value": []}))
        }
        ["images", _] if reads => {
            call.authorize(&call.path.scope, "Microsoft.Compute/images/read")?;
            return Err(Error::resource_not_found(
                "Microsoft.Compute/images",
                provider.name(0),
                call.path.group.as_deref(),
            ));
        }
        ["virtualmachines", _, "instanceview"] if reads => {
            virtual_machines::instance_view(call, provider.name(0))?
        }
        ["virtualmachines", _, "vmsizes"] if reads => {
            virtual_machines::own(call, provider.name(0), "vmSizes/read")?;
            sizes::all()
        }
        ["virtualmachines", _, "runcommand"] if call.method() == Method::POST => {
            run_command::invoke(call, provider.name(0))?
        }
        ["virtualmachines", _, "attachdetachdatadisks"] if call.method() == Method::POST => {
            virtual_machines::change_data_disks(call, provider.name(0))?
        }
        ["virtualmachines", _, action] if call.method() == Method::POST => {
            virtual_machines::act(call, provider.name(0), action)?
        }
        _ => return Ok(None),
    };
    Ok(Some(response))
}
