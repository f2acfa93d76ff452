//! What a vault has, in pages.

use crate::pages::Pages;
use azure_core::http::{Context, Pager, pager::PagerOptions};
use azure_security_keyvault_secrets::{
    SecretClient,
    models::{
        ListDeletedSecretPropertiesResult, ListSecretPropertiesResult,
        SecretClientListDeletedSecretPropertiesOptions, SecretClientListSecretPropertiesOptions,
        SecretClientListSecretPropertiesVersionsOptions,
    },
};

/// The vault's secrets, without values.
pub fn list_secrets(
    client: &SecretClient,
) -> azure_core::Result<Pager<ListSecretPropertiesResult>> {
    client.list_secret_properties(Some(SecretClientListSecretPropertiesOptions {
        method_options: one_list(),
        ..Default::default()
    }))
}

/// The versions of a secret, without values.
pub fn list_versions(
    client: &SecretClient,
    name: &str,
) -> azure_core::Result<Pager<ListSecretPropertiesResult>> {
    let options = SecretClientListSecretPropertiesVersionsOptions {
        method_options: one_list(),
        ..Default::default()
    };
    client.list_secret_properties_versions(name, Some(options))
}

/// The vault's deleted secrets.
pub fn list_deleted_secrets(
    client: &SecretClient,
) -> azure_core::Result<Pager<ListDeletedSecretPropertiesResult>> {
    client.list_deleted_secret_properties(Some(SecretClientListDeletedSecretPropertiesOptions {
        method_options: one_list(),
        ..Default::default()
    }))
}

/// No page of it is read twice.
fn one_list() -> PagerOptions<'static> {
    PagerOptions {
        context: Context::new().with_value(Pages::default()),
        ..Default::default()
    }
}
