//! What may be done twice.

/// Whether a write may be done a second time, where it is not known whether it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// It changes nothing more.
    Yes,
    /// It would do more.
    No,
}
