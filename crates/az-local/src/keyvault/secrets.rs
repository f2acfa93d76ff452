//! Secrets: set, get, update, list, delete, recover, purge.

use super::access::{Access, Act};
use super::error::Error;
use crate::ground::wire::{Request, Response};
use crate::state::due;
use crate::state::secrets::{self, Busy, DeletedSecret, Secret, SecretVersion};
use crate::state::vaults::Vault;
use crate::state::{Document, Page, Range, Transaction};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde_json::{Map, Value, json};
use time::Duration;
use uuid::Uuid;

/// Longest value (bytes), <https://learn.microsoft.com/azure/key-vault/secrets/about-secrets>.
const LONGEST_VALUE: usize = 25 * 1024;
/// Largest and default page.
const LARGEST_PAGE: usize = 25;
/// Versions that a purge takes away in its own transaction.
const PURGED_AT_ONCE: usize = 500;

/// Versions that do not tell how long what is deleted can be recovered (recorded at 7.0: Azure/azure-cli,
/// src/azure-cli/azure/cli/command_modules/keyvault/tests/latest/recordings/test_keyvault_softdelete.yaml).
const BEFORE_DAYS: [&str; 3] = ["2015-06-01", "2016-10-01", "7.0"];

/// One call by a caller whose token is good.
pub(crate) struct Call<'a> {
    pub(crate) access: &'a Access<'a>,
    pub(crate) request: &'a Request,
}

impl Call<'_> {
    pub(super) fn vault(&self) -> &str {
        self.access.vault.name()
    }

    fn now(&self) -> i64 {
        self.access.cx.now.unix_timestamp()
    }

    pub(super) fn tx(&self) -> &Transaction<'_> {
        self.access.cx.tx
    }

    /// The deleted secret of this name.
    fn deleted(&self, name: &str) -> Result<Option<DeletedSecret>, Error> {
        Ok(self.tx().get(&secrets::key_of(self.vault(), name))?)
    }

    pub(super) fn body(&self) -> Result<Map<String, Value>, Error> {
        let parsed: Result<Value, _> = serde_json::from_slice(&self.request.body);
        match parsed {
            Ok(Value::Object(members)) => Ok(members),
            _ => Err(Error::bad(
                "BadParameter",
                "The request body must be a JSON object.",
            )),
        }
    }

    fn retention(&self) -> Duration {
        Vault::of(self.access.vault).retention()
    }

    fn recovery_level(&self) -> &'static str {
        let vault = Vault::of(self.access.vault);
        match (vault.is_protected(), vault.retention() < Duration::days(90)) {
            (true, false) => "Recoverable",
            (true, true) => "CustomizedRecoverable",
            (false, false) => "Recoverable+Purgeable",
            (false, true) => "CustomizedRecoverable+Purgeable",
        }
    }

    /// `PUT /secrets/{name}`
    pub(crate) fn set(&self, name: &str) -> Result<Response, Error> {
        check_name(name)?;
        self.access.require(Act::Set, Some(name))?;
        let body = self.body()?;
        let value = match body.get("value") {
            Some(Value::String(value)) => value.clone(),
            _ => return Err(Error::bad("BadParameter", "Property value is required.")),
        };
        if value.len() > LONGEST_VALUE {
            return Err(Error::bad(
                "BadParameter",
                format!(
                    "The length of the secret value exceeds the maximum of {LONGEST_VALUE} bytes."
                ),
            ));
        }
        self.refuse_taken(name)?;
        let newest: Option<Secret> = self.tx().get(&secrets::key_of(self.vault(), name))?;
        let number = newest.map_or(0, |newest| newest.newest + 1);
        let mut made = SecretVersion {
            vault: self.vault().to_owned(),
            name: name.to_owned(),
            version: Uuid::new_v4().simple().to_string(),
            number,
            value,
            content_type: None,
            tags: None,
            enabled: true,
            not_before: None,
            expires: None,
            created: self.now(),
            updated: self.now(),
        };
        change(&mut made, &body)?;
        secrets::add(self.tx(), &made)?;
        Ok(Response::json(StatusCode::OK, &self.view(&made, true)))
    }

    /// A deleted secret holds its name until it is purged.
    pub(super) fn refuse_taken(&self, name: &str) -> Result<(), Error> {
        let Some(deleted) = self.deleted(name)? else {
            return Ok(());
        };
        if let Some(busy) = deleted.busy(self.access.cx.now) {
            return Err(Error::busy(name, busy));
        }
        Err(Error::Inner {
            status: 409,
            code: "Conflict",
            inner: "ObjectIsDeletedButRecoverable",
            message: format!(
                "Secret {name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the secret can only be recovered or purged."
            ),
        })
    }

    pub(super) fn find(&self, name: &str, version: Option<&str>) -> Result<SecretVersion, Error> {
        let missing = || Error::not_found(name);
        if self.deleted(name)?.is_some() {
            return Err(missing());
        }
        match version {
            None => secrets::newest(self.tx(), self.vault(), name)?.ok_or_else(missing),
            Some(wanted) => {
                if wanted.len() != 32 || !wanted.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    return Err(Error::bad(
                        "BadParameter",
                        format!("Invalid secret version: {wanted}"),
                    ));
                }
                secrets::version(self.tx(), self.vault(), name, wanted)?
                    .ok_or_else(|| Error::not_found(&format!("{name}/{wanted}")))
            }
        }
    }

    /// `GET /secrets/{name}[/{version}]`
    pub(crate) fn get(&self, name: &str, version: Option<&str>) -> Result<Response, Error> {
        check_name(name)?;
        self.access.require(Act::Get, Some(name))?;
        let found = self.find(name, version)?;
        let refuse = |message: &str| {
            Err(Error::Inner {
                status: 403,
                code: "Forbidden",
                inner: "SecretDisabled",
                message: message.to_owned(),
            })
        };
        if !found.enabled {
            return refuse("Operation get is not allowed on a disabled secret.");
        }
        // Values can be read after their expiry, but not before their time
        // (https://learn.microsoft.com/azure/key-vault/secrets/about-secrets#date-time-controlled-operations).
        Ok(Response::json(StatusCode::OK, &self.view(&found, true)))
    }

    /// `PATCH /secrets/{name}[/{version}]`
    pub(crate) fn update(&self, name: &str, version: Option<&str>) -> Result<Response, Error> {
        check_name(name)?;
        self.access.require(Act::Update, Some(name))?;
        let mut found = self.find(name, version)?;
        change(&mut found, &self.body()?)?;
        found.updated = self.now();
        self.access.cx.tx.put(&found)?;
        Ok(Response::json(StatusCode::OK, &self.view(&found, false)))
    }

    /// `GET /secrets`
    pub(crate) fn list(&self) -> Result<Response, Error> {
        self.access.require(Act::List, None)?;
        let page = self.part::<Secret>(&secrets::all_of(self.vault()))?;
        let mut items = Vec::new();
        for secret in &page.items {
            let newest: Option<SecretVersion> =
                secrets::newest(self.tx(), &secret.vault, &secret.name)?;
            items.extend(newest.map(|newest| self.item(&newest, false)));
        }
        Ok(self.answer(items, page.next))
    }

    /// `GET /secrets/{name}/versions`
    pub(crate) fn list_versions(&self, name: &str) -> Result<Response, Error> {
        check_name(name)?;
        self.access.require(Act::List, Some(name))?;
        if self.deleted(name)?.is_some() {
            return Ok(self.answer(vec![], None));
        }
        let page = self.part::<SecretVersion>(&secrets::prefix(self.vault(), name))?;
        let items = page
            .items
            .iter()
            .map(|version| self.item(version, true))
            .collect();
        Ok(self.answer(items, page.next))
    }

    /// `DELETE /secrets/{name}`
    pub(crate) fn delete(&self, name: &str) -> Result<Response, Error> {
        check_name(name)?;
        self.access.require(Act::Delete, Some(name))?;
        let found = self.find(name, None)?;
        let takes = self.takes();
        let until = (self.access.cx.now + takes).unix_timestamp_nanos() / 1_000_000;
        let deleted = DeletedSecret {
            busy: takes
                .is_positive()
                .then(|| Busy::Deleting(i64::try_from(until).unwrap_or(i64::MAX))),
            vault: self.vault().to_owned(),
            name: found.name.clone(),
            deleted: self.now(),
            purged_on: self.now() + self.retention().whole_seconds(),
        };
        secrets::delete(self.tx(), &deleted)?;
        Ok(Response::json(
            StatusCode::OK,
            &self.deleted_view(&deleted, self.view(&found, false)),
        ))
    }

    /// `GET /deletedsecrets`
    pub(crate) fn list_deleted(&self) -> Result<Response, Error> {
        self.access.require(Act::List, None)?;
        let page = self.part::<DeletedSecret>(&secrets::all_of(self.vault()))?;
        let mut items = Vec::new();
        for deleted in &page.items {
            if deleted.busy(self.access.cx.now).is_some() {
                continue;
            }
            let newest = secrets::newest(self.tx(), &deleted.vault, &deleted.name)?;
            items
                .extend(newest.map(|newest| self.deleted_view(deleted, self.item(&newest, false))));
        }
        Ok(self.answer(items, page.next))
    }

    /// How long a deletion, a recovery and a purge take.
    fn takes(&self) -> Duration {
        Duration::milliseconds(self.access.cx.knobs.secret_deletion_ms)
    }

    /// The deleted secret, which is one once its deletion is done, and none any more while it is purged.
    fn find_deleted(&self, name: &str) -> Result<(DeletedSecret, SecretVersion), Error> {
        let now = self.access.cx.now;
        let deleted = self
            .deleted(name)?
            .filter(|one| matches!(one.busy(now), None | Some(Busy::Recovering)))
            .ok_or_else(|| Error::deleted_not_found(name))?;
        let last = secrets::newest(self.tx(), self.vault(), name)?
            .ok_or_else(|| Error::deleted_not_found(name))?;
        Ok((deleted, last))
    }

    /// Nothing is done to a secret while its deletion or recovery is under way.
    fn refuse_while_busy(&self, name: &str) -> Result<(), Error> {
        let busy = self
            .deleted(name)?
            .and_then(|one| one.busy(self.access.cx.now));
        match busy {
            Some(Busy::Deleting(_)) => Err(Error::Other {
                status: 409,
                code: "Conflict",
                message: "Secret is currently being deleted.".to_owned(),
            }),
            Some(Busy::Recovering) => Err(Error::busy(name, Busy::Recovering)),
            Some(Busy::Purging) | None => Ok(()),
        }
    }

    /// `GET /deletedsecrets/{name}`
    pub(crate) fn get_deleted(&self, name: &str) -> Result<Response, Error> {
        check_name(name)?;
        self.access.require(Act::List, Some(name))?;
        let (deleted, last) = self.find_deleted(name)?;
        Ok(Response::json(
            StatusCode::OK,
            &self.deleted_view(&deleted, self.view(&last, false)),
        ))
    }

    /// `DELETE /deletedsecrets/{name}`
    pub(crate) fn purge(&self, name: &str) -> Result<Response, Error> {
        check_name(name)?;
        self.access.require(Act::Purge, Some(name))?;
        self.refuse_while_busy(name)?;
        let (mut deleted, _) = self.find_deleted(name)?;
        if !self.recovery_level().contains("Purgeable") {
            return Err(Error::Inner {
                status: 403,
                code: "Forbidden",
                inner: "ForbiddenByPolicy",
                message: "Operation \"purge\" is not allowed because purge protection is enabled for this vault. Key Vault service will automatically purge it after the retention period has passed.".to_owned(),
            });
        }
        if self.takes().is_positive() {
            deleted.busy = Some(Busy::Purging);
            self.tx().put(&deleted)?;
            due::note(
                self.tx(),
                self.access.cx.now + self.takes(),
                deleted.purge(),
            )?;
            return Ok(Response::empty(StatusCode::NO_CONTENT));
        }
        // Its versions may be many: what the first step leaves is due, and done before anything else is answered.
        if secrets::purge(self.tx(), self.vault(), name, PURGED_AT_ONCE)? {
            due::forget(self.tx(), &deleted.purge())?;
        } else {
            due::note(self.tx(), self.access.cx.now, deleted.purge())?;
        }
        Ok(Response::empty(StatusCode::NO_CONTENT))
    }

    /// `POST /deletedsecrets/{name}/recover`
    pub(crate) fn recover(&self, name: &str) -> Result<Response, Error> {
        check_name(name)?;
        self.access.require(Act::Recover, Some(name))?;
        self.refuse_while_busy(name)?;
        let (mut deleted, last) = self.find_deleted(name)?;
        if self.takes().is_positive() {
            deleted.busy = Some(Busy::Recovering);
            self.tx().put(&deleted)?;
            due::note(
                self.tx(),
                self.access.cx.now + self.takes(),
                deleted.recovered(),
            )?;
        } else {
            secrets::recover(self.tx(), self.vault(), name)?;
        }
        Ok(Response::json(StatusCode::OK, &self.view(&last, false)))
    }

    fn attributes(&self, secret: &SecretVersion) -> Value {
        let mut attributes = json!({
            "enabled": secret.enabled,
            "created": secret.created,
            "updated": secret.updated,
            "recoveryLevel": self.recovery_level(),
        });
        if !BEFORE_DAYS.contains(&self.request.query("api-version").unwrap_or_default()) {
            attributes["recoverableDays"] = json!(self.retention().whole_days());
        }
        if let Some(time) = secret.not_before {
            attributes["nbf"] = json!(time);
        }
        if let Some(time) = secret.expires {
            attributes["exp"] = json!(time);
        }
        attributes
    }

    /// A secret with its version in the id, with its value on request.
    pub(super) fn view(&self, secret: &SecretVersion, with_value: bool) -> Value {
        let mut view = self.item(secret, true);
        if with_value {
            view["value"] = json!(secret.value);
        }
        view
    }

    fn item(&self, secret: &SecretVersion, with_version: bool) -> Value {
        let mut id = format!(
            "https://{}.vault.azure.net/secrets/{}",
            self.vault(),
            secret.name
        );
        if with_version {
            id = format!("{id}/{}", secret.version);
        }
        let mut item = json!({"id": id, "attributes": self.attributes(secret)});
        if let Some(kind) = &secret.content_type {
            item["contentType"] = json!(kind);
        }
        item["tags"] = json!(secret.tags.clone().unwrap_or_default());
        item
    }

    fn deleted_view(&self, deleted: &DeletedSecret, mut view: Value) -> Value {
        view["recoveryId"] = json!(format!(
            "https://{}.vault.azure.net/deletedsecrets/{}",
            self.vault(),
            deleted.name
        ));
        view["deletedDate"] = json!(deleted.deleted);
        view["scheduledPurgeDate"] = json!(deleted.purged_on);
        view
    }

    /// A part of a list: `maxresults` items, from where `$skiptoken` says.
    fn part<T: Document>(&self, below: &str) -> Result<Page<T>, Error> {
        let after = match self.request.query("$skiptoken") {
            None => None,
            Some(token) => Some(decode_skip(token).ok_or_else(|| {
                Error::bad("BadParameter", "The $skiptoken parameter is invalid.")
            })?),
        };
        Ok(self
            .tx()
            .page(&Range::Below(below), after.as_deref(), self.page_size()?)?)
    }

    fn page_size(&self) -> Result<usize, Error> {
        match self.request.query("maxresults") {
            None => Ok(LARGEST_PAGE),
            Some(text) => match text.parse::<usize>() {
                Ok(size) if (1..=LARGEST_PAGE).contains(&size) => Ok(size),
                _ => Err(Error::bad(
                    "BadParameter",
                    format!("The maxresults parameter must be between 1 and {LARGEST_PAGE}."),
                )),
            },
        }
    }

    /// A list's answer, with where it goes on.
    fn answer(&self, items: Vec<Value>, next: Option<String>) -> Response {
        let next = next.map(|next| {
            let version = self.request.query("api-version").unwrap_or_default();
            let size = self
                .request
                .query("maxresults")
                .map(|size| format!("&maxresults={size}"));
            format!(
                "https://{}.vault.azure.net{}?api-version={version}&$skiptoken={}{}",
                self.vault(),
                self.request.path.trim_end_matches('/'),
                URL_SAFE_NO_PAD.encode(next),
                size.unwrap_or_default(),
            )
        });
        Response::json(StatusCode::OK, &json!({"value": items, "nextLink": next}))
    }
}

fn decode_skip(token: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()
}

pub(super) fn check_name(name: &str) -> Result<(), Error> {
    if (1..=127).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    {
        return Ok(());
    }
    Err(Error::bad(
        "BadParameter",
        format!("The request URI contains an invalid name: {name}"),
    ))
}

/// Takes what a body says over into a secret.
fn change(secret: &mut SecretVersion, body: &Map<String, Value>) -> Result<(), Error> {
    if let Some(kind) = body.get("contentType").filter(|kind| !kind.is_null()) {
        let kind = kind.as_str().filter(|kind| kind.len() <= 255);
        secret.content_type = Some(
            kind.ok_or_else(|| {
                Error::bad(
                    "BadParameter",
                    "contentType must have at most 255 characters.",
                )
            })?
            .to_owned(),
        );
    }
    if let Some(tags) = body.get("tags").and_then(Value::as_object) {
        let valid = tags.iter().all(|(key, value)| {
            key.len() <= 512 && value.as_str().is_some_and(|value| value.len() <= 256)
        });
        if tags.len() > 15 || !valid {
            return Err(Error::bad(
                "BadParameter",
                "A secret takes at most 15 tags, with names of at most 512 and values of at most 256 characters.",
            ));
        }
        secret.tags = Some(tags.clone());
    }
    let Some(attributes) = body.get("attributes").and_then(Value::as_object) else {
        return Ok(());
    };
    if let Some(enabled) = attributes.get("enabled").and_then(Value::as_bool) {
        secret.enabled = enabled;
    }
    if let Some(time) = attributes.get("nbf").and_then(Value::as_i64) {
        secret.not_before = Some(time);
    }
    if let Some(time) = attributes.get("exp").and_then(Value::as_i64) {
        secret.expires = Some(time);
    }
    match (secret.not_before, secret.expires) {
        (Some(from), Some(to)) if from >= to => Err(Error::bad(
            "BadParameter",
            "The attribute nbf must be before the attribute exp.",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hold_letters_digits_and_hyphens() {
        assert!(check_name("quickstart-secret").is_ok());
        for bad in ["", "a_b", "a.b", &"x".repeat(128)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn skip_tokens_are_ours_or_refused() {
        assert_eq!(
            decode_skip(&URL_SAFE_NO_PAD.encode("kv/name")).as_deref(),
            Some("kv/name")
        );
        assert_eq!(decode_skip("garbage!"), None);
    }
}
