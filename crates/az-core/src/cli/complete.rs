//! Completion of what stands in the cloud: groups, machines, vaults, identities, roles, locations, sizes, secrets.
//!
//! A shell asks the tool itself, with `COMPLETE` in the environment, while somebody types: an answer takes a second at most,
//! and is kept for the next word.

use super::{
    args::GlobalArgs, failure::Failure, secret_names::secret_names, session::Session,
    under_way::UnderWay,
};
use crate::{
    arm::{ResourceId, versions},
    budget::Budget,
};
use az_credential::Env;
use clap::{Args, Command, FromArgMatches};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use serde_json::Value;
use std::{
    ffi::OsStr,
    hash::{DefaultHasher, Hash, Hasher},
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

/// How long somebody who types may be kept waiting.
const LONGEST: Duration = Duration::from_secs(1);

/// How long names are taken from the last answer.
const KEPT: Duration = Duration::from_secs(120);

/// How many names are offered, and kept.
const MOST: usize = 1000;

/// What an argument names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Group,
    Machine,
    Vault,
    Identity,
    Role,
    Location,
    Size,
    Secret,
}

/// The command line of a tool, with what its arguments are completed with.
pub(super) fn with_candidates(command: Command, tool: &'static str) -> Command {
    within(command, tool, Vec::new())
}

fn within(command: Command, tool: &'static str, mut above: Vec<String>) -> Command {
    above.push(command.get_name().to_owned());
    let path = above.clone();
    let command = command.mut_subcommands(|below| within(below, tool, above.clone()));
    command.mut_args(|argument| {
        let names: Vec<&str> = argument.get_long_and_visible_aliases().unwrap_or_default();
        let kind = if names.is_empty() {
            // A secret's name stands alone.
            (argument.get_id() == "name" && tool.starts_with("kv-")).then_some(Kind::Secret)
        } else {
            names.iter().find_map(|name| kind(name, tool, &path))
        };
        match kind {
            Some(kind) => argument.add(ArgValueCompleter::new(move |typed: &OsStr| {
                candidates(tool, kind, typed)
            })),
            None => argument,
        }
    })
}

/// What a flag names, by its name and by the command that it is of.
fn kind(flag: &str, tool: &str, path: &[String]) -> Option<Kind> {
    let of = |word: &str| path.iter().any(|part| part == word);
    // A new thing has a name that nothing has.
    let new = of("create");
    Some(match flag {
        "resource-group" => Kind::Group,
        "location" => Kind::Location,
        "size" => Kind::Size,
        "role" => Kind::Role,
        "vault-name" if !of("all") => Kind::Vault,
        "vm-name" if !of("all") => Kind::Machine,
        "name" if tool.starts_with("kv-") => Kind::Secret,
        "name" if new => return None,
        "name" if of("group") => Kind::Group,
        "name" if of("vm") => Kind::Machine,
        "name" if of("keyvault") => Kind::Vault,
        "name" if tool == "az-identity" => Kind::Identity,
        "name" if of("definition") => Kind::Role,
        "identities" | "assign-identity" => Kind::Identity,
        _ => return None,
    })
}

fn candidates(tool: &'static str, kind: Kind, typed: &OsStr) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    let folded = typed.to_lowercase();
    let names = names(tool, kind).unwrap_or_default();
    names
        .into_iter()
        .filter(|name| name.to_lowercase().starts_with(&folded))
        .map(CompletionCandidate::new)
        .collect()
}

/// The names, of the last answer or of a new one; none where there is no answer in time.
fn names(tool: &'static str, kind: Kind) -> Option<Vec<String>> {
    let env = Env::from_process();
    let asked = Asked::from_process(kind, &env);
    let file = asked.file(&env);
    if let Some(kept) = file.as_deref().and_then(|file| kept(file, KEPT)) {
        return Some(kept);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .ok()?;
    let found =
        runtime.block_on(async { tokio::time::timeout(LONGEST, asked.ask(tool, env)).await });
    runtime.shutdown_background();
    match found {
        Ok(Ok(mut names)) => {
            names.truncate(MOST);
            if let Some(file) = &file {
                keep(file, &names);
            }
            Some(names)
        }
        // What was there some time ago is better than nothing.
        _ => file.and_then(|file| kept(&file, Duration::from_secs(24 * 3600))),
    }
}

/// A question, as the words typed so far put it.
struct Asked {
    kind: Kind,
    subscription: Option<String>,
    cloud: Option<String>,
    vault: Option<String>,
    location: Option<String>,
}

impl Asked {
    fn from_process(kind: Kind, env: &Env) -> Self {
        let words: Vec<String> = std::env::args_os()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        Self::from_words(kind, env, &words)
    }

    fn from_words(kind: Kind, env: &Env, words: &[String]) -> Self {
        let value = |names: &[&str]| {
            words.iter().enumerate().find_map(|(at, word)| {
                let joined = word.split_once('=');
                match joined {
                    Some((name, value)) if names.contains(&name) => Some(value.to_owned()),
                    _ if names.contains(&word.as_str()) => words.get(at + 1).cloned(),
                    _ => None,
                }
            })
        };
        let vault =
            value(&["--vault-name"]).or_else(|| env.get("KEY_VAULT_NAME").map(str::to_owned));
        Asked {
            kind,
            subscription: value(&["--subscription"]),
            cloud: value(&["--cloud"]),
            vault: vault.filter(|_| kind == Kind::Secret),
            location: value(&["--location", "-l"]).filter(|_| kind == Kind::Size),
        }
    }

    /// Where the answer is kept: a file for each question of each identity.
    fn file(&self, env: &Env) -> Option<PathBuf> {
        let folder = az_credential::cache_folder(env)?;
        let mut hasher = DefaultHasher::new();
        (
            self.kind,
            &self.subscription,
            &self.cloud,
            &self.vault,
            &self.location,
        )
            .hash(&mut hasher);
        for name in [
            "AZURE_SUBSCRIPTION_ID",
            "AZURE_TENANT_ID",
            "AZURE_CLIENT_ID",
            "AZURE_CLOUD",
            "AZURE_CONFIG_DIR",
            "HTTPS_PROXY",
        ] {
            env.get(name).hash(&mut hasher);
        }
        Some(folder.join(format!("names-{:016x}.json", hasher.finish())))
    }

    async fn ask(&self, tool: &'static str, env: Env) -> Result<Vec<String>, Failure> {
        let mut words = vec![tool, "--only-show-errors"];
        for (flag, value) in [
            ("--subscription", &self.subscription),
            ("--cloud", &self.cloud),
        ] {
            if let Some(value) = value {
                words.extend([flag, value.as_str()]);
            }
        }
        let matches = GlobalArgs::augment_args(Command::new(tool))
            .try_get_matches_from(words)
            .and_then(|matches| GlobalArgs::from_arg_matches(&matches))
            .map_err(|error| Failure::usage(error.to_string()))?;
        let under_way = UnderWay::new(&matches, true);
        let session = Session::new(
            tool,
            matches,
            (env.clone(), env),
            true,
            under_way,
            Budget::new(LONGEST),
        )?;
        if self.kind == Kind::Secret {
            let vault = self
                .vault
                .as_deref()
                .ok_or_else(|| Failure::usage("which vault?"))?;
            let names = secret_names(&session, vault).await;
            return names.ok_or_else(|| Failure::usage("the vault cannot be listed"));
        }
        let subscription = ResourceId::subscription(session.subscription().await?);
        let of_type = |kind: &str| format!("resourceType eq '{kind}'");
        let (path, version, filter, member) = match self.kind {
            Kind::Group => ("resourcegroups", versions::RESOURCES, None, "/name"),
            Kind::Machine => (
                "resources",
                versions::RESOURCES,
                Some(of_type("Microsoft.Compute/virtualMachines")),
                "/name",
            ),
            Kind::Vault => (
                "resources",
                versions::RESOURCES,
                Some(of_type("Microsoft.KeyVault/vaults")),
                "/name",
            ),
            Kind::Identity => (
                "resources",
                versions::RESOURCES,
                Some(of_type("Microsoft.ManagedIdentity/userAssignedIdentities")),
                "/name",
            ),
            Kind::Role => (
                "providers/Microsoft.Authorization/roleDefinitions",
                versions::AUTHORIZATION,
                None,
                "/properties/roleName",
            ),
            Kind::Location | Kind::Secret => ("locations", versions::SUBSCRIPTIONS, None, "/name"),
            Kind::Size => {
                let location = self.location.as_deref().unwrap_or("eastus");
                let path = format!("providers/Microsoft.Compute/locations/{location}/vmSizes");
                let all = session
                    .arm()?
                    .list(format!("{subscription}/{path}"), versions::COMPUTE, &[])
                    .await?;
                return Ok(texts(&all, "/name"));
            }
        };
        let query: Vec<(&str, &str)> = filter
            .iter()
            .map(|filter| ("$filter", filter.as_str()))
            .collect();
        let all = session
            .arm()?
            .list(format!("{subscription}/{path}"), version, &query)
            .await?;
        Ok(texts(&all, member))
    }
}

fn texts(all: &[Value], member: &str) -> Vec<String> {
    let texts = all.iter().filter_map(|one| one.pointer(member)?.as_str());
    texts.map(str::to_owned).collect()
}

/// Names that were kept, if that is not too long ago.
fn kept(file: &Path, longest: Duration) -> Option<Vec<String>> {
    let age = std::fs::metadata(file)
        .ok()?
        .modified()
        .ok()?
        .elapsed()
        .ok()?;
    if age > longest {
        return None;
    }
    serde_json::from_str(&std::fs::read_to_string(file).ok()?).ok()
}

/// Keeps names, whole or not at all: another shell may be reading. What cannot be kept is asked for again.
fn keep(file: &Path, names: &[String]) {
    let Some(folder) = file.parent() else {
        return;
    };
    let draft = file.with_extension(format!("{}.new", std::process::id()));
    let written = create_folder(folder)
        .and_then(|()| open_private(&draft))
        .and_then(|mut out| out.write_all(serde_json::json!(names).to_string().as_bytes()))
        .and_then(|()| std::fs::rename(&draft, file));
    if written.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
}

fn create_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

fn open_private(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_completed_by_what_it_names() {
        let path = |words: &str| words.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for (flag, tool, at, expected) in [
            (
                "resource-group",
                "az-provision",
                "az-provision vm create",
                Some(Kind::Group),
            ),
            ("name", "az-provision", "az-provision vm create", None),
            (
                "name",
                "az-provision",
                "az-provision vm show",
                Some(Kind::Machine),
            ),
            (
                "name",
                "az-cleanup",
                "az-cleanup keyvault delete",
                Some(Kind::Vault),
            ),
            (
                "name",
                "az-identity",
                "az-identity vm assign",
                Some(Kind::Machine),
            ),
            (
                "name",
                "az-identity",
                "az-identity delete",
                Some(Kind::Identity),
            ),
            ("vault-name", "kv-get", "kv-get", Some(Kind::Vault)),
            ("name", "kv-get", "kv-get", Some(Kind::Secret)),
            (
                "role",
                "az-role",
                "az-role assignment create",
                Some(Kind::Role),
            ),
            ("tags", "az-provision", "az-provision vm create", None),
        ] {
            assert_eq!(kind(flag, tool, &path(at)), expected, "{flag} of {at}");
        }
    }

    #[test]
    fn the_words_typed_so_far_say_where() {
        let env = Env::from_pairs([("KEY_VAULT_NAME", "of-variable")]);
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let asked = Asked::from_words(
            Kind::Secret,
            &env,
            &words("kv-get --vault-name=kv --subscription s --cloud AzureCloud"),
        );
        assert_eq!(asked.vault.as_deref(), Some("kv"));
        assert_eq!(asked.subscription.as_deref(), Some("s"));
        let asked = Asked::from_words(Kind::Secret, &env, &words("kv-get x"));
        assert_eq!(asked.vault.as_deref(), Some("of-variable"));
    }
}
