//! Who makes a request.

/// Who a valid token speaks for.
#[derive(Clone, Debug)]
pub(crate) struct Principal {
    pub(crate) object_id: String,
    pub(crate) app_id: String,
    pub(crate) tenant_id: String,
    /// The sign-in name of a user who has signed in to the application; none where it is the application itself.
    pub(crate) user: Option<String>,
}

impl Principal {
    /// As refusals name the client: a user by the sign-in name, an application by its id.
    pub(crate) fn client(&self) -> &str {
        self.user.as_deref().unwrap_or(&self.app_id)
    }
}
