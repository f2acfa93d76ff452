//! Azure's clouds: their endpoints and audiences.
//!
//! The table is `az`'s own (`az cloud list`), see also
//! <https://learn.microsoft.com/azure/azure-government/compare-azure-government-global-azure> and
//! <https://learn.microsoft.com/azure/china/resources-developer-guide>.

use crate::{az_config::AzConfig, env::Env};
use azure_core::{
    cloud::{CloudConfiguration, CustomConfiguration},
    http::Url,
};
use std::sync::Arc;

/// One of Azure's clouds.
#[derive(Clone, Copy)]
pub struct Cloud(&'static Endpoints);

struct Endpoints {
    /// The name as `az` spells it.
    name: &'static str,
    /// Other names that people and the SDKs use.
    aliases: &'static [&'static str],
    authority: &'static str,
    /// <https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity>
    token_exchange_scope: &'static str,
    resource_manager: &'static str,
    resource_manager_scope: &'static str,
    graph: &'static str,
    graph_scope: &'static str,
    vault_suffix: &'static str,
    vault_scope: &'static str,
}

static CLOUDS: [Endpoints; 3] = [
    Endpoints {
        name: "AzureCloud",
        aliases: &["AzurePublicCloud", "AzurePublic", "Public"],
        authority: "https://login.microsoftonline.com/",
        token_exchange_scope: "api://AzureADTokenExchange/.default",
        resource_manager: "https://management.azure.com/",
        resource_manager_scope: "https://management.azure.com/.default",
        graph: "https://graph.microsoft.com/",
        graph_scope: "https://graph.microsoft.com/.default",
        vault_suffix: "vault.azure.net",
        vault_scope: "https://vault.azure.net/.default",
    },
    Endpoints {
        name: "AzureUSGovernment",
        aliases: &[
            "AzureUSGovernmentCloud",
            "AzureGovernment",
            "USGovernment",
            "USGov",
        ],
        authority: "https://login.microsoftonline.us/",
        token_exchange_scope: "api://AzureADTokenExchangeUSGov/.default",
        resource_manager: "https://management.usgovcloudapi.net/",
        resource_manager_scope: "https://management.usgovcloudapi.net/.default",
        graph: "https://graph.microsoft.us/",
        graph_scope: "https://graph.microsoft.us/.default",
        vault_suffix: "vault.usgovcloudapi.net",
        vault_scope: "https://vault.usgovcloudapi.net/.default",
    },
    Endpoints {
        name: "AzureChinaCloud",
        aliases: &["AzureChina", "China"],
        authority: "https://login.chinacloudapi.cn/",
        token_exchange_scope: "api://AzureADTokenExchangeChina/.default",
        resource_manager: "https://management.chinacloudapi.cn/",
        resource_manager_scope: "https://management.chinacloudapi.cn/.default",
        graph: "https://microsoftgraph.chinacloudapi.cn/",
        graph_scope: "https://microsoftgraph.chinacloudapi.cn/.default",
        vault_suffix: "vault.azure.cn",
        vault_scope: "https://vault.azure.cn/.default",
    },
];

/// No cloud has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no cloud '{name}' (from {origin}); the clouds are AzureCloud, AzureUSGovernment and AzureChinaCloud"
)]
pub struct UnknownCloud {
    /// The name as given.
    pub name: String,
    /// Where it was given: `--cloud`, a variable or a file.
    pub origin: String,
}

impl Cloud {
    /// The cloud that the user means: `flag` (`--cloud`), `AZURE_CLOUD`, the active cloud in `az`'s settings,
    /// `AZURE_AUTHORITY_HOST` (set by the workload identity webhook), else the public one.
    ///
    /// # Errors
    /// The first of these that is set names no cloud.
    pub fn resolve(flag: Option<&str>, env: &Env) -> Result<Self, UnknownCloud> {
        if let Some(name) = flag {
            return Cloud::named(name, "--cloud");
        }
        if let Some(name) = env.get("AZURE_CLOUD") {
            return Cloud::named(name, "AZURE_CLOUD");
        }
        // `az` has its own variable for it, AZURE_CLOUD_NAME, before its file.
        if let Some(active) = AzConfig::read(env).get("cloud", "name") {
            return Cloud::named(&active.value, &active.origin);
        }
        if let Some(host) = env.get("AZURE_AUTHORITY_HOST") {
            let unknown = || UnknownCloud {
                name: host.to_owned(),
                origin: "AZURE_AUTHORITY_HOST".to_owned(),
            };
            return CLOUDS
                .iter()
                .map(Cloud)
                .find(|cloud| cloud.has_authority(host))
                .ok_or_else(unknown);
        }
        Ok(Cloud::public())
    }

    /// The public cloud.
    pub fn public() -> Self {
        Cloud(&CLOUDS[0])
    }

    fn named(name: &str, origin: &str) -> Result<Self, UnknownCloud> {
        let is = |known: &str| known.eq_ignore_ascii_case(name.trim());
        CLOUDS
            .iter()
            .find(|cloud| is(cloud.name) || cloud.aliases.iter().any(|alias| is(alias)))
            .map(Cloud)
            .ok_or_else(|| UnknownCloud {
                name: name.to_owned(),
                origin: origin.to_owned(),
            })
    }

    fn has_authority(&self, host: &str) -> bool {
        let host = host.trim_start_matches("https://").trim_end_matches('/');
        let own = self
            .0
            .authority
            .trim_start_matches("https://")
            .trim_end_matches('/');
        host.eq_ignore_ascii_case(own)
    }

    /// The name as `az` spells it, as `AzureCloud`.
    pub fn name(&self) -> &'static str {
        self.0.name
    }

    /// Where tokens are issued, as `https://login.microsoftonline.com/`.
    pub fn authority_host(&self) -> Url {
        url(self.0.authority)
    }

    /// The scope of a token that another application takes for its own secret.
    pub fn token_exchange_scope(&self) -> &'static str {
        self.0.token_exchange_scope
    }

    /// Resource Manager, as `https://management.azure.com/`.
    pub fn resource_manager_endpoint(&self) -> Url {
        url(self.0.resource_manager)
    }

    /// The scope of a token for Resource Manager.
    pub fn resource_manager_scope(&self) -> &'static str {
        self.0.resource_manager_scope
    }

    /// Microsoft Graph, as `https://graph.microsoft.com/`.
    pub fn graph_endpoint(&self) -> Url {
        url(self.0.graph)
    }

    /// The scope of a token for Microsoft Graph.
    pub fn graph_scope(&self) -> &'static str {
        self.0.graph_scope
    }

    /// What follows a vault's name in its host name, as `vault.azure.net`.
    pub fn vault_suffix(&self) -> &'static str {
        self.0.vault_suffix
    }

    /// The scope of a token for Key Vault.
    pub fn vault_scope(&self) -> &'static str {
        self.0.vault_scope
    }

    /// The same cloud as Azure's client libraries want it.
    pub fn configuration(&self) -> Arc<CloudConfiguration> {
        let mut custom = CustomConfiguration::default();
        custom.authority_host = self.0.authority.to_owned();
        Arc::new(custom.into())
    }
}

/// An address of the table: always valid, the test below proves it.
fn url(text: &str) -> Url {
    Url::parse(text).expect("an address of the table")
}

impl PartialEq for Cloud {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Cloud {}

impl Default for Cloud {
    fn default() -> Self {
        Cloud::public()
    }
}

impl std::fmt::Debug for Cloud {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_of_the_table_is_valid() {
        for cloud in CLOUDS.iter().map(Cloud) {
            for url in [
                cloud.authority_host(),
                cloud.resource_manager_endpoint(),
                cloud.graph_endpoint(),
            ] {
                assert_eq!((url.scheme(), url.path()), ("https", "/"));
            }
            assert_eq!(
                cloud.vault_scope(),
                format!("https://{}/.default", cloud.vault_suffix())
            );
        }
    }

    #[test]
    fn the_flag_wins_over_the_variable_and_the_variable_over_az() {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::write(
            folder.path().join("config"),
            "[cloud]\nname = AzureChinaCloud\n",
        )
        .expect("written");
        let config = folder.path().to_str().expect("path");
        let both = Env::from_pairs([
            ("AZURE_CONFIG_DIR", config),
            ("AZURE_CLOUD", "azureusgovernment"),
        ]);
        assert_eq!(
            Cloud::resolve(Some("AzureCloud"), &both)
                .expect("known")
                .name(),
            "AzureCloud"
        );
        assert_eq!(
            Cloud::resolve(None, &both).expect("known").name(),
            "AzureUSGovernment"
        );
        let az = Env::from_pairs([("AZURE_CONFIG_DIR", config)]);
        assert_eq!(
            Cloud::resolve(None, &az).expect("known").name(),
            "AzureChinaCloud"
        );
        assert_eq!(Cloud::resolve(None, &Env::default()), Ok(Cloud::public()));
    }

    #[test]
    fn short_names_are_known() {
        for (name, cloud) in [
            ("public", "AzureCloud"),
            ("usgov", "AzureUSGovernment"),
            ("China", "AzureChinaCloud"),
        ] {
            assert_eq!(
                Cloud::resolve(Some(name), &Env::default())
                    .expect(name)
                    .name(),
                cloud
            );
        }
    }

    #[test]
    fn an_authority_host_chooses_its_cloud() {
        let env = Env::from_pairs([("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.us/")]);
        assert_eq!(
            Cloud::resolve(None, &env).expect("known").name(),
            "AzureUSGovernment"
        );
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = Cloud::resolve(Some("moon"), &Env::default())
            .expect_err("unknown")
            .to_string();
        assert!(
            error.contains("'moon' (from --cloud)") && error.contains("AzureUSGovernment"),
            "{error}"
        );
    }
}
