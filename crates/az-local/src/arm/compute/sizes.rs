//! Machine sizes (<https://learn.microsoft.com/azure/virtual-machines/sizes/overview>).

use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::arm::locations;
use crate::ground::wire::Response;
use http::StatusCode;
use serde_json::{Value, json};

/// Name, cores, memory in MiB, data disks.
const SIZES: &[(&str, u32, u32, u32)] = &[
    ("Standard_A1_v2", 1, 2048, 2),
    ("Standard_B1ls", 1, 512, 2),
    ("Standard_B1ms", 1, 2048, 2),
    ("Standard_B1s", 1, 1024, 2),
    ("Standard_B2ats_v2", 2, 1024, 4),
    ("Standard_B2ms", 2, 8192, 4),
    ("Standard_B2s", 2, 4096, 4),
    ("Standard_B2ts_v2", 2, 1024, 4),
    ("Standard_B4ms", 4, 16384, 8),
    ("Standard_D1_v2", 1, 3584, 4),
    ("Standard_D2_v3", 2, 8192, 4),
    ("Standard_D2as_v5", 2, 8192, 4),
    ("Standard_D2ds_v5", 2, 8192, 4),
    ("Standard_D2s_v3", 2, 8192, 4),
    ("Standard_D2s_v5", 2, 8192, 4),
    ("Standard_D2s_v6", 2, 8192, 4),
    ("Standard_D4s_v3", 4, 16384, 8),
    ("Standard_D4s_v5", 4, 16384, 8),
    ("Standard_D8s_v5", 8, 32768, 16),
    ("Standard_DS1_v2", 1, 3584, 4),
    ("Standard_DS2_v2", 2, 7168, 8),
    ("Standard_E2s_v5", 2, 16384, 4),
    ("Standard_E4s_v5", 4, 32768, 8),
    ("Standard_F2s_v2", 2, 4096, 4),
    ("Standard_F4s_v2", 4, 8192, 8),
];

/// A size as Azure spells it. Words: sassoftware/viya4-iac-azure issue 116, Azure/azure-quickstart-templates issue 7147.
pub(super) fn required(name: &str) -> Result<&'static str, Error> {
    let mut sizes = SIZES.iter().map(|(size, ..)| *size);
    sizes
        .find(|size| size.eq_ignore_ascii_case(name))
        .ok_or_else(|| {
            let all: Vec<&str> = SIZES.iter().map(|(size, ..)| *size).collect();
            let all = all.join(",");
            let text = format!(
                "The value {name} provided for the VM size is not valid. The valid sizes in the current region are: \
                 {all}.\r\nFind out more on the available VM sizes in each region at https://aka.ms/azure-regions."
            );
            Error::bad_request("InvalidParameter", text).target("vmSize")
        })
}

/// How many data disks a machine of this size can have.
pub(super) fn data_disks(size: &str) -> u64 {
    let found = SIZES.iter().find(|(name, ..)| *name == size);
    found.map_or(0, |(_, _, _, disks)| u64::from(*disks))
}

/// `GET …/locations/{location}/vmSizes`
pub(crate) fn list(call: &Call<'_>) -> Result<Response, Error> {
    call.authorize(&call.path.scope, "Microsoft.Compute/locations/vmSizes/read")?;
    Ok(all())
}

/// The sizes that a machine may have: those of its region, and of itself (`GET …/virtualMachines/{name}/vmSizes`).
pub(super) fn all() -> Response {
    let values: Vec<Value> = SIZES
        .iter()
        .map(|(name, cores, memory, disks)| {
            json!({
                "name": name, "numberOfCores": cores, "memoryInMB": memory, "maxDataDiskCount": disks,
                "osDiskSizeInMB": 1_047_552, "resourceDiskSizeInMB": 0,
            })
        })
        .collect();
    Response::json(StatusCode::OK, &json!({"value": values}))
}

/// `GET …/locations/{location}/usages`
pub(crate) fn usages(call: &Call<'_>) -> Result<Response, Error> {
    call.authorize(&call.path.scope, "Microsoft.Compute/locations/usages/read")?;
    let value = json!([{
        "unit": "Count", "currentValue": 0, "limit": 100,
        "name": {"value": "cores", "localizedValue": "Total Regional vCPUs"},
    }]);
    Ok(Response::json(StatusCode::OK, &json!({"value": value})))
}

/// `GET …/skus`
pub(crate) fn skus(call: &Call<'_>) -> Result<Response, Error> {
    call.authorize(&call.path.scope, "Microsoft.Compute/skus/read")?;
    let wanted = call
        .request
        .query("$filter")
        .and_then(|filter| filter.split('\'').nth(1))
        .map(locations::canonical);
    let regions: Vec<&str> = locations::names()
        .into_iter()
        .filter(|name| wanted.as_deref().is_none_or(|wanted| wanted == *name))
        .collect();
    let mut values = Vec::new();
    for region in regions {
        for (name, cores, memory, disks) in SIZES {
            values.push(json!({
                "resourceType": "virtualMachines", "name": name, "tier": "Standard",
                "size": name.trim_start_matches("Standard_"), "family": "standardFamily",
                "locations": [region],
                "locationInfo": [{"location": region, "zones": ["1", "2", "3"], "zoneDetails": []}],
                "capabilities": [
                    {"name": "vCPUs", "value": cores.to_string()},
                    {"name": "MemoryGB", "value": (memory / 1024).to_string()},
                    {"name": "MaxDataDiskCount", "value": disks.to_string()},
                    {"name": "HyperVGenerations", "value": "V1,V2"},
                    {"name": "PremiumIO", "value": "True"},
                ],
                "restrictions": [],
            }));
        }
    }
    Ok(Response::json(StatusCode::OK, &json!({"value": values})))
}
