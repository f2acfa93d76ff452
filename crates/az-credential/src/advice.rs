//! What to do about a refusal of Entra ID.

use crate::error::{answer, is_passing};
use azure_core::error::ErrorKind;

/// By what Entra ID was to know the application.
pub(crate) enum Sent {
    /// `AZURE_CLIENT_SECRET`
    Secret,
    /// An assertion that the certificate's key signed.
    Certificate,
    /// The token of another issuer; who issued it for whom, if it can be read.
    FederatedToken(Option<String>),
}

/// What Entra ID's error codes mean for the variables.
/// <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>
pub(crate) fn advice(error: &azure_core::Error, sent: &Sent) -> String {
    const VARIABLES: &str = "Check the AZURE_* variables.";
    let cause = answer(error).unwrap_or(error);
    let words = match cause.kind() {
        ErrorKind::HttpResponse {
            error_code: Some(code),
            ..
        } => match code.split(',').next().unwrap_or_default() {
            "7000215" => "Check AZURE_CLIENT_SECRET: it must be the secret's value, not its id.",
            "7000222" => "The secret in AZURE_CLIENT_SECRET has expired: make a new one.",
            "700016" => {
                "Check AZURE_CLIENT_ID and AZURE_TENANT_ID: the application is not in that tenant."
            }
            "90002" | "900023" => "Check AZURE_TENANT_ID: there is no such tenant in this cloud.",
            "700027" | "700024" | "50027" | "5002723" | "700211" | "700212" | "700213"
            | "70021" => {
                return refused_assertion(sent);
            }
            _ => VARIABLES,
        },
        ErrorKind::HttpResponse { status, .. } if is_passing(*status) => {
            "Entra ID is busy or out of order: run it again in a minute."
        }
        ErrorKind::Io | ErrorKind::Connection => {
            "Check the network and the proxy variables (HTTPS_PROXY, NO_PROXY)."
        }
        _ => VARIABLES,
    };
    words.to_owned()
}

/// An assertion was not accepted: by whom it was made, and with what it is to be compared.
fn refused_assertion(sent: &Sent) -> String {
    match sent {
        Sent::Secret => "Check AZURE_CLIENT_SECRET, and the computer's clock.".to_owned(),
        Sent::Certificate => "Check that the certificate of AZURE_CLIENT_CERTIFICATE_PATH is registered with the application, and the computer's clock.".to_owned(),
        Sent::FederatedToken(Some(claims)) => format!(
            "The token in AZURE_FEDERATED_TOKEN_FILE was sent, with {claims}: a federated credential of the application must have the same three; and check that the token has not expired."
        ),
        Sent::FederatedToken(None) => "What is in AZURE_FEDERATED_TOKEN_FILE was sent, and is no token (a JSON Web Token).".to_owned(),
    }
}
