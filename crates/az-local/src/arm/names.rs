//! What resources can be called.
//!
//! The rules are those of <https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules>;
//! codes and words are what the services were seen to answer, where a source is named.

use super::error::Error;
use std::ops::RangeInclusive;

/// Refuses a path's segment that could be taken for more than one, or for something else than a name.
///
/// `%2F` and its like never reach a service in Azure: its front end decodes a path before it is taken apart, and refuses
/// what a URL could not hold plainly (ASP.NET's `requestPathInvalidCharacters`). What it says is not documented.
pub(super) fn check_segment(segment: &str) -> Result<(), Error> {
    let breaks = |c: char| matches!(c, '/' | '\\' | '?' | '#') || c.is_control();
    let is_step = segment == "." || segment == "..";
    if !is_step && !segment.contains(breaks) && !segment.contains(char::REPLACEMENT_CHARACTER) {
        return Ok(());
    }
    Err(Error::bad_request(
        "InvalidResourceName",
        format!(
            "The provided resource name '{}' is invalid: a segment of the path must be UTF-8, and must not hold '/', '\\', \
             '?', '#' or control characters, or be '.' or '..'.",
            segment.escape_debug()
        ),
    ))
}

/// The name of a resource of `Microsoft.Network`, or of a part of one: 1 to 80 characters
/// (<https://github.com/hashicorp/terraform-provider-azurerm/issues/21093>).
pub(super) fn network(name: &str) -> Result<(), Error> {
    network_of(name, 1..=80)
}

/// The name of a virtual network: 2 to 64 characters.
pub(super) fn virtual_network(name: &str) -> Result<(), Error> {
    network_of(name, 2..=64)
}

fn network_of(name: &str, lengths: RangeInclusive<usize>) -> Result<(), Error> {
    let good = lengths.contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && is_of(name, "-._");
    if good {
        return Ok(());
    }
    Err(Error::bad_request(
        "InvalidResourceName",
        format!(
            "Resource name {} is invalid. The name can be up to {} characters long. It must begin with a word character, \
             and it must end with a word character or with '_'. The name may contain word characters or '.', '-', '_'.",
            name.escape_debug(),
            lengths.end()
        ),
    ))
}

/// The rule that Microsoft.Compute tells of names
/// (<https://github.com/Azure/azure-powershell/issues/4706>).
const ENTITY: &str = r"^[^_\W][\w-._]{0,79}(?<![-.])$";

/// The name of a disk, or of a machine's extension; `what` is its place in a request, as `osDisk.name`.
pub(super) fn entity(name: &str, what: &str) -> Result<(), Error> {
    let good = (1..=80).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !name.ends_with(['-', '.'])
        && is_of(name, "-._");
    if good {
        return Ok(());
    }
    Err(Error::bad_request(
        "InvalidParameter",
        format!("The entity name '{what}' is invalid according to its validation rule: {ENTITY}."),
    )
    .target(what))
}

pub(super) fn disk(name: &str) -> Result<(), Error> {
    entity(name, "disk.name")
}

pub(super) fn extension(name: &str) -> Result<(), Error> {
    entity(name, "vmExtension.name")
}

pub(super) fn virtual_machine(name: &str) -> Result<(), Error> {
    if (1..=64).contains(&name.len()) && !name.ends_with(['.', '-']) && is_of(name, "-._") {
        return Ok(());
    }
    Err(Error::bad_request(
        "InvalidParameter",
        format!(
            "The Azure resource name '{}' is not a valid virtual machine name: at most 64 letters, digits, '-', '.' and '_', \
             not ending in '.' or '-'.",
            name.escape_debug()
        ),
    )
    .target("vmName"))
}

pub(super) fn user_assigned_identity(name: &str) -> Result<(), Error> {
    let good = (3..=128).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && is_of(name, "-_");
    if good {
        return Ok(());
    }
    Err(Error::bad_request(
        "InvalidResourceName",
        format!(
            "Resource name '{}' is invalid. It must start with a letter or number, have 3 to 128 characters, and hold only \
             letters, numbers, hyphens and underscores.",
            name.escape_debug()
        ),
    ))
}

/// Whether a name is of letters and digits, and of these besides.
fn is_of(name: &str, besides: &str) -> bool {
    name.chars()
        .all(|c| c.is_ascii_alphanumeric() || besides.contains(c))
}
