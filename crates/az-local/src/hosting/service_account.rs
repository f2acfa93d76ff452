//! The token of a pod's service account: a file that is written anew long before the token in it has expired
//! (<https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#serviceaccount-token-volume-projection>).

use super::error::HostError;
use super::who::Workload;
use crate::ground::clock::Reading;
use crate::ground::folder::{make_private, write_private};
use crate::ground::stderr;
use crate::instance::Instance;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use time::{Duration, OffsetDateTime};
use tokio::task::AbortHandle;
use uuid::Uuid;

/// How long a token is valid: what Microsoft Entra Workload ID asks for, unless a pod says otherwise
/// (<https://azure.github.io/azure-workload-identity/docs/topics/service-account-labels-and-annotations.html>).
const LIFETIME: Duration = Duration::hours(1);

/// After how much of its life a token is replaced: 80 %, as the kubelet does.
const REPLACED_AFTER: Duration = Duration::minutes(48);

/// How long one that could not be written is waited for (the disk is full, most likely).
const PAUSE: std::time::Duration = std::time::Duration::from_secs(1);

/// Writes the token's file, and replaces it by the instance's clock until the task is ended.
pub(super) fn keep(
    instance: &Arc<Instance>,
    workload: &Workload,
    path: &Path,
) -> Result<AbortHandle, HostError> {
    if let Some(folder) = path.parent() {
        make_private(folder)?;
    }
    let kept = Kept {
        instance: Arc::clone(instance),
        workload: workload.clone(),
        path: path.to_owned(),
    };
    let written = kept.write()?;
    Ok(tokio::spawn(kept.replace(written)).abort_handle())
}

struct Kept {
    instance: Arc<Instance>,
    workload: Workload,
    path: PathBuf,
}

impl Kept {
    /// Writes a new token; readers see the old one or the new one. Says when, by the instance's clock without what a higher
    /// speed adds: the token lives by its holder's.
    fn write(&self) -> Result<OffsetDateTime, HostError> {
        let key = self.instance.keys.current()?;
        // Its times are the computer's, by which Entra ID's part here takes the assertions of all other issuers.
        let Reading {
            wall: written,
            computer: now,
            ..
        } = self.instance.clock.read();
        let Workload {
            issuer,
            namespace,
            service_account,
            pod,
            ..
        } = &self.workload;
        let token = key.sign(&json!({
            "iss": issuer,
            "sub": self.workload.subject(),
            "aud": [crate::entra::TOKEN_EXCHANGE],
            "iat": now.unix_timestamp(),
            "nbf": now.unix_timestamp(),
            "exp": (now + LIFETIME).unix_timestamp(),
            "jti": Uuid::new_v4().to_string(),
            "kubernetes.io": {
                "namespace": namespace,
                "pod": {"name": format!("{service_account}-pod"), "uid": pod},
                "serviceaccount": {"name": service_account, "uid": self.workload.account_id()},
            },
        }))?;
        write_private(&self.path, token.as_bytes())?;
        Ok(written)
    }

    async fn replace(self, mut written: OffsetDateTime) {
        let mut moved = self.instance.clock_moved.subscribe();
        loop {
            let left = written + REPLACED_AFTER - self.instance.clock.read().wall;
            if left.is_positive() {
                let left = std::time::Duration::try_from(left).unwrap_or_default();
                tokio::select! {
                    () = tokio::time::sleep(left) => {}
                    // The instance holds the other end.
                    _ = moved.changed() => {}
                }
                continue;
            }
            match self.write() {
                Ok(now) => written = now,
                Err(error) => {
                    stderr::say(format_args!(
                        "a service account's token was not replaced: {error}"
                    ));
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}
