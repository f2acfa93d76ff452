//! The kinds of hosts.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A kind of host that gives managed identities to what runs there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum HostKind {
    /// An app of Azure App Service
    AppService,
    /// A function app
    Functions,
    /// A server that is connected by Azure Arc
    Arc,
    /// A compute of an Azure Machine Learning workspace
    AzureMl,
    /// Azure Cloud Shell, where the identity is a user's
    CloudShell,
    /// An application on a Service Fabric cluster
    ServiceFabric,
    /// A pod on Azure Kubernetes Service, with Microsoft Entra Workload ID
    Kubernetes,
}

impl HostKind {
    /// As command lines and the request log have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            HostKind::AppService => "app-service",
            HostKind::Functions => "functions",
            HostKind::Arc => "arc",
            HostKind::AzureMl => "azure-ml",
            HostKind::CloudShell => "cloud-shell",
            HostKind::ServiceFabric => "service-fabric",
            HostKind::Kubernetes => "kubernetes",
        }
    }

    /// The part of a host's resource id that stands behind its resource group.
    pub(crate) fn resource(self, name: &str) -> String {
        let kind = match self {
            HostKind::AppService | HostKind::Functions => "Microsoft.Web/sites",
            HostKind::Arc => "Microsoft.HybridCompute/machines",
            HostKind::AzureMl => {
                return format!(
                    "Microsoft.MachineLearningServices/workspaces/{name}/computes/{name}"
                );
            }
            HostKind::CloudShell => "Microsoft.Portal/consoles",
            HostKind::ServiceFabric => {
                return format!("Microsoft.ServiceFabric/clusters/{name}/applications/{name}");
            }
            HostKind::Kubernetes => "Microsoft.ContainerService/managedClusters",
        };
        format!("{kind}/{name}")
    }
}
