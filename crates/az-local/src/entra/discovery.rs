//! Discovery: where a tenant's endpoints and keys are, and which hosts are one cloud.

use super::authority::{Authority, LOGIN};
use super::error::EntraError;
use super::token::IssueError;
use crate::ground::wire::{Request, Response};
use crate::request::Context;
use http::StatusCode;
use serde_json::json;

/// The OpenID Connect metadata of the v2.0 endpoint.
pub(crate) fn openid_v2(authority: &Authority) -> Response {
    let (tenant, issuer) = (authority.segment(), authority.issuer());
    answer(&json!({
        "token_endpoint": format!("{LOGIN}/{tenant}/oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported":
            ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": format!("{LOGIN}/{tenant}/discovery/v2.0/keys"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": format!("{LOGIN}/{issuer}/v2.0"),
        "request_uri_parameter_supported": false,
        "userinfo_endpoint": "https://graph.microsoft.com/oidc/userinfo",
        "authorization_endpoint": format!("{LOGIN}/{tenant}/oauth2/v2.0/authorize"),
        "device_authorization_endpoint": format!("{LOGIN}/{tenant}/oauth2/v2.0/devicecode"),
        "http_logout_supported": true,
        "frontchannel_logout_supported": true,
        "end_session_endpoint": format!("{LOGIN}/{tenant}/oauth2/v2.0/logout"),
        "claims_supported": claims_supported(),
        "kerberos_endpoint": format!("{LOGIN}/{tenant}/kerberos"),
        "tenant_region_scope": null,
        "cloud_instance_name": "microsoftonline.com",
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": "graph.microsoft.com",
        "rbac_url": "https://pas.windows.net",
    }))
}

/// The OpenID Connect metadata of the v1.0 endpoint.
pub(crate) fn openid_v1(authority: &Authority) -> Response {
    let (tenant, issuer) = (authority.segment(), authority.issuer());
    answer(&json!({
        "token_endpoint": format!("{LOGIN}/{tenant}/oauth2/token"),
        "token_endpoint_auth_methods_supported":
            ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": format!("{LOGIN}/{tenant}/discovery/keys"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "token id_token", "token"],
        "scopes_supported": ["openid"],
        "issuer": format!("https://sts.windows.net/{issuer}/"),
        "microsoft_multi_refresh_token": true,
        "authorization_endpoint": format!("{LOGIN}/{tenant}/oauth2/authorize"),
        "device_authorization_endpoint": format!("{LOGIN}/{tenant}/oauth2/devicecode"),
        "http_logout_supported": true,
        "frontchannel_logout_supported": true,
        "end_session_endpoint": format!("{LOGIN}/{tenant}/oauth2/logout"),
        "claims_supported": claims_supported(),
        "userinfo_endpoint": format!("{LOGIN}/{tenant}/openid/userinfo"),
        "tenant_region_scope": null,
        "cloud_instance_name": "microsoftonline.com",
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": "graph.microsoft.com",
        "rbac_url": "https://pas.windows.net",
    }))
}

fn claims_supported() -> [&'static str; 17] {
    [
        "sub",
        "iss",
        "cloud_instance_name",
        "cloud_instance_host_name",
        "cloud_graph_host_name",
        "msgraph_host",
        "aud",
        "exp",
        "iat",
        "auth_time",
        "acr",
        "nonce",
        "preferred_username",
        "name",
        "tid",
        "ver",
        "at_hash",
    ]
}

/// The keys that tokens are signed with, a JSON Web Key Set.
pub(crate) fn keys(
    cx: &Context<'_>,
    authority: &Authority,
    v2: bool,
) -> Result<Response, EntraError> {
    let key = cx.keys.current().map_err(IssueError::from)?;
    let issuer = match authority.issuer() {
        tenant if v2 => format!("{LOGIN}/{tenant}/v2.0"),
        tenant => format!("https://sts.windows.net/{tenant}/"),
    };
    Ok(answer(&key.key_set(&issuer)))
}

/// Which hosts are one cloud: what MSAL asks before it trusts an authority.
pub(crate) fn instance(cx: &Context<'_>, request: &Request) -> Result<Response, EntraError> {
    let endpoint = request
        .query("authorization_endpoint")
        .ok_or(EntraError::MissingParameter("authorization_endpoint"))?;
    // https://login.microsoftonline.com/<tenant>/oauth2/v2.0/authorize
    let tenant = endpoint.split('/').nth(3).unwrap_or("common");
    let authority = Authority::find(cx, tenant)?;
    Ok(answer(&json!({
        "tenant_discovery_endpoint":
            format!("{LOGIN}/{}/v2.0/.well-known/openid-configuration", authority.segment()),
        "api-version": "1.1",
        "metadata": [
            {
                "preferred_network": "login.microsoftonline.com",
                "preferred_cache": "login.windows.net",
                "aliases": [
                    "login.microsoftonline.com",
                    "login.windows.net",
                    "login.microsoft.com",
                    "sts.windows.net",
                ],
            },
            {
                "preferred_network": "login.partner.microsoftonline.cn",
                "preferred_cache": "login.partner.microsoftonline.cn",
                "aliases": ["login.partner.microsoftonline.cn", "login.chinacloudapi.cn"],
            },
            {
                "preferred_network": "login.microsoftonline.us",
                "preferred_cache": "login.microsoftonline.us",
                "aliases": ["login.microsoftonline.us", "login.usgovcloudapi.net"],
            },
        ],
    })))
}

fn answer(body: &serde_json::Value) -> Response {
    Response::json(StatusCode::OK, body)
        .with_header("cache-control", "max-age=86400, private")
        .with_header("access-control-allow-origin", "*")
}
