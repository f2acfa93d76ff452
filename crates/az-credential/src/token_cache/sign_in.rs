//! Who is signed in to a developer's tool, as far as the files tell that it keeps.
//!
//! Nothing of them is kept but digests: a token is used again only while they stay the same.

use crate::{env::Env, name::CredentialName};
use ring::digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};
use zeroize::Zeroizing;

/// In bytes. None of the tools' files comes near it.
const MOST: u64 = 16 << 20;

/// A tool with a sign-in of its own.
pub(super) struct Tool {
    credential: CredentialName,
    /// The folder with its sign-in.
    folder: PathBuf,
    /// The folder with `az`'s, which `azd` can be told to use.
    az: Option<PathBuf>,
    /// The folder with the session of Azure PowerShell.
    identity_service: Option<PathBuf>,
    /// A digest of the variables that steer it.
    variables: String,
}

/// A sign-in at one moment.
pub(super) struct SignIn {
    pub(super) stamp: Stamp,
    /// The tenant that a token is for, where the files tell.
    pub(super) tenant: Option<String>,
    /// Whether `az` is signed in as a managed identity.
    pub(super) managed: bool,
}

/// A sign-in, for comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    /// Changes with the account, the default subscription and the tool's settings; `az`'s with each sign-in.
    pub(super) who: String,
    /// Changes when the tool renews its session, too.
    session: String,
}

impl Tool {
    /// The tool of a credential; `None` where it has none, or where its sign-in is not in files that we know.
    pub(super) fn of(credential: CredentialName, env: &Env) -> Option<Self> {
        let az = env.azure_config_dir();
        let (folder, steering): (_, &[&str]) = match credential {
            CredentialName::AzureCli => (az.clone()?, &["AZURE_CLOUD_NAME"]),
            CredentialName::AzureDeveloperCli => {
                // Another program answers for it: https://github.com/Azure/azure-dev/blob/main/cli/azd/docs/external-authentication.md
                if env.get_os("AZD_AUTH_ENDPOINT").is_some() {
                    return None;
                }
                let folder = match env.get_os("AZD_CONFIG_DIR") {
                    Some(folder) => PathBuf::from(folder),
                    None => env.home()?.join(".azd"),
                };
                (folder, &["AZURE_SUBSCRIPTION_ID", "AZURE_TENANT_ID"])
            }
            CredentialName::AzurePowerShell => (env.home()?.join(".Azure"), &[]),
            CredentialName::Environment
            | CredentialName::WorkloadIdentity
            | CredentialName::ManagedIdentity => return None,
        };
        let data = if cfg!(windows) {
            env.get_os("LOCALAPPDATA").map(PathBuf::from)
        } else {
            env.home().map(|home| home.join(".local").join("share"))
        };
        let mut variables = Digest::new();
        for name in steering {
            let value = env.get_os(name).unwrap_or_default();
            variables.add(name, value.as_encoded_bytes());
        }
        Some(Tool {
            credential,
            folder: std::path::absolute(folder).ok()?,
            az: az.and_then(|folder| std::path::absolute(folder).ok()),
            identity_service: data.map(|folder| folder.join(".IdentityService")),
            variables: variables.text(),
        })
    }

    /// The folder with its sign-in.
    pub(super) fn config(&self) -> String {
        self.folder.to_string_lossy().into_owned()
    }

    /// A digest of the variables that steer it.
    pub(super) fn variables(&self) -> String {
        self.variables.clone()
    }

    /// Who is signed in now.
    pub(super) fn sign_in(&self, cloud: &str, subscription: Option<&str>) -> SignIn {
        let mut files = Files::new();
        let mut chosen = Chosen::default();
        match self.credential {
            CredentialName::AzurePowerShell => {
                files.content(&self.folder.join("AzureRmContext.json"));
                files.content(&self.folder.join("AzureRmContextSettings.json"));
                if let Some(folder) = &self.identity_service {
                    files.folder(folder);
                }
            }
            CredentialName::AzureDeveloperCli => {
                files.content(&self.folder.join("auth.json"));
                files.content(&self.folder.join("config.json"));
                files.folder(&self.folder.join("auth"));
                files.folder(&self.folder.join("auth").join("msal"));
                if let Some(az) = &self.az {
                    files.az(az);
                }
            }
            _ => {
                let profile = files.az(&self.folder);
                chosen = profile
                    .and_then(|profile| Chosen::of(&profile, cloud, subscription))
                    .unwrap_or_default();
            }
        }
        SignIn {
            stamp: files.stamp(),
            tenant: chosen.tenant,
            managed: chosen.managed,
        }
    }
}

/// What `az`'s profile tells of a subscription.
#[derive(Default)]
struct Chosen {
    tenant: Option<String>,
    managed: bool,
}

impl Chosen {
    /// That of the subscription (id or name), else of the cloud's default one.
    fn of(profile: &[u8], cloud: &str, subscription: Option<&str>) -> Option<Self> {
        // az writes the file with a byte order mark.
        let text = profile.strip_prefix(b"\xef\xbb\xbf").unwrap_or(profile);
        let profile: Value = serde_json::from_slice(text).ok()?;
        let is = |entry: &Value, member: &str, wanted: &str| {
            entry[member]
                .as_str()
                .is_some_and(|value| value.eq_ignore_ascii_case(wanted))
        };
        let entry = profile["subscriptions"]
            .as_array()?
            .iter()
            .filter(|entry| {
                entry["environmentName"].is_null() || is(entry, "environmentName", cloud)
            })
            .find(|entry| match subscription {
                Some(wanted) => is(entry, "id", wanted) || is(entry, "name", wanted),
                None => entry["isDefault"] == true,
            })?;
        let user = &entry["user"];
        Some(Chosen {
            tenant: entry["tenantId"].as_str().map(str::to_lowercase),
            managed: !user["assignedIdentityInfo"].is_null()
                || is(user, "name", "systemAssignedIdentity")
                || is(user, "name", "userAssignedIdentity"),
        })
    }
}

/// Collects what the files say.
struct Files {
    who: Digest,
    session: Digest,
}

impl Files {
    fn new() -> Self {
        Files {
            who: Digest::new(),
            session: Digest::new(),
        }
    }

    /// `az`'s files; returns its profile.
    fn az(&mut self, folder: &Path) -> Option<Zeroizing<Vec<u8>>> {
        let profile = folder.join("azureProfile.json");
        let text = self.content(&profile);
        // Each sign-in writes it, even that of the account that was there.
        times(&mut self.who, &profile);
        self.content(&folder.join("config"));
        self.content(&folder.join("clouds.config"));
        for name in [
            "service_principal_entries.json",
            "service_principal_entries.bin",
        ] {
            times(&mut self.who, &folder.join(name));
        }
        // Encrypted on Windows; elsewhere the accounts stand beside the tokens that change all the time.
        times(&mut self.session, &folder.join("msal_token_cache.bin"));
        let sessions = folder.join("msal_token_cache.json");
        match read(&sessions).map(|text| serde_json::from_slice::<Sessions>(&text)) {
            Some(Ok(known)) => {
                // az adds an entry for each tenant that a token is asked for: the same account.
                let accounts: BTreeSet<Account> = known.accounts.into_values().collect();
                for account in accounts {
                    self.who
                        .add(&account.environment, account.home_account_id.as_bytes());
                }
                for (name, renewed) in known.refresh_tokens {
                    let when = renewed.last_modification_time.to_string();
                    self.session.add(&name, when.as_bytes());
                }
            }
            _ => times(&mut self.session, &sessions),
        }
        text
    }

    /// A file that changes when another account or subscription is chosen.
    fn content(&mut self, path: &Path) -> Option<Zeroizing<Vec<u8>>> {
        let text = read(path);
        let name = path.to_string_lossy();
        match &text {
            Some(text) => self.who.add(&name, text),
            None => self.who.add(&name, b"(none)"),
        }
        text
    }

    /// The files in a folder, by when they were written and how large they are.
    fn folder(&mut self, folder: &Path) {
        let Ok(entries) = folder.read_dir() else {
            return;
        };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            // Locks come and go while a tool is at work.
            let is_lock = path
                .extension()
                .is_some_and(|end| end == "lock" || end == "lockfile");
            if path.is_file() && !is_lock {
                times(&mut self.session, &path);
            }
        }
    }

    fn stamp(self) -> Stamp {
        Stamp {
            who: self.who.text(),
            session: self.session.text(),
        }
    }
}

/// `msal_token_cache.json`, as far as it tells who is signed in and since when; no tokens.
/// <https://github.com/AzureAD/microsoft-authentication-library-for-python/blob/dev/msal/token_cache.py>
#[derive(Deserialize)]
struct Sessions {
    #[serde(rename = "Account", default)]
    accounts: BTreeMap<String, Account>,
    #[serde(rename = "RefreshToken", default)]
    refresh_tokens: BTreeMap<String, Renewed>,
}

/// An account in a tenant.
#[derive(PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Account {
    #[serde(default)]
    environment: String,
    /// The account's id in the tenant that it is from.
    #[serde(default)]
    home_account_id: String,
}

/// A refresh token without the token.
#[derive(Deserialize)]
struct Renewed {
    #[serde(default)]
    last_modification_time: Value,
}

/// When a file was written, and how large it is.
fn times(digest: &mut Digest, path: &Path) {
    let name = path.to_string_lossy();
    let Ok(metadata) = path.metadata() else {
        return digest.add(&name, b"(none)");
    };
    let since = metadata
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .unwrap_or_default();
    let times = format!("{} {}", since.as_nanos(), metadata.len());
    digest.add(&name, times.as_bytes());
}

fn read(path: &Path) -> Option<Zeroizing<Vec<u8>>> {
    let size = path
        .metadata()
        .ok()
        .filter(std::fs::Metadata::is_file)?
        .len();
    if size > MOST {
        return None;
    }
    std::fs::read(path).ok().map(Zeroizing::new)
}

/// A digest of named values.
struct Digest(digest::Context);

impl Digest {
    fn new() -> Self {
        Digest(digest::Context::new(&digest::SHA256))
    }

    fn add(&mut self, name: &str, value: &[u8]) {
        for part in [name.as_bytes(), value] {
            self.0.update(&(part.len() as u64).to_le_bytes());
            self.0.update(part);
        }
    }

    fn text(self) -> String {
        let bytes = self.0.finish();
        bytes
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}
