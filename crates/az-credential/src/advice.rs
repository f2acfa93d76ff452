//! What to do about a refusal of Entra ID.

use crate::error::answer;
use azure_core::error::ErrorKind;

/// What Entra ID's error codes mean for the variables.
/// <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>
pub(crate) fn advice(error: &azure_core::Error) -> &'static str {
    let cause = answer(error).unwrap_or(error);
    match cause.kind() {
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
            "700027" | "700024" | "50027" => {
                "Check that the certificate is registered with the application, and the computer's clock."
            }
            "700211" | "700212" | "700213" | "70021" => {
                "Check the application's federated credentials: issuer, subject and audience must be those of the token."
            }
            _ => "Check the AZURE_* variables.",
        },
        ErrorKind::Io | ErrorKind::Connection => {
            "Check the network and the proxy variables (HTTPS_PROXY, NO_PROXY)."
        }
        _ => "Check the AZURE_* variables.",
    }
}
