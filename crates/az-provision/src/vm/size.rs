//! The size of a machine, looked up before anything is made.

use az_core::{
    arm::{Client, versions},
    cli::{Failure, Status},
    name::Location,
    nearest::did_you_mean,
};

/// Finds out whether a location offers a size. Whoever may not list the sizes learns it from the machine's creation.
pub(super) async fn look_up(
    arm: &Client,
    subscription: &str,
    location: &Location,
    size: &str,
) -> Result<(), Failure> {
    let path = format!(
        "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{}/vmSizes",
        location.canonical()
    );
    let all = match arm.list(path, versions::COMPUTE, &[]).await {
        Ok(all) => all,
        Err(error) if matches!(error.status(), Some(401 | 403)) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let names: Vec<&str> = all.iter().filter_map(|one| one["name"].as_str()).collect();
    if names.iter().any(|name| name.eq_ignore_ascii_case(size)) {
        return Ok(());
    }
    let near = did_you_mean(size, names).map_or_else(String::new, |near| near + " ");
    Err(Failure::new(
        Status::NotFound,
        format!("there is no size '{size}' in '{}'", location.canonical()),
    )
    .hint(format!(
        "{near}'az-provision vm list-sizes -l {}' lists them.",
        location.canonical()
    )))
}
