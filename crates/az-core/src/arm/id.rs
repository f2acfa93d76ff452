//! Azure Resource Manager ids.

use std::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

/// A text that is no resource id, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{value}' is not a resource id: {rule}")]
pub struct InvalidResourceId {
    /// The text as given.
    pub value: String,
    /// What is wrong with it.
    pub rule: &'static str,
}

/// The id of anything that Resource Manager knows: the tenant (`/`), a management group, a subscription,
/// a resource group, a resource, or an extension resource on one of these.
///
/// Two ids are equal when they differ only in case, as for Azure.
///
/// ```
/// use az_core::arm::ResourceId;
/// let id: ResourceId = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v".parse().unwrap();
/// assert_eq!(id.resource_type().as_deref(), Some("Microsoft.KeyVault/vaults"));
/// assert_eq!(id.name(), "v");
/// assert_eq!(id.parent().unwrap().to_string(), "/subscriptions/s/resourceGroups/g");
/// ```
#[derive(Clone, Debug)]
pub struct ResourceId {
    text: String,
}

impl ResourceId {
    /// A subscription's id.
    pub fn subscription(subscription: &str) -> Self {
        ResourceId {
            text: format!("/subscriptions/{subscription}"),
        }
    }

    /// A resource group's id.
    pub fn group(subscription: &str, group: &str) -> Self {
        ResourceId {
            text: format!("/subscriptions/{subscription}/resourceGroups/{group}"),
        }
    }

    /// The id of `provider/kind` named `name` below this id, as `vnet.child("Microsoft.Network", "virtualNetworks", "v")`.
    pub fn resource(&self, provider: &str, kind: &str, name: &str) -> Self {
        let scope = self.text.trim_end_matches('/');
        ResourceId {
            text: format!("{scope}/providers/{provider}/{kind}/{name}"),
        }
    }

    /// The id of a child resource of the same provider, as a virtual network's subnet.
    pub fn child(&self, kind: &str, name: &str) -> Self {
        ResourceId {
            text: format!("{}/{kind}/{name}", self.text),
        }
    }

    /// The id as text, in the case it was given in.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The last segment: the resource's name. Empty for the tenant.
    pub fn name(&self) -> &str {
        self.text.rsplit('/').next().unwrap_or_default()
    }

    /// The subscription, where the id is in one.
    pub fn subscription_id(&self) -> Option<&str> {
        self.after("subscriptions")
    }

    /// The resource group's name, where the id is in one.
    pub fn resource_group(&self) -> Option<&str> {
        self.after("resourcegroups")
    }

    /// `Namespace/type[/type…]`; `None` for the tenant, a subscription or a resource group.
    pub fn resource_type(&self) -> Option<String> {
        let segments: Vec<&str> = self.segments().collect();
        // Each name has its kind before it; what is only named so is no `providers`.
        let pairs: Vec<&[&str]> = segments.chunks(2).collect();
        let provider = pairs
            .iter()
            .rposition(|pair| pair[0].eq_ignore_ascii_case("providers"))?;
        let namespace = pairs[provider].get(1)?;
        let mut resource_type = (*namespace).to_owned();
        for pair in &pairs[provider + 1..] {
            resource_type.push('/');
            resource_type.push_str(pair[0]);
        }
        Some(resource_type)
    }

    /// Whether the id is of this type, without case.
    pub fn is_type(&self, resource_type: &str) -> bool {
        self.resource_type()
            .is_some_and(|own| own.eq_ignore_ascii_case(resource_type))
    }

    /// The id one level up: a child's resource, a resource's group, a group's subscription, the tenant.
    pub fn parent(&self) -> Option<ResourceId> {
        let segments: Vec<&str> = self.segments().collect();
        if segments.is_empty() {
            return None;
        }
        let mut keep = segments.len() - 2;
        // `/providers/Namespace` belongs to the first type behind it
        if keep >= 2 && segments[keep - 2].eq_ignore_ascii_case("providers") {
            keep -= 2;
        }
        let text = segments[..keep]
            .iter()
            .fold(String::new(), |text, segment| text + "/" + segment);
        Some(ResourceId {
            text: if text.is_empty() {
                "/".to_owned()
            } else {
                text
            },
        })
    }

    fn segments(&self) -> impl Iterator<Item = &str> {
        self.text.split('/').filter(|segment| !segment.is_empty())
    }

    fn after(&self, key: &str) -> Option<&str> {
        let mut segments = self.segments();
        while let Some(segment) = segments.next() {
            if segment.eq_ignore_ascii_case("providers") {
                return None;
            }
            if segment.eq_ignore_ascii_case(key) {
                return segments.next();
            }
            segments.next();
        }
        None
    }
}

impl FromStr for ResourceId {
    type Err = InvalidResourceId;

    fn from_str(value: &str) -> Result<Self, InvalidResourceId> {
        let broken = |rule| {
            Err(InvalidResourceId {
                value: value.to_owned(),
                rule,
            })
        };
        if !value.starts_with('/') {
            return broken(
                "it must begin with '/', as '/subscriptions/<id>/resourceGroups/<name>'",
            );
        }
        if value.contains(|c: char| c.is_control() || c.is_whitespace() || "?#%\\<>*&:".contains(c))
        {
            return broken("it must not hold white space or any of ? # % \\ < > * & :");
        }
        let text = value.trim_end_matches('/');
        if text.is_empty() {
            return Ok(ResourceId {
                text: "/".to_owned(),
            });
        }
        let segments: Vec<&str> = text[1..].split('/').collect();
        if segments
            .iter()
            .any(|segment| segment.is_empty() || *segment == "." || *segment == "..")
        {
            return broken("it has an empty or relative segment");
        }
        let mut rest = segments.as_slice();
        if rest[0].eq_ignore_ascii_case("subscriptions") {
            if rest.len() < 2 {
                return broken("'/subscriptions/' must be followed by a subscription id");
            }
            rest = &rest[2..];
            if rest
                .first()
                .is_some_and(|segment| segment.eq_ignore_ascii_case("resourcegroups"))
            {
                if rest.len() < 2 {
                    return broken("'/resourceGroups/' must be followed by a name");
                }
                rest = &rest[2..];
            }
        }
        while !rest.is_empty() {
            if !rest[0].eq_ignore_ascii_case("providers") {
                return broken("'/providers/<namespace>/<type>/<name>' was expected");
            }
            let end = rest[1..]
                .iter()
                .position(|segment| segment.eq_ignore_ascii_case("providers"))
                .map_or(rest.len(), |next| next + 1);
            // providers, namespace, then pairs of type and name
            if end < 4 || end % 2 != 0 {
                return broken("each type needs a name, as '/providers/<namespace>/<type>/<name>'");
            }
            rest = &rest[end..];
        }
        Ok(ResourceId {
            text: text.to_owned(),
        })
    }
}

impl AsRef<str> for ResourceId {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for ResourceId {
    fn eq(&self, other: &Self) -> bool {
        self.text.eq_ignore_ascii_case(&other.text)
    }
}

impl Eq for ResourceId {}

impl Hash for ResourceId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in self.text.bytes() {
            state.write_u8(byte.to_ascii_lowercase());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const VAULT: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v";

    fn id(text: &str) -> ResourceId {
        text.parse().expect(text)
    }

    #[test]
    fn parts_of_a_resource() {
        let vault = id(VAULT);
        assert_eq!(vault.subscription_id(), Some("s"));
        assert_eq!(vault.resource_group(), Some("g"));
        assert_eq!(
            vault.resource_type().as_deref(),
            Some("Microsoft.KeyVault/vaults")
        );
        assert_eq!(vault.name(), "v");
    }

    #[test]
    fn an_extension_resource_has_the_resource_as_parent() {
        let assignment = id(VAULT).resource("Microsoft.Authorization", "roleAssignments", "a");
        assert!(assignment.is_type("microsoft.authorization/roleassignments"));
        assert_eq!(assignment.parent(), Some(id(VAULT)));
    }

    #[test]
    fn parents_go_up_to_the_tenant() {
        let subnet = id(
            "/subscriptions/s/resourcegroups/g/providers/Microsoft.Network/virtualNetworks/n/subnets/u",
        );
        let mut chain = vec![];
        let mut at = Some(subnet);
        while let Some(id) = at {
            chain.push(id.name().to_owned());
            at = id.parent();
        }
        assert_eq!(chain, ["u", "n", "g", "s", ""]);
    }

    #[test]
    fn case_and_a_trailing_slash_do_not_matter() {
        assert_eq!(id(&VAULT.to_uppercase()), id(VAULT));
        assert_eq!(id(&format!("{VAULT}/")), id(VAULT));
    }

    #[test]
    fn what_is_named_providers_has_no_type_of_its_own() {
        let text = "/subscriptions/providers/resourceGroups/providers";
        assert_eq!(id(text).resource_type(), None);
        assert_eq!(id("/subscriptions/providers").resource_type(), None);
        let vault = id(&format!("{text}/providers/Microsoft.KeyVault/vaults/v"));
        assert!(vault.is_type("Microsoft.KeyVault/vaults"));
        assert_eq!(vault.parent(), Some(id(text)));
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in [
            "",
            "x",
            "/subscriptions",
            "/subscriptions/s/resourceGroups",
            "/subscriptions/s/other/x",
            "/subscriptions/s/providers/Microsoft.X",
            "/subscriptions/s/providers/Microsoft.X/kind",
            "/subscriptions/s//resourceGroups/g",
            "/subscriptions/../resourceGroups/g",
            "/subscriptions/s/resourceGroups/a b",
            "/subscriptions/s?x=1",
        ] {
            assert!(text.parse::<ResourceId>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "\\PC{0,80}") {
            let _ = text.parse::<ResourceId>();
        }

        #[test]
        fn what_parses_prints_the_same(
            group in "[a-z][a-z0-9-]{0,20}", name in "[a-z][a-z0-9-]{0,20}", kind in "[a-zA-Z]{1,12}"
        ) {
            let built = ResourceId::group("s", &group).resource("Microsoft.X", &kind, &name);
            let parsed: ResourceId = built.as_str().parse().expect("built ids parse");
            prop_assert_eq!(parsed.as_str(), built.as_str());
            prop_assert_eq!(parsed.name(), name);
            prop_assert_eq!(parsed.resource_group(), Some(group.as_str()));
        }
    }
}
