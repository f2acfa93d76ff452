//! What a URL's path names.

use super::error::Error;
use super::names::check_segment;
use crate::ground::wire::Request;

/// A path, taken apart: a scope, and behind its last `providers` a provider's types and names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    /// Everything before the last `providers`, with its leading slash; empty for the tenant.
    pub(crate) scope: String,
    pub(crate) subscription: Option<String>,
    pub(crate) group: Option<String>,
    /// What follows the subscription or group where there is no provider, as `resources`.
    pub(crate) rest: Vec<String>,
    pub(crate) provider: Option<ProviderPath>,
}

/// The part of a path behind `providers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProviderPath {
    /// As the path spells it.
    pub(crate) namespace: String,
    /// Types and names by turns; the last type may lack a name.
    pub(crate) segments: Vec<String>,
}

impl ProviderPath {
    /// The types alone, joined, as the path spells them: `virtualNetworks/subnets`.
    pub(crate) fn types(&self) -> String {
        self.segments
            .iter()
            .step_by(2)
            .cloned()
            .collect::<Vec<_>>()
            .join("/")
    }

    /// Whether the path ends in a name: it names one thing, not a collection or an action.
    pub(crate) fn is_named(&self) -> bool {
        !self.segments.is_empty() && self.segments.len().is_multiple_of(2)
    }

    /// The name behind the `index`th type.
    pub(crate) fn name(&self, index: usize) -> &str {
        self.segments.get(index * 2 + 1).map_or("", String::as_str)
    }
}

impl Path {
    /// The path of a request. Refused where one of its segments could be taken for more than a name.
    pub(crate) fn of(request: &Request) -> Result<Self, Error> {
        let segments = request.segments();
        for segment in &segments {
            check_segment(segment)?;
        }
        Ok(Path::parse(&segments))
    }

    /// Takes decoded segments apart.
    pub(crate) fn parse(segments: &[String]) -> Self {
        let is = |index: usize, word: &str| {
            segments
                .get(index)
                .is_some_and(|segment: &String| segment.eq_ignore_ascii_case(word))
        };
        let subscription = if is(0, "subscriptions") {
            segments.get(1).cloned()
        } else {
            None
        };
        let group = if subscription.is_some() && is(2, "resourcegroups") {
            segments.get(3).cloned()
        } else {
            None
        };
        let head = match (&subscription, &group) {
            (_, Some(_)) => 4,
            (Some(_), None) => 2,
            _ => 0,
        };
        // A group may be called `providers`.
        let provider_at = (head..segments.len())
            .rev()
            .find(|at| segments[*at].eq_ignore_ascii_case("providers"));
        // `/subscriptions/s/providers` and `…/providers/NS[/register]` are about providers themselves.
        let provider = provider_at
            .filter(|at| segments.len() > at + 2)
            .map(|at| ProviderPath {
                namespace: segments[at + 1].clone(),
                segments: segments[at + 2..].to_vec(),
            });
        let (scope_end, rest) = match (&provider, provider_at) {
            (Some(_), Some(at)) => (at, vec![]),
            _ => (
                head.min(segments.len()),
                segments[head.min(segments.len())..].to_vec(),
            ),
        };
        let scope = segments[..scope_end]
            .iter()
            .fold(String::new(), |scope, segment| scope + "/" + segment);
        Path {
            scope,
            subscription,
            group,
            rest,
            provider,
        }
    }

    /// The rest's words in lower case.
    pub(crate) fn rest_words(&self) -> Vec<String> {
        self.rest
            .iter()
            .map(|word| word.to_ascii_lowercase())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(path: &str) -> Path {
        Path::parse(
            &path
                .split('/')
                .filter(|s| !s.is_empty())
                .map(str::to_owned)
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn a_resource_in_a_group() {
        let path = parse(
            "/subscriptions/s/resourcegroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/n",
        );
        assert_eq!(path.scope, "/subscriptions/s/resourcegroups/g");
        let provider = path.provider.expect("a provider");
        assert_eq!(
            (
                provider.types().as_str(),
                provider.name(0),
                provider.name(1)
            ),
            ("virtualNetworks/subnets", "v", "n")
        );
        assert!(provider.is_named());
    }

    #[test]
    fn an_extension_has_its_resource_as_scope() {
        let path = parse(
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v/providers/Microsoft.Authorization/roleAssignments/a",
        );
        assert_eq!(
            path.scope,
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v"
        );
        assert_eq!(path.group.as_deref(), Some("g"));
    }

    #[test]
    fn what_is_about_providers_has_none() {
        assert_eq!(
            parse("/subscriptions/s/providers/Microsoft.Compute").rest_words(),
            ["providers", "microsoft.compute"]
        );
        assert_eq!(
            parse("/subscriptions/s/resourceGroups").rest_words(),
            ["resourcegroups"]
        );
        assert_eq!(
            parse("/subscriptions/s/resourceGroups/g/resources").rest_words(),
            ["resources"]
        );
        assert_eq!(parse("/").scope, "");
    }
}
