//! Users who sign in through an application: with their password, and again with a refresh token
//! (<https://learn.microsoft.com/entra/identity-platform/v2-oauth-ropc>). There is no page to sign in on.

use super::authority::{self, Authority};
use super::error::EntraError;
use super::form::Form;
use super::resources::require_resource;
use super::token::{self, AccessToken, IssueError, opaque};
use crate::ground::wire::Response;
use crate::request::Context;
use crate::state::Tenant;
use crate::state::people::User;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::Duration;

/// Public applications of Microsoft's that users sign in through: the Azure CLI (and the Azure SDKs' own client), Azure
/// PowerShell (<https://learn.microsoft.com/troubleshoot/entra/entra-id/governance/verify-first-party-apps-sign-in>).
const PUBLIC_CLIENTS: [&str; 2] = [
    "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
    "1950a258-227b-4e31-a9cf-717495945fc2",
];

/// Whose the permissions are that name no resource.
const GRAPH: &str = "https://graph.microsoft.com";

/// How long a refresh token is good
/// (<https://learn.microsoft.com/entra/identity-platform/refresh-tokens#token-lifetime>).
const REFRESH_LIFETIME: Duration = Duration::days(90);

/// `GET /common/userrealm/{name}`: whether a user signs in here or with another service.
pub(super) fn realm(cx: &Context<'_>, name: &str) -> Result<Response, EntraError> {
    let domain = name.rsplit_once('@').map_or("", |(_, domain)| domain);
    let known = authority::by_domain(cx, domain)?.is_some();
    let kind = if known { "Managed" } else { "Unknown" };
    Ok(Response::json(
        StatusCode::OK,
        &json!({
            "ver": "1.0",
            "account_type": kind,
            "domain_name": domain,
            "cloud_instance_name": "microsoftonline.com",
            "cloud_audience_urn": "urn:federation:MicrosoftOnline",
        }),
    ))
}

/// What a user is given for having signed in.
pub(super) struct SignedIn {
    user: User,
    client_id: String,
    pub(super) issued: AccessToken,
    permissions: String,
}

/// Checks the password, or the refresh token, of a token request.
pub(super) fn sign_in(
    cx: &Context<'_>,
    form: &Form,
    segment: &str,
    resource: &Wanted<'_>,
) -> Result<SignedIn, EntraError> {
    let client_id = form.require("client_id")?.to_ascii_lowercase();
    let tenant = match Authority::find(cx, segment)? {
        Authority::Tenant(tenant) => Some(tenant),
        // Personal accounts, of which there are none.
        Authority::Any(name) if name == "consumers" => return Err(EntraError::NoTenant),
        Authority::Any(_) => None,
    };
    let user = if form.get("grant_type") == Some("refresh_token") {
        by_refresh_token(cx, form.require("refresh_token")?, &client_id)?
    } else {
        by_password(cx, form)?
    };
    let home: Tenant = cx.tx.get(&user.tenant_id)?.ok_or(EntraError::NoTenant)?;
    if !PUBLIC_CLIENTS.contains(&client_id.as_str()) {
        return Err(EntraError::ApplicationNotFound {
            app_id: client_id,
            directory: home.display_name,
        });
    }
    // Nobody is a guest of another tenant.
    if let Some(tenant) = tenant.filter(|tenant| tenant.id != home.id) {
        return Err(EntraError::UserNotInTenant {
            user: user.user_principal_name,
            directory: tenant.display_name,
        });
    }
    if !user.enabled {
        return Err(EntraError::UserDisabled);
    }
    require_resource(resource.audience, &home)?;
    let issued = token::issue_to_user(
        cx,
        &user,
        &client_id,
        resource.audience,
        &resource.permissions,
    )?;
    let mut caller = cx.caller.borrow_mut();
    caller.oid = Some(user.object_id.clone());
    caller.appid = Some(client_id.clone());
    caller.tid = Some(home.id);
    Ok(SignedIn {
        user,
        client_id,
        issued,
        permissions: resource.permissions.clone(),
    })
}

/// What a user wants a token for.
pub(super) struct Wanted<'a> {
    pub(super) audience: &'a str,
    /// The delegated permissions, as `scp` has them.
    permissions: String,
}

impl<'a> Wanted<'a> {
    /// `https://vault.azure.net/.default` or one with a permission, as `https://management.azure.com/user_impersonation`.
    pub(super) fn of_scope(scope: &'a str) -> Result<Self, EntraError> {
        let own = ["openid", "profile", "offline_access", "email"];
        let scopes = scope
            .split_ascii_whitespace()
            .filter(|scope| !own.contains(scope));
        let mut wanted: Option<Self> = None;
        for one in scopes {
            // A permission alone is Graph's.
            let (audience, permission) = one.rsplit_once('/').unwrap_or((GRAPH, one));
            let invalid = || EntraError::InvalidScope(scope.to_owned());
            if audience.is_empty() || permission.is_empty() {
                return Err(invalid());
            }
            let permissions = Wanted::permissions_of(audience, Some(permission));
            match &mut wanted {
                None => {
                    wanted = Some(Wanted {
                        audience,
                        permissions,
                    });
                }
                Some(wanted) if wanted.audience == audience => {
                    wanted.permissions = format!("{} {permissions}", wanted.permissions);
                }
                // A token is for one resource.
                Some(_) => return Err(invalid()),
            }
        }
        Ok(wanted.unwrap_or_else(|| Wanted::of_resource(GRAPH)))
    }

    pub(super) fn of_resource(audience: &'a str) -> Self {
        Wanted {
            audience,
            permissions: Wanted::permissions_of(audience, None),
        }
    }

    /// What the first-party clients are allowed everywhere.
    fn permissions_of(audience: &str, asked: Option<&str>) -> String {
        match asked.filter(|asked| *asked != ".default") {
            Some(asked) => asked.to_owned(),
            None if audience.contains("graph.") => "User.Read.All Group.ReadWrite.All".to_owned(),
            None => "user_impersonation".to_owned(),
        }
    }
}

fn by_password(cx: &Context<'_>, form: &Form) -> Result<User, EntraError> {
    let name = form.require("username")?;
    let password = form.require("password")?;
    let found: Option<User> = cx.tx.find(User::BY_SIGN_IN, &name.to_lowercase())?;
    let user = found.ok_or_else(|| EntraError::UserNotFound {
        user: name.to_owned(),
    })?;
    if !user.password.is(password) {
        return Err(EntraError::WrongPassword);
    }
    Ok(user)
}

/// What a refresh token says. Only Entra ID reads it; its members are none of an access token's.
#[derive(Serialize, Deserialize)]
struct Refresh {
    refreshes: String,
    client: String,
    /// Changes with the password.
    mark: String,
    until: i64,
}

fn by_refresh_token(
    cx: &Context<'_>,
    refresh_token: &str,
    client_id: &str,
) -> Result<User, EntraError> {
    let malformed = || EntraError::RefreshTokenMalformed;
    if !cx
        .keys
        .has_signed(refresh_token)
        .map_err(IssueError::from)?
    {
        return Err(malformed());
    }
    let claims = refresh_token.split('.').nth(1).ok_or_else(malformed)?;
    let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| malformed())?;
    let refresh: Refresh = serde_json::from_slice(&claims).map_err(|_| malformed())?;
    // Microsoft's own applications are one family: each takes the tokens of the others.
    if !PUBLIC_CLIENTS.contains(&refresh.client.as_str()) && refresh.client != client_id {
        return Err(malformed());
    }
    if cx.wall_now.unix_timestamp() >= refresh.until {
        return Err(EntraError::RefreshTokenExpired);
    }
    let user: User = cx
        .tx
        .get(&refresh.refreshes)?
        .ok_or(EntraError::RefreshTokenRevoked)?;
    if user.password.mark() != refresh.mark {
        return Err(EntraError::RefreshTokenRevoked);
    }
    Ok(user)
}

impl SignedIn {
    /// The answer of the v2.0 endpoint.
    pub(super) fn answer(&self, cx: &Context<'_>, form: &Form) -> Result<Value, EntraError> {
        let seconds = self.issued.lifetime.whole_seconds();
        let mut answer = json!({
            "token_type": "Bearer",
            "scope": self.permissions,
            "expires_in": seconds,
            "ext_expires_in": seconds,
            "access_token": self.issued.jwt,
            "refresh_token": self.refresh_token(cx)?,
            "foci": "1",
            "id_token": self.id_token(cx)?,
        });
        if form.get("client_info").is_some() {
            let info = json!({"uid": self.user.object_id, "utid": self.user.tenant_id});
            answer["client_info"] = json!(URL_SAFE_NO_PAD.encode(info.to_string()));
        }
        Ok(answer)
    }

    fn refresh_token(&self, cx: &Context<'_>) -> Result<String, EntraError> {
        let refresh = Refresh {
            refreshes: self.user.object_id.clone(),
            client: self.client_id.clone(),
            mark: self.user.password.mark().to_owned(),
            until: (cx.wall_now + REFRESH_LIFETIME).unix_timestamp(),
        };
        let key = cx.keys.current().map_err(IssueError::from)?;
        Ok(key.sign(&json!(refresh)).map_err(IssueError::from)?)
    }

    /// Who has signed in, for the application
    /// (<https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference>).
    fn id_token(&self, cx: &Context<'_>) -> Result<String, EntraError> {
        let User {
            object_id,
            tenant_id,
            user_principal_name,
            display_name,
            ..
        } = &self.user;
        let claims = json!({
            "aud": self.client_id,
            "iss": format!("{}/{tenant_id}/v2.0", authority::LOGIN),
            "iat": self.issued.not_before.unix_timestamp(),
            "nbf": self.issued.not_before.unix_timestamp(),
            "exp": self.issued.expires.unix_timestamp(),
            "name": display_name,
            "oid": object_id,
            "preferred_username": user_principal_name,
            "rh": format!("1.{}.", opaque()),
            "sub": object_id,
            "tid": tenant_id,
            "uti": opaque(),
            "ver": "2.0",
        });
        let key = cx.keys.current().map_err(IssueError::from)?;
        Ok(key.sign(&claims).map_err(IssueError::from)?)
    }
}
