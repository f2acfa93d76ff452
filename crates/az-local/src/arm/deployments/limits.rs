//! What a template may be, as Azure limits it, and what it may cost, which Azure does not say.

use super::error::invalid;
use crate::arm::error::Error;
use serde_json::Value;

/// Parameters that a template declares, and the other numbers of
/// <https://learn.microsoft.com/azure/azure-resource-manager/templates/best-practices#template-limits>.
pub(super) const MOST_PARAMETERS: usize = 256;

/// Variables of a template; older versions of that page say 256.
pub(super) const MOST_VARIABLES: usize = 512;

/// Resources of a template, those within resources too.
pub(super) const MOST_RESOURCES: usize = 800;

pub(super) const MOST_OUTPUTS: usize = 64;

/// Turns of one loop
/// (<https://learn.microsoft.com/azure/azure-resource-manager/templates/copy-resources#copy-limits>).
pub(super) const MOST_COPIES: i64 = 800;

/// Characters of an expression, its brackets included.
pub(super) const LONGEST_EXPRESSION: usize = 24_576;

/// Locations that the deployments of one subscription are kept in.
pub(super) const MOST_LOCATIONS: usize = 10;

/// The template with the values of its parameters and variables and with its expanded resources, as JSON (bytes). The
/// same bounds one value. Azure compresses before it measures
/// (<https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-job-size-exceeded>); here it is not.
pub(super) const LARGEST_TEMPLATE: usize = 4 * 1024 * 1024;

/// Numbers, texts, arrays and objects in one value: small ones take more memory than they take JSON.
pub(super) const MOST_NODES: usize = 250_000;

/// Deployments below one another in the deployment that was asked for
/// (<https://yobyot.com/azure/azure-arm-nested-template-limits/2018/09/06/>).
pub(super) const DEEPEST_NESTING: usize = 5;

/// Expressions within expressions; a template's are few, and a parser must not run out of stack.
pub(super) const DEEPEST_EXPRESSION: usize = 64;

/// Steps within steps of one evaluation: the nesting of a body, that of an expression in it, and those of functions
/// that the template defines and that call each other. A debug build takes some 4 KB of stack for one and some 50 KB for
/// a nested deployment: 1.1 MB of a worker's 2 MB for the most of both, as measured.
pub(super) const DEEPEST_EVALUATION: usize = 200;

/// Deployments that a scope's history keeps; one more is refused. From `HISTORY_FULL` on the oldest go until
/// `HISTORY_KEPT` are left
/// (<https://learn.microsoft.com/azure/azure-resource-manager/templates/deployment-history-deletions>).
pub(super) const MOST_DEPLOYMENTS: usize = 800;
pub(super) const HISTORY_FULL: usize = 700;
pub(super) const HISTORY_KEPT: usize = 600;

/// Refuses more than `limit` of something, in Azure's words.
pub(super) fn at_most(limit: usize, what: &str, actual: usize) -> Result<(), Error> {
    if actual <= limit {
        return Ok(());
    }
    Err(invalid(format!(
        "The number of template {what} limit exceeded. Limit: '{limit}' and actual: '{actual}'. Please see \
         https://aka.ms/arm-template-limits for usage details"
    )))
}

/// How large a value is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    /// As JSON, about.
    pub(super) bytes: usize,
    pub(super) nodes: usize,
    /// Arrays and objects within one another.
    pub(super) depth: usize,
}

/// Measures a value. It walks: the value may be deeper than the stack.
pub(super) fn size(value: &Value) -> Size {
    let mut size = Size::default();
    let mut left = vec![(value, 1)];
    while let Some((value, depth)) = left.pop() {
        size.nodes += 1;
        size.bytes += 1 + match value {
            Value::Null | Value::Bool(_) => 4,
            Value::Number(_) => 8,
            Value::String(text) => text.len() + 2,
            Value::Array(values) => {
                left.extend(values.iter().map(|value| (value, depth + 1)));
                size.depth = size.depth.max(depth);
                1
            }
            Value::Object(members) => {
                left.extend(members.values().map(|value| (value, depth + 1)));
                size.depth = size.depth.max(depth);
                members.keys().map(|name| name.len() + 3).sum::<usize>() + 1
            }
        };
    }
    size
}
