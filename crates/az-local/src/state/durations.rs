//! How long operations take in the public cloud, and after how long it says to ask again. `docs/profiles.md` says of each where
//! it is known from; where only bounds are known, a time within them was chosen, and the page says so.

use time::Duration;

/// What is done to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Create,
    Update,
    Delete,
    Start,
    Restart,
    PowerOff,
    Deallocate,
}

/// How long an operation on a resource of this type takes.
pub(crate) fn typical(kind: &str, work: Work) -> Option<Duration> {
    let seconds = match (kind.to_ascii_lowercase().as_str(), work) {
        ("microsoft.resources/resourcegroups", Work::Delete) => 45,
        ("microsoft.compute/virtualmachines", work) => match work {
            Work::Create => 68,
            Work::Update | Work::Restart => 1,
            Work::Delete => 40,
            Work::Start => 4,
            Work::PowerOff => 12,
            Work::Deallocate => 145,
        },
        ("microsoft.compute/virtualmachines/extensions", Work::Create) => 75,
        ("microsoft.compute/virtualmachines/extensions", Work::Delete) => 35,
        ("microsoft.compute/virtualmachines/extensions", _) => 1,
        ("microsoft.compute/disks", _) => 1,
        ("microsoft.network/virtualnetworks" | "microsoft.network/networksecuritygroups", work) => {
            match work {
                Work::Delete => 10,
                _ => 3,
            }
        }
        ("microsoft.network/publicipaddresses", Work::Delete) => 10,
        ("microsoft.network/publicipaddresses", _) => 2,
        ("microsoft.network/networkinterfaces", Work::Delete) => 10,
        ("microsoft.network/networkinterfaces", _) => 1,
        ("microsoft.keyvault/vaults", _) => 20,
        ("microsoft.keyvault/locations/deletedvaults", _) => 60,
        _ => return None,
    };
    Some(Duration::seconds(seconds))
}

/// After how long the services of a provider ask a client to come back.
pub(crate) fn typical_retry_after(namespace: &str, deletes: bool) -> Option<Duration> {
    let seconds = match namespace.to_ascii_lowercase().as_str() {
        "microsoft.compute" => 10,
        "microsoft.network" if deletes => 10,
        "microsoft.network" => 3,
        "microsoft.keyvault" => 5,
        _ => return None,
    };
    Some(Duration::seconds(seconds))
}
