//! Questions to Resource Manager, side by side and each within a bound.

use super::bound::{ANSWER, within};
use az_core::{
    arm::{Client, ResourceId, versions},
    cli::Failure,
    name::VaultName,
};
use serde_json::{Value, json};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Subscription,
    Locations,
    /// The registration of a provider.
    Provider(&'static str),
    Group,
    Machine,
    /// The vaults of the subscription that the caller sees.
    Vaults,
    DeletedVaults,
    /// Whether the vault's name is free.
    VaultName,
    /// What the caller may do.
    InSubscription,
    InGroup,
    InVault,
}

/// A list comes as an array; `None` where nothing is.
pub(super) type Answer = Result<Option<Value>, Failure>;

struct Question {
    key: Key,
    path: String,
    version: &'static str,
    how: How,
}

enum How {
    One,
    List,
    /// A POST that only asks.
    Post(Value),
}

/// Questions that do not rest on each other.
#[derive(Default)]
pub(super) struct Questions(Vec<Question>);

impl Questions {
    fn add(&mut self, key: Key, path: impl Into<String>, version: &'static str, how: How) {
        self.0.push(Question {
            key,
            path: path.into(),
            version,
            how,
        });
    }

    pub(super) fn one(&mut self, key: Key, path: impl Into<String>, version: &'static str) {
        self.add(key, path, version, How::One);
    }

    pub(super) fn list(&mut self, key: Key, path: impl Into<String>, version: &'static str) {
        self.add(key, path, version, How::List);
    }

    /// What the caller may do at a scope.
    pub(super) fn permissions(&mut self, key: Key, scope: &ResourceId) {
        let path = format!("{scope}/providers/Microsoft.Authorization/permissions");
        self.list(key, path, versions::AUTHORIZATION);
    }

    /// Who has a vault's name.
    pub(super) fn vault_name(&mut self, subscription: &ResourceId, name: &VaultName) {
        let provider = format!("{subscription}/providers/Microsoft.KeyVault");
        for (key, kind) in [
            (Key::Vaults, "vaults"),
            (Key::DeletedVaults, "deletedVaults"),
        ] {
            self.list(key, format!("{provider}/{kind}"), versions::KEY_VAULT);
        }
        let question = json!({"name": name.as_str(), "type": "Microsoft.KeyVault/vaults"});
        self.add(
            Key::VaultName,
            format!("{provider}/checkNameAvailability"),
            versions::KEY_VAULT,
            How::Post(question),
        );
    }

    pub(super) async fn ask(self, arm: &Client) -> Answers {
        let asked = self.0.iter().map(|question| answer(arm, question));
        let found = futures::future::join_all(asked).await;
        Answers(self.0.iter().map(|one| one.key).zip(found).collect())
    }
}

async fn answer(arm: &Client, question: &Question) -> Answer {
    let Question { path, version, .. } = question;
    let asked = async {
        let found = match &question.how {
            How::One => arm.get(path, version).await,
            How::List => arm.list(path, version, &[]).await.map(Value::from),
            How::Post(body) => arm.ask(path, version, body).await,
        };
        match found {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    };
    within(ANSWER, asked).await
}

/// What was answered.
pub(super) struct Answers(Vec<(Key, Answer)>);

impl Answers {
    /// The answer, where it was asked for.
    pub(super) fn get(&self, key: Key) -> Option<&Answer> {
        let found = self.0.iter().find(|(known, _)| *known == key);
        found.map(|(_, answer)| answer)
    }

    /// The items of a list; `None` where it could not be read.
    pub(super) fn items(&self, key: Key) -> Option<&[Value]> {
        match self.get(key)? {
            Ok(Some(Value::Array(items))) => Some(items),
            Ok(_) => Some(&[]),
            Err(_) => None,
        }
    }
}
