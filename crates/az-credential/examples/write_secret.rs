//! Writes a secret as whoever is there: a person at a desk, an application in CI, a machine, an app, a pod.

use az_credential::{DefaultAzureCredential, Options, http};
use azure_core::http::ClientOptions;
use azure_security_keyvault_secrets::{
    SecretClient, SecretClientOptions, models::SetSecretParameters,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut own = Options::from_process()?;
    let vault = format!(
        "https://{}.vault.azure.net",
        own.env
            .get("KEY_VAULT_NAME")
            .ok_or("KEY_VAULT_NAME is not set")?
    );
    // One HTTP client for the credential and for the vault.
    own.transport = Some(http::transport(
        own.env.get("SSL_CERT_FILE").map(AsRef::as_ref),
    )?);
    let client_options = ClientOptions {
        transport: own.transport.clone(),
        ..Default::default()
    };
    let options = SecretClientOptions {
        client_options,
        ..Default::default()
    };
    let client = SecretClient::new(&vault, DefaultAzureCredential::new(own)?, Some(options))?;
    let secret = SetSecretParameters {
        value: Some("createdWithRust".into()),
        ..Default::default()
    };
    client
        .set_secret("quickstart-secret", secret.try_into()?, None)
        .await?;
    Ok(())
}
