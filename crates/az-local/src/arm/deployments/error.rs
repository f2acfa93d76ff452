//! A template that is not valid.

use crate::arm::error::{Error, Violation};

/// <https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-invalid-template>
pub(super) fn invalid(reason: impl std::fmt::Display) -> Error {
    Error::bad_request(
        "InvalidTemplate",
        format!("Deployment template validation failed: '{reason}'."),
    )
    .violation(Violation::default())
}

/// How a circle is shown: each name, and the first again. A long one is shortened.
pub(super) fn circle<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 10;
    let count = names.len();
    let mut shown: Vec<String> = names.take(SHOWN).map(|name| format!("'{name}'")).collect();
    let first = shown.first().cloned().unwrap_or_default();
    if count > SHOWN {
        shown.push(format!("{} more", count - SHOWN));
    }
    shown.push(first);
    shown.join(" -> ")
}
