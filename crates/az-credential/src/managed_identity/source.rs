//! Where managed identities come from here.

use crate::parts::Parts;
use std::fmt;

/// A source of managed identities, told by the variables that the hosts set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ManagedIdentitySource {
    /// App Service, Functions, Container Apps: `IDENTITY_ENDPOINT` and `IDENTITY_HEADER`.
    AppService,
    /// A server of one's own with the agent of Azure Arc: `IDENTITY_ENDPOINT` and `IMDS_ENDPOINT`, or the agent's file.
    AzureArc,
    /// Azure Machine Learning: `MSI_ENDPOINT` and `MSI_SECRET`.
    AzureMl,
    /// Cloud Shell: `MSI_ENDPOINT`.
    CloudShell,
    /// Service Fabric: `IDENTITY_ENDPOINT`, `IDENTITY_HEADER` and `IDENTITY_SERVER_THUMBPRINT`.
    ServiceFabric,
    /// The metadata service of a virtual machine, where nothing says otherwise.
    Imds,
}

impl ManagedIdentitySource {
    /// The order is Go's (`GetSource`).
    pub(crate) fn of(parts: &Parts) -> Self {
        let set = |name| parts.env.get(name).is_some();
        if set("IDENTITY_ENDPOINT") && set("IDENTITY_HEADER") {
            if set("IDENTITY_SERVER_THUMBPRINT") {
                ManagedIdentitySource::ServiceFabric
            } else {
                ManagedIdentitySource::AppService
            }
        } else if set("MSI_ENDPOINT") {
            if set("MSI_SECRET") {
                ManagedIdentitySource::AzureMl
            } else {
                ManagedIdentitySource::CloudShell
            }
        } else if set("IDENTITY_ENDPOINT") && set("IMDS_ENDPOINT") || parts.arc_agent.is_here() {
            ManagedIdentitySource::AzureArc
        } else {
            ManagedIdentitySource::Imds
        }
    }
}

impl fmt::Display for ManagedIdentitySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ManagedIdentitySource::AppService => "App Service",
            ManagedIdentitySource::AzureArc => "Azure Arc",
            ManagedIdentitySource::AzureMl => "Azure Machine Learning",
            ManagedIdentitySource::CloudShell => "Cloud Shell",
            ManagedIdentitySource::ServiceFabric => "Service Fabric",
            ManagedIdentitySource::Imds => "the metadata service",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::parts;

    #[test]
    fn hosts_are_told_apart_by_their_variables() {
        const SERVICE_FABRIC: [(&str, &str); 3] = [
            ("IDENTITY_ENDPOINT", "e"),
            ("IDENTITY_HEADER", "h"),
            ("IDENTITY_SERVER_THUMBPRINT", "t"),
        ];
        const ML: [(&str, &str); 2] = [("MSI_ENDPOINT", "m"), ("MSI_SECRET", "s")];
        let cases: [(&[(&str, &str)], ManagedIdentitySource); 8] = [
            (&[], ManagedIdentitySource::Imds),
            (&SERVICE_FABRIC[..1], ManagedIdentitySource::Imds),
            (&SERVICE_FABRIC[..2], ManagedIdentitySource::AppService),
            (&SERVICE_FABRIC, ManagedIdentitySource::ServiceFabric),
            (
                &[("IDENTITY_ENDPOINT", "e"), ("IMDS_ENDPOINT", "i")],
                ManagedIdentitySource::AzureArc,
            ),
            (&ML[..1], ManagedIdentitySource::CloudShell),
            (&ML, ManagedIdentitySource::AzureMl),
            (&ML[1..], ManagedIdentitySource::Imds),
        ];
        for (variables, expected) in cases {
            assert_eq!(
                ManagedIdentitySource::of(&parts(variables, &[])),
                expected,
                "{variables:?}"
            );
        }
    }

    #[test]
    fn a_machine_with_the_agent_s_file_is_one_of_azure_arc() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let mut parts = parts(&[], &[]);
        parts.arc_agent.himds = Some(file.path().to_owned());
        assert_eq!(
            ManagedIdentitySource::of(&parts),
            ManagedIdentitySource::AzureArc
        );
    }
}
