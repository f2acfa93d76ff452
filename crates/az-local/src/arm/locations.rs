//! The regions (<https://learn.microsoft.com/azure/reliability/regions-list>).

use super::call::Call;
use super::error::Error;
use crate::ground::wire::Response;
use http::StatusCode;
use serde_json::{Value, json};

/// Name and display name.
const REGIONS: &[(&str, &str)] = &[
    ("australiaeast", "Australia East"),
    ("brazilsouth", "Brazil South"),
    ("canadacentral", "Canada Central"),
    ("centralindia", "Central India"),
    ("centralus", "Central US"),
    ("eastasia", "East Asia"),
    ("eastus", "East US"),
    ("eastus2", "East US 2"),
    ("francecentral", "France Central"),
    ("germanywestcentral", "Germany West Central"),
    ("italynorth", "Italy North"),
    ("japaneast", "Japan East"),
    ("koreacentral", "Korea Central"),
    ("northcentralus", "North Central US"),
    ("northeurope", "North Europe"),
    ("norwayeast", "Norway East"),
    ("polandcentral", "Poland Central"),
    ("southafricanorth", "South Africa North"),
    ("southcentralus", "South Central US"),
    ("southeastasia", "Southeast Asia"),
    ("spaincentral", "Spain Central"),
    ("swedencentral", "Sweden Central"),
    ("switzerlandnorth", "Switzerland North"),
    ("uaenorth", "UAE North"),
    ("uksouth", "UK South"),
    ("ukwest", "UK West"),
    ("westcentralus", "West Central US"),
    ("westeurope", "West Europe"),
    ("westus", "West US"),
    ("westus2", "West US 2"),
    ("westus3", "West US 3"),
];

/// `East US` and `eastus` are one region.
pub(crate) fn canonical(location: &str) -> String {
    location
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

pub(crate) fn is_known(canonical: &str) -> bool {
    REGIONS.iter().any(|(name, _)| *name == canonical)
}

/// `East US`, …: how providers say where their types are.
pub(crate) fn display_names() -> Vec<&'static str> {
    REGIONS.iter().map(|(_, name)| *name).collect()
}

pub(crate) fn names() -> Vec<&'static str> {
    REGIONS.iter().map(|(name, _)| *name).collect()
}

/// `GET /subscriptions/{id}/locations`
pub(crate) fn list(call: &Call<'_>) -> Result<Response, Error> {
    call.authorize(
        &call.path.scope,
        "Microsoft.Resources/subscriptions/locations/read",
    )?;
    let values: Vec<Value> = REGIONS
        .iter()
        .map(|(name, display)| {
            json!({
                "id": format!("/subscriptions/{}/locations/{name}", call.subscription()),
                "name": name,
                "type": "Region",
                "displayName": display,
                "regionalDisplayName": display,
                "metadata": {"regionType": "Physical", "regionCategory": "Recommended"},
            })
        })
        .collect();
    Ok(Response::json(StatusCode::OK, &json!({"value": values})))
}
