//! Access tokens: issued by Entra ID and IMDS, checked by every service.

use crate::ground::wire::Request;
use crate::request::{Context, ManagedIdentity, Principal};
use crate::state::people::User;
use crate::state::signing_keys::KeyError;
use crate::state::{ServicePrincipal, StateError, Tenant};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// Why a request's token is not good.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("no bearer token")]
    Missing,
    #[error("the token is no JWT or its signature is not good")]
    Malformed,
    #[error("the token was issued for another audience")]
    Audience { got: String },
    #[error("the token was issued by another tenant")]
    Issuer { got: String },
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYetValid,
}

/// How a principal proved who it is, which its token tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    ClientSecret,
    ClientCertificate,
    Federated,
    /// By being on a machine that has the identity.
    Machine {
        /// The resource id of the identity: the machine's own or a user-assigned one's.
        identity: String,
        /// The machine's resource id.
        machine: String,
    },
    /// By knowing the secret of another host that has the identity.
    Host {
        /// As the request log calls the host.
        kind: &'static str,
        /// The resource id of the identity: the host's own or a user-assigned one's.
        identity: String,
        /// The host's resource id.
        resource: String,
    },
}

impl Proof {
    /// As the request log calls it.
    fn source(&self) -> &'static str {
        match self {
            Proof::ClientSecret => "client_secret",
            Proof::ClientCertificate => "client_certificate",
            Proof::Federated => "federated",
            Proof::Machine { .. } => "imds",
            Proof::Host { kind, .. } => kind,
        }
    }

    /// Of a managed identity, its resource id and that of where it is.
    fn managed(&self) -> Option<(&str, &str)> {
        match self {
            Proof::Machine {
                identity,
                machine: resource,
            }
            | Proof::Host {
                identity, resource, ..
            } => Some((identity, resource)),
            _ => None,
        }
    }

    /// `appidacr`: 1 is a secret, 2 a certificate or an assertion.
    fn class(&self) -> &'static str {
        if *self == Proof::ClientSecret {
            "1"
        } else {
            "2"
        }
    }
}

/// An access token and its times.
#[derive(Clone)]
pub(crate) struct AccessToken {
    pub(crate) jwt: String,
    pub(crate) not_before: OffsetDateTime,
    pub(crate) expires: OffsetDateTime,
    pub(crate) lifetime: Duration,
}

/// Why a token could not be issued.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IssueError {
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Issues a token for `audience` to a service principal, with the claims of Entra ID's v1.0 tokens
/// (<https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference>), which is
/// what Resource Manager, Key Vault and Graph ask for.
pub(crate) fn issue(
    cx: &Context<'_>,
    principal: &ServicePrincipal,
    audience: &str,
    proof: &Proof,
) -> Result<AccessToken, IssueError> {
    let mut claims = json!({
        "appid": principal.app_id,
        "appidacr": proof.class(),
        "idtyp": "app",
        "oid": principal.object_id,
        "sub": principal.object_id,
        // Ours, for the request log: Azure's claims do not tell a certificate from a federation.
        "az_local_source": proof.source(),
    });
    if let Some((identity, resource)) = proof.managed() {
        claims["xms_mirid"] = json!(as_claimed(identity));
        claims["xms_az_rid"] = json!(as_claimed(resource));
    }
    sign(cx, &principal.tenant_id, audience, claims)
}

/// Issues a token for `audience` to a user who has signed in to an application, with the permissions that the user gives it.
pub(crate) fn issue_to_user(
    cx: &Context<'_>,
    user: &User,
    client_id: &str,
    audience: &str,
    permissions: &str,
) -> Result<AccessToken, IssueError> {
    let claims = json!({
        "acr": "1",
        "amr": ["pwd"],
        "appid": client_id,
        // A public client proves nothing of itself.
        "appidacr": "0",
        "idtyp": "user",
        "name": user.display_name,
        "oid": user.object_id,
        "scp": permissions,
        "sub": user.object_id,
        "unique_name": user.user_principal_name,
        "upn": user.user_principal_name,
        "az_local_source": "user",
    });
    sign(cx, &user.tenant_id, audience, claims)
}

/// Puts what every token of a tenant's says around the claims, and signs.
fn sign(
    cx: &Context<'_>,
    tenant_id: &str,
    audience: &str,
    own: Value,
) -> Result<AccessToken, IssueError> {
    let lifetime = Duration::seconds(cx.knobs.token_lifetime_s);
    // Entra ID dates tokens five minutes back, for clocks that are not quite right.
    let not_before = cx.wall_now - Duration::minutes(5);
    let expires = cx.wall_now + lifetime;
    let issuer = format!("https://sts.windows.net/{tenant_id}/");
    let mut claims = json!({
        "aud": audience,
        "iss": issuer,
        "iat": not_before.unix_timestamp(),
        "nbf": not_before.unix_timestamp(),
        "exp": expires.unix_timestamp(),
        "aio": opaque(),
        "idp": issuer,
        "rh": format!("1.{}.", opaque()),
        "tid": tenant_id,
        "uti": opaque(),
        "ver": "1.0",
    });
    if let (Some(claims), Value::Object(own)) = (claims.as_object_mut(), own) {
        claims.extend(own);
    }
    let jwt = cx.keys.current()?.sign(&claims)?;
    Ok(AccessToken {
        jwt,
        not_before,
        expires,
        lifetime,
    })
}

/// A resource's id as claims spell it: with `resourcegroups` in lower case, as in what Key Vault says of callers
/// (MicrosoftDocs/SupportArticles-docs, support/azure/azure-kubernetes/extensions).
fn as_claimed(id: &str) -> String {
    id.replacen("/resourceGroups/", "/resourcegroups/", 1)
}

/// A random value for the claims that nobody outside Entra ID can read.
pub(super) fn opaque() -> String {
    URL_SAFE_NO_PAD.encode(Uuid::new_v4().as_bytes())
}

/// What is read back of an access token.
#[derive(Deserialize)]
struct Claims {
    aud: String,
    exp: i64,
    nbf: i64,
    appid: String,
    oid: String,
    tid: String,
    /// Only users have one.
    #[serde(default)]
    upn: Option<String>,
    #[serde(default)]
    az_local_source: Option<String>,
    #[serde(default)]
    xms_az_rid: Option<String>,
    #[serde(default)]
    xms_mirid: Option<String>,
}

/// Checks the request's bearer token (signature, issuer, audience, times; an audience compares without
/// a trailing slash), notes the caller for the request log, and says who it is.
pub(crate) fn authenticate(
    cx: &Context<'_>,
    request: &Request,
    audiences: &[&str],
) -> Result<Principal, TokenError> {
    let token = bearer(request).ok_or(TokenError::Missing)?;
    let claims = verified_claims(cx, token)?;
    {
        let mut caller = cx.caller.borrow_mut();
        caller.oid = Some(claims.oid.clone());
        caller.appid = Some(claims.appid.clone());
        caller.tid = Some(claims.tid.clone());
        caller.token_source = claims.az_local_source.clone();
        caller.token_machine = claims.xms_az_rid.clone();
    }
    let known: Option<Tenant> = cx.tx.get(&claims.tid).map_err(unreadable)?;
    if known.is_none() {
        return Err(TokenError::Issuer {
            got: format!("https://sts.windows.net/{}/", claims.tid),
        });
    }
    let audience = claims.aud.trim_end_matches('/');
    if !audiences
        .iter()
        .any(|wanted| wanted.trim_end_matches('/') == audience)
    {
        return Err(TokenError::Audience { got: claims.aud });
    }
    let now = cx.wall_now.unix_timestamp();
    if now >= claims.exp {
        return Err(TokenError::Expired);
    }
    if now < claims.nbf {
        return Err(TokenError::NotYetValid);
    }
    Ok(Principal {
        object_id: claims.oid,
        app_id: claims.appid,
        tenant_id: claims.tid,
        user: claims.upn,
        managed: match (claims.xms_mirid, claims.xms_az_rid) {
            (Some(identity), Some(machine)) => Some(ManagedIdentity { identity, machine }),
            _ => None,
        },
    })
}

/// A tenant that cannot be read cannot vouch for a token either.
fn unreadable(_: StateError) -> TokenError {
    TokenError::Malformed
}

fn bearer(request: &Request) -> Option<&str> {
    let (scheme, token) = request.header("authorization")?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn verified_claims(cx: &Context<'_>, token: &str) -> Result<Claims, TokenError> {
    let mut parts = token.split('.');
    let (Some(header), Some(claims), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(TokenError::Malformed);
    };
    let header: Map<String, Value> = decode(header)?;
    if header.get("alg").and_then(Value::as_str) != Some("RS256") {
        return Err(TokenError::Malformed);
    }
    if !cx.keys.has_signed(token).unwrap_or(false) {
        return Err(TokenError::Malformed);
    }
    decode(claims)
}

fn decode<T: serde::de::DeserializeOwned>(part: &str) -> Result<T, TokenError> {
    let json = URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| TokenError::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| TokenError::Malformed)
}
