//! A server of one's own, with the agent of Azure Arc.
//!
//! <https://learn.microsoft.com/azure/azure-arc/servers/managed-identity-authentication>: who asks must be able to read a
//! file that the agent names, which only root and the group `himds` can. Whoever answers could name any file, so only keys
//! in the agent's own folder are read.

use super::{
    error::{ArcKeyFault, ManagedIdentityError},
    imds::add_query,
};
use crate::{arc_agent::ArcAgent, managed_identity_id::ManagedIdentityId, token_answer::Identity};
use azure_core::http::{
    Method, RawResponse, Request, StatusCode, Url,
    headers::{AUTHORIZATION, WWW_AUTHENTICATE},
};
use std::{
    io::Read,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// Where the agent listens, if no variable says otherwise.
pub(super) const ENDPOINT: &str = "http://127.0.0.1:40342/metadata/identity/oauth2/token";

const VERSION: &str = "2020-06-01";

/// In bytes.
const LARGEST_KEY: u64 = 4096;

pub(super) struct AzureArc {
    pub(super) endpoint: Url,
    pub(super) agent: ArcAgent,
}

impl AzureArc {
    /// The request, at first without a key.
    pub(super) fn request(
        &self,
        resource: &str,
        id: &ManagedIdentityId,
        key: Option<&str>,
    ) -> Request {
        let mut url = self.endpoint.clone();
        add_query(&mut url, VERSION, resource, id);
        let mut request = Request::new(url, Method::Get);
        request.insert_header("metadata", "true");
        if let Some(key) = key {
            request.insert_header(AUTHORIZATION, format!("Basic {key}"));
        }
        request
    }

    /// The key that the agent's challenge asks for.
    pub(super) fn key(
        &self,
        challenge: &RawResponse,
    ) -> Result<Zeroizing<String>, ManagedIdentityError> {
        if challenge.status() != StatusCode::Unauthorized {
            return Err(ManagedIdentityError::NoChallenge(challenge.status().into()));
        }
        let path = challenge
            .headers()
            .get_optional_str(&WWW_AUTHENTICATE)
            .and_then(|value| value.split_once("Basic realm="))
            .map(|(_, path)| PathBuf::from(path.trim().trim_matches('"')))
            .ok_or(ManagedIdentityError::ChallengeWithoutFile)?;
        self.read(&path)
            .map_err(|fault| ManagedIdentityError::ChallengeFile { path, fault })
    }

    fn read(&self, path: &Path) -> Result<Zeroizing<String>, ArcKeyFault> {
        let folder = self.agent.tokens.as_ref().ok_or(ArcKeyFault::Platform)?;
        if path.extension().is_none_or(|extension| extension != "key") {
            return Err(ArcKeyFault::Extension);
        }
        // `parent` takes one name off and leaves `..` as it stands, so a path that leads out is not the folder's.
        if path.parent() != Some(folder) {
            return Err(ArcKeyFault::Folder(folder.clone()));
        }
        let mut key = Zeroizing::new(String::with_capacity(LARGEST_KEY as usize + 1));
        std::fs::File::open(path)
            .and_then(|file| file.take(LARGEST_KEY + 1).read_to_string(&mut key))
            .map_err(ArcKeyFault::Unreadable)?;
        if key.len() as u64 > LARGEST_KEY {
            return Err(ArcKeyFault::Size(LARGEST_KEY));
        }
        Ok(Zeroizing::new(key.trim().to_owned()))
    }
}

/// The key that a challenge with this header leads to, for the fuzzers.
#[cfg(feature = "fuzzing")]
pub(crate) fn arc_key(folder: &Path, header: &str) -> Option<String> {
    let agent = ArcAgent {
        tokens: Some(folder.to_owned()),
        himds: None,
    };
    let endpoint = ENDPOINT.parse().ok()?;
    let mut headers = azure_core::http::headers::Headers::new();
    headers.insert(WWW_AUTHENTICATE, header.to_owned());
    let challenge =
        RawResponse::from_bytes(StatusCode::Unauthorized, headers, azure_core::Bytes::new());
    let key = AzureArc { endpoint, agent }.key(&challenge).ok()?;
    Some(key.to_string())
}

/// Makes sure that the token is of the identity that was asked for. An older agent does not know user-assigned ones and
/// gives the machine's own: `verifyAzureArcUserAssignedIdentity` of MSAL for Go.
pub(super) fn confirm(id: &ManagedIdentityId, said: &Identity) -> Result<(), ManagedIdentityError> {
    let (wanted, said) = match id {
        ManagedIdentityId::SystemAssigned => return Ok(()),
        ManagedIdentityId::ClientId(id) => (id, &said.client_id),
        ManagedIdentityId::ObjectId(id) => (id, &said.object_id),
        ManagedIdentityId::ResourceId(id) => {
            let either = said.msi_res_id.as_ref().filter(|said| !said.is_empty());
            (
                id,
                if either.is_some() {
                    &said.msi_res_id
                } else {
                    &said.mi_res_id
                },
            )
        }
    };
    match said {
        Some(said) if said.eq_ignore_ascii_case(wanted) => Ok(()),
        _ => Err(ManagedIdentityError::NotConfirmed(id.clone())),
    }
}
