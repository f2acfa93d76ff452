//! Whom to ask here, and how, as the host's variables say.

use super::{
    app_service::AppService,
    azure_arc::{self, AzureArc},
    azure_ml::AzureMl,
    error::ManagedIdentityError,
    imds,
    service_fabric::{ServiceFabric, Thumbprint, pinned},
    source::ManagedIdentitySource,
};
use crate::{managed_identity_id::ManagedIdentityId, parts::Parts};
use azure_core::http::{Transport, Url};
use zeroize::Zeroizing;

/// A source with what its requests are made of.
pub(super) enum Endpoint {
    AppService(AppService),
    AzureArc(AzureArc),
    AzureMl(AzureMl),
    CloudShell(Url),
    ServiceFabric(ServiceFabric),
    Imds(Url),
}

impl Endpoint {
    /// # Errors
    /// The source does not take an identity of this kind, or a variable holds no address.
    pub(super) fn of(parts: &Parts, id: &ManagedIdentityId) -> Result<Self, ManagedIdentityError> {
        let source = ManagedIdentitySource::of(parts);
        check(source, id)?;
        let secret = |name| {
            let value = parts.env.get(name).unwrap_or_default();
            Zeroizing::new(value.to_owned())
        };
        Ok(match source {
            ManagedIdentitySource::AppService => Endpoint::AppService(AppService {
                endpoint: address(parts, "IDENTITY_ENDPOINT", None)?,
                header: secret("IDENTITY_HEADER"),
            }),
            ManagedIdentitySource::AzureArc => Endpoint::AzureArc(AzureArc {
                endpoint: address(parts, "IDENTITY_ENDPOINT", Some(azure_arc::ENDPOINT))?,
                agent: parts.arc_agent.clone(),
            }),
            ManagedIdentitySource::AzureMl => Endpoint::AzureMl(AzureMl {
                endpoint: address(parts, "MSI_ENDPOINT", None)?,
                secret: secret("MSI_SECRET"),
                default_client_id: parts
                    .env
                    .get("DEFAULT_IDENTITY_CLIENT_ID")
                    .map(str::to_owned),
            }),
            ManagedIdentitySource::CloudShell => {
                Endpoint::CloudShell(address(parts, "MSI_ENDPOINT", None)?)
            }
            ManagedIdentitySource::ServiceFabric => {
                let endpoint = address(parts, "IDENTITY_ENDPOINT", None)?;
                if endpoint.scheme() != "https" {
                    return Err(ManagedIdentityError::Endpoint {
                        variable: "IDENTITY_ENDPOINT",
                        reason: " that begins with https://",
                    });
                }
                Endpoint::ServiceFabric(ServiceFabric {
                    endpoint,
                    header: secret("IDENTITY_HEADER"),
                })
            }
            ManagedIdentitySource::Imds => Endpoint::Imds(parse("", imds::ENDPOINT)?),
        })
    }

    /// What the requests go over: the program's HTTP client, but for the source with a certificate of its own.
    pub(super) fn transport(&self, parts: &Parts) -> Result<Transport, ManagedIdentityError> {
        match self {
            Endpoint::ServiceFabric(_) => {
                let thumbprint = parts.env.get("IDENTITY_SERVER_THUMBPRINT");
                Ok(pinned(Thumbprint::parse(thumbprint.unwrap_or_default())?)?)
            }
            _ => Ok(parts.transport.clone()),
        }
    }

    pub(super) fn source(&self) -> ManagedIdentitySource {
        match self {
            Endpoint::AppService(_) => ManagedIdentitySource::AppService,
            Endpoint::AzureArc(_) => ManagedIdentitySource::AzureArc,
            Endpoint::AzureMl(_) => ManagedIdentitySource::AzureMl,
            Endpoint::CloudShell(_) => ManagedIdentitySource::CloudShell,
            Endpoint::ServiceFabric(_) => ManagedIdentitySource::ServiceFabric,
            Endpoint::Imds(_) => ManagedIdentitySource::Imds,
        }
    }
}

/// What each source takes is as in `New` of `managedidentity.go` of MSAL for Go.
fn check(
    source: ManagedIdentitySource,
    id: &ManagedIdentityId,
) -> Result<(), ManagedIdentityError> {
    let taken = match (source, id) {
        (_, ManagedIdentityId::SystemAssigned) => true,
        (ManagedIdentitySource::CloudShell | ManagedIdentitySource::ServiceFabric, _) => false,
        (ManagedIdentitySource::AzureMl, id) => matches!(id, ManagedIdentityId::ClientId(_)),
        _ => true,
    };
    if !taken {
        return Err(ManagedIdentityError::UnsupportedId {
            host: source,
            id: id.clone(),
        });
    }
    match id.value() {
        Some("") => Err(ManagedIdentityError::EmptyId),
        _ => Ok(()),
    }
}

fn address(
    parts: &Parts,
    variable: &'static str,
    otherwise: Option<&'static str>,
) -> Result<Url, ManagedIdentityError> {
    let text = parts.env.get(variable).or(otherwise);
    parse(variable, text.unwrap_or_default())
}

fn parse(variable: &'static str, text: &str) -> Result<Url, ManagedIdentityError> {
    let url = Url::parse(text).ok();
    url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or(ManagedIdentityError::Endpoint {
            variable,
            reason: " that begins with http:// or https://",
        })
}
