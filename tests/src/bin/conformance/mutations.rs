//! The other way round: the local Azure answers wrongly, and a case must fail. One that passes all the same would
//! not notice the fault.

use crate::suite::{self, Case, Outcome, World};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A mutation of az-local (`crates/az-local/src/mutation.rs`), and the case that must notice it.
const MUTATIONS: &[(&str, &str)] = &[
    ("subscriptions-empty", "az/sign-in"),
    ("subscription-name-missing", "az/sign-in"),
    ("token-signature-broken", "az/sign-in"),
    ("token-error-as-500", "az/sign-in"),
    ("group-delete-without-location", "az/group"),
    ("group-head-always-there", "az/group"),
    ("group-tags-dropped", "az/group"),
    ("operation-never-ends", "az/deployment"),
    ("deployment-without-outputs", "az/deployment"),
    ("what-if-says-no-change", "az/deployment"),
    ("deployment-refusal-accepted", "az/deployment-refused"),
    ("instance-view-without-power", "az/vm"),
    ("public-ip-without-address", "az/vm"),
    ("deallocate-does-nothing", "az/vm"),
    ("vm-identity-type-without-space", "az/vm-identity"),
    ("vm-identity-remove-does-nothing", "az/vm-identity"),
    ("identity-without-principal", "az/identity"),
    ("identity-delete-does-nothing", "az/identity"),
    ("role-filter-ignored", "az/role"),
    ("role-assignment-delete-does-nothing", "az/role"),
    ("graph-type-missing", "az/role"),
    ("graph-finds-nobody", "az/role"),
    ("resource-filter-ignored", "az/resource-list"),
    ("subnet-property-dropped", "az/round-trip"),
    ("group-membership-ignored", "az/people"),
    ("tags-replaced-not-merged", "az/lock-and-tag"),
    ("vault-tags-dropped", "az/keyvault"),
    ("deleted-vaults-empty", "az/keyvault"),
    ("vault-recover-does-nothing", "az/keyvault"),
    ("purge-never-ends", "az/keyvault"),
    ("forbidden-without-reason", "az/secret-denied"),
    ("secret-value-missing", "az/secret"),
    ("secret-expiry-in-milliseconds", "az/secret"),
    ("secret-version-ignored", "az/secret"),
    ("secret-purge-does-nothing", "az/secret"),
    ("not-found-as-bad-request", "az/not-found"),
    ("challenge-missing", "go/tutorial-system-assigned"),
    (
        "challenge-for-another-service",
        "go/tutorial-system-assigned",
    ),
    ("secret-id-without-version", "go/tutorial-user-assigned"),
    ("imds-without-expiry", "python/machine"),
    ("imds-other-audience", "js/machine"),
    ("secret-list-never-ends", "python/story"),
    ("vault-rbac-as-text", "contract/responses"),
];

/// Runs each mutation's case. Says whether every mutation was noticed.
pub(crate) fn run(world: &World, cases: &[Case]) -> bool {
    let wanted: Vec<(&str, &Case)> = MUTATIONS
        .iter()
        .filter_map(|(mutation, name)| {
            Some((*mutation, cases.iter().find(|case| case.name == *name)?))
        })
        .collect();
    build(&["--features", "az-local/mutations"]);
    suite::collect_panics();
    let (caught, missed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    suite::side_by_side(wanted.len(), |at| {
        let (mutation, case) = wanted[at];
        match suite::attempt(&world.mutated(mutation), case) {
            Outcome::Failed(reason) => {
                caught.fetch_add(1, Ordering::Relaxed);
                let said = reason
                    .lines()
                    .skip(1)
                    .find(|line| !line.trim().is_empty())
                    .unwrap_or(&reason);
                say!(
                    "ok    {mutation}: {} fails: {}",
                    case.name,
                    said.chars().take(120).collect::<String>()
                );
            }
            Outcome::Passed => {
                missed.fetch_add(1, Ordering::Relaxed);
                say!("FAIL  {mutation}: {} does not notice it", case.name);
            }
            Outcome::Skipped(reason) => say!("skip  {mutation}: {reason}"),
        }
    });
    // What is built stays as users have it.
    build(&[]);
    let (caught, missed) = (caught.into_inner(), missed.into_inner());
    say!("{caught} passed, {missed} failed");
    missed == 0 && caught > 0
}

fn build(features: &[&str]) {
    let status = Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--locked",
            "--workspace",
            "--bins",
            "--examples",
        ])
        .args(features)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .status()
        .expect("cargo runs");
    assert!(status.success(), "az-local does not build");
}
