//! Who makes a request.

/// Who a valid token speaks for.
#[derive(Clone, Debug)]
pub(crate) struct Principal {
    pub(crate) object_id: String,
    pub(crate) app_id: String,
    pub(crate) tenant_id: String,
    /// The sign-in name of a user who has signed in to the application; none where it is the application itself.
    pub(crate) user: Option<String>,
    /// Of a managed identity, what Azure says of it.
    pub(crate) managed: Option<ManagedIdentity>,
}

/// The claims of a managed identity's token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ManagedIdentity {
    /// `xms_mirid`: the resource id of the identity.
    pub(crate) identity: String,
    /// `xms_az_rid`: that of the machine that got the token.
    pub(crate) machine: String,
}

impl Principal {
    /// As refusals name the client: a user by the sign-in name, an application by its id.
    pub(crate) fn client(&self) -> &str {
        self.user.as_deref().unwrap_or(&self.app_id)
    }

    /// As Key Vault names a caller: of a managed identity with its claims (recorded for `ForbiddenByConnection` and
    /// `ForbiddenByFirewall` in MicrosoftDocs/SupportArticles-docs and issue threads).
    pub(crate) fn as_caller(&self) -> String {
        let Principal {
            app_id,
            object_id,
            tenant_id,
            ..
        } = self;
        let mut caller =
            format!("appid={app_id};oid={object_id};iss=https://sts.windows.net/{tenant_id}/");
        if let Some(ManagedIdentity { identity, machine }) = &self.managed {
            caller += &format!(";xms_mirid={identity};xms_az_rid={machine}");
        }
        caller
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_managed_identity_is_named_by_its_claims() {
        let mut principal = Principal {
            object_id: "o".to_owned(),
            app_id: "a".to_owned(),
            tenant_id: "t".to_owned(),
            user: None,
            managed: None,
        };
        let plain = "appid=a;oid=o;iss=https://sts.windows.net/t/";
        assert_eq!(principal.as_caller(), plain);
        principal.managed = Some(ManagedIdentity {
            identity: "/i".to_owned(),
            machine: "/m".to_owned(),
        });
        let managed = format!("{plain};xms_mirid=/i;xms_az_rid=/m");
        assert_eq!(principal.as_caller(), managed);
    }
}
