//! Who makes a request.

/// Who a valid token speaks for.
#[derive(Clone, Debug)]
pub(crate) struct Principal {
    pub(crate) object_id: String,
    pub(crate) app_id: String,
    pub(crate) tenant_id: String,
}
