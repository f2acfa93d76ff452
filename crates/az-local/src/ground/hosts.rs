//! Which hosts are emulated, which are Azure's all the same, and which are somebody else's.

use std::net::{IpAddr, Ipv4Addr};

/// A service that az-local answers for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Entra,
    Graph,
    ResourceManager,
    KeyVault,
    Imds,
    /// Where Kubernetes clusters say who they are, and with which keys they sign.
    ClusterIssuer,
}

/// What a host is to the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// Answered here.
    Emulated(Service),
    /// Azure's, but not emulated: refused here, never reached.
    Unemulated,
    /// From the range that public IP addresses are taken from.
    Public(Ipv4Addr),
    /// Addresses that mean something only on a network that is not there: link-local ones (IMDS's
    /// neighbours) and Azure's wire server.
    Unreachable,
    /// This computer: not a network at all.
    Loopback,
    /// Anyone else.
    Other,
}

/// The address of the Instance Metadata Service.
pub(crate) const IMDS: &str = "169.254.169.254";

/// The host of the issuers of Azure's Kubernetes clusters in one region
/// (<https://learn.microsoft.com/azure/aks/use-oidc-issuer>).
pub(crate) const CLUSTER_ISSUER: &str = "eastus.oic.prod-aks.azure.com";

/// The domains that the instance's certificate authority may speak for.
pub(crate) const DOMAINS: [&str; 6] = [
    "microsoftonline.com",
    "azure.com",
    "azure.net",
    "windows.net",
    "graph.microsoft.com",
    "login.microsoft.com",
];

/// Patterns of the addresses that machines have (198.18.0.0/15), as OpenSSH's client reads them.
pub(crate) const MACHINE_ADDRESSES: [&str; 2] = ["198.18.*", "198.19.*"];

/// Domains of Azure's public, US Government and China clouds.
const AZURE: [&str; 21] = [
    "azure.com",
    "azure.net",
    "azure.cn",
    "azure.us",
    "azure-api.net",
    "azure-automation.net",
    "azure-devices.net",
    "azurecr.io",
    "azuredatabricks.net",
    "azureedge.net",
    "azurefd.net",
    "azurewebsites.net",
    "chinacloudapi.cn",
    "cloudapp.net",
    "microsoft.com",
    "microsoftazure.de",
    "microsoftonline.com",
    "microsoftonline.us",
    "msauth.net",
    "usgovcloudapi.net",
    "windows.net",
];

/// A host's name without the dots that say that it is whole (RFC 1034, 3.1): certificates, and the services, know it so.
pub(crate) fn without_root(host: &str) -> &str {
    host.trim_end_matches('.')
}

/// Classifies a host name or address as it stands in a request (any case, no port; an IPv6 address
/// with or without brackets).
pub(crate) fn classify(host: &str) -> Host {
    let host = without_root(host).to_ascii_lowercase();
    if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
        return if host == IMDS {
            Host::Emulated(Service::Imds)
        } else {
            classify_address(address)
        };
    }
    match host.as_str() {
        "login.microsoftonline.com"
        | "login.microsoft.com"
        | "login.windows.net"
        | "sts.windows.net" => return Host::Emulated(Service::Entra),
        "management.azure.com" => return Host::Emulated(Service::ResourceManager),
        "graph.microsoft.com" => return Host::Emulated(Service::Graph),
        "localhost" => return Host::Loopback,
        _ => {}
    }
    if vault_name(&host).is_some() {
        Host::Emulated(Service::KeyVault)
    } else if host == CLUSTER_ISSUER {
        Host::Emulated(Service::ClusterIssuer)
    } else if AZURE.iter().any(|domain| is_within(&host, domain)) {
        Host::Unemulated
    } else {
        Host::Other
    }
}

/// What an address is, also one that a name resolved to.
pub(crate) fn classify_address(address: IpAddr) -> Host {
    let address = address.to_canonical();
    let unreachable = match address {
        IpAddr::V4(v4) if matches!(v4.octets(), [198, 18 | 19, ..]) => return Host::Public(v4),
        IpAddr::V4(v4) => v4.is_link_local() || v4.octets() == WIRE_SERVER,
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    if unreachable {
        Host::Unreachable
    } else if address.is_loopback() || address.is_unspecified() {
        Host::Loopback
    } else {
        Host::Other
    }
}

/// Azure's platform address, the same on every machine.
const WIRE_SERVER: [u8; 4] = [168, 63, 129, 16];

/// The vault that a host of the Key Vault data plane belongs to.
pub(crate) fn vault_name(host: &str) -> Option<&str> {
    host.strip_suffix(".vault.azure.net")
        .filter(|name| !name.is_empty() && !name.contains('.'))
}

/// Whether the instance's certificate authority may speak for the host.
pub(crate) fn is_certifiable(host: &str) -> bool {
    DOMAINS.iter().any(|domain| is_within(host, domain))
}

fn is_within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn azures_hosts_are_answered_or_refused_and_others_are_not_touched() {
        let cases = [
            (
                "management.azure.com",
                Host::Emulated(Service::ResourceManager),
            ),
            ("LOGIN.microsoftonline.com.", Host::Emulated(Service::Entra)),
            ("kv-1.vault.azure.net", Host::Emulated(Service::KeyVault)),
            ("a.b.vault.azure.net", Host::Unemulated),
            (CLUSTER_ISSUER, Host::Emulated(Service::ClusterIssuer)),
            ("oic.prod-aks.azure.com", Host::Unemulated),
            ("x.blob.core.windows.net", Host::Unemulated),
            ("management.usgovcloudapi.net", Host::Unemulated),
            ("notazure.com", Host::Other),
            ("169.254.169.254", Host::Emulated(Service::Imds)),
            ("169.254.169.253", Host::Unreachable),
            ("[::ffff:169.254.169.254]", Host::Unreachable),
            ("[fe80::1]", Host::Unreachable),
            ("168.63.129.16", Host::Unreachable),
            ("198.19.0.1", Host::Public(Ipv4Addr::new(198, 19, 0, 1))),
            ("127.0.0.1", Host::Loopback),
            ("[::1]", Host::Loopback),
            ("example.org", Host::Other),
        ];
        for (host, wanted) in cases {
            assert_eq!(classify(host), wanted, "{host}");
        }
    }

    proptest! {
        #[test]
        fn nothing_below_azures_domains_leaves_the_machine(name in "[a-z0-9.-]{0,30}", i in 0..AZURE.len()) {
            let host = format!("{name}.{}", AZURE[i]);
            prop_assert!(matches!(classify(&host), Host::Emulated(_) | Host::Unemulated));
        }

        #[test]
        fn any_text_is_classified(host in ".{0,40}") {
            classify(&host);
        }
    }
}
