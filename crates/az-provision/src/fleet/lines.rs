//! The list: JSON lines in the words of the flags.

use crate::cli::{All, AuthenticationType, Line};
use az_core::{
    cli::{Failure, Session, home, lines},
    nearest::did_you_mean,
};
use clap::{
    Arg, ArgAction, Args, Command, FromArgMatches,
    builder::{Resettable, ValueParser},
    error::{ContextKind, ContextValue},
};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, path::Path};

/// Members that a line does not take though they are flags, and why.
const REFUSED: [(&str, &str); 3] = [
    (
        "adminPassword",
        "a list holds no passwords: write adminPasswordFile",
    ),
    (
        "recover",
        "a deleted vault is recovered by 'az-provision keyvault create --recover'",
    ),
    (
        "purgeDeleted",
        "a deleted vault is purged by 'az-cleanup keyvault purge'",
    ),
];

/// One line of the list, with what the command line says for all of them.
pub(super) struct Numbered {
    pub(super) number: usize,
    pub(super) line: Line,
}

/// Reads a list: a file, or standard input.
pub(super) fn read(session: &Session, args: &All, list: &Path) -> Result<Vec<Numbered>, Failure> {
    check_flags(args, list)?;
    let items = if list == Path::new("-") {
        lines::read_stdin("machines")?
    } else {
        let path = home(&session.env, &list.to_string_lossy());
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
        lines::read_text(&path.display().to_string(), &text)?
    };
    let mut reader = Reader::new();
    let common = common(args);
    let mut all = Vec::with_capacity(items.len());
    let mut refused = Vec::new();
    for item in items {
        let number = item.line;
        match reader.read(&common, item.value) {
            Ok(line) => all.push(Numbered { number, line }),
            Err(reason) => refused.push(Failure::usage(reason).doing(format!("line {number}"))),
        }
    }
    session.none_of(refused)?;
    Ok(all)
}

/// Refuses flags that are for one machine.
fn check_flags(args: &All, list: &Path) -> Result<(), Failure> {
    let named = [
        (args.vm_name.is_some(), "--vm-name", "name"),
        (args.vault_name.is_some(), "--vault-name", "vault"),
    ];
    if let Some((_, flag, member)) = named.into_iter().find(|(given, ..)| *given) {
        return Err(Failure::usage(format!(
            "{flag} names one, and --as-template takes a list: write '{member}' in its lines"
        )));
    }
    if args.machine.admin_password.is_some() {
        return Err(
            Failure::usage("--admin-password cannot be used with --as-template")
                .hint("Give --admin-password-file FILE."),
        );
    }
    if args.vault.recover || args.vault.purge_deleted {
        return Err(Failure::usage(
            "--recover and --purge-deleted cannot be used with --as-template",
        )
        .hint("Give them to 'az-provision keyvault create', a vault at a time."));
    }
    let of_stdin = args.machine.admin_password_file.as_deref() == Some(Path::new("-"));
    if of_stdin && list == Path::new("-") {
        return Err(Failure::usage(
            "--as-template and --admin-password-file cannot both read standard input",
        ));
    }
    Ok(())
}

/// What the command line says for every line.
pub(super) fn common(args: &All) -> Line {
    Line {
        name: None,
        resource_group: args.resource_group.clone(),
        subscription: None,
        location: args.location.clone(),
        vault: None,
        identity: None,
        role: vec![],
        scope: None,
        assignee_object_id: None,
        assignee_principal_type: None,
        machine: args.machine.clone(),
        vault_settings: args.vault.clone(),
        tags: args.tags.clone(),
    }
}

/// Reads lines as command lines of one flag for each member: what a flag takes, its member takes.
pub(super) struct Reader {
    command: Command,
    /// The flag of each member.
    flags: BTreeMap<String, String>,
}

impl Reader {
    pub(super) fn new() -> Self {
        let command = Command::new("line")
            .no_binary_name(true)
            .disable_help_flag(true);
        // What a line leaves out is as the command line has it: no default takes its place.
        let plain = |flag: Arg| {
            let flag = flag.default_value(Resettable::<clap::builder::OsStr>::Reset);
            match flag.get_action() {
                ArgAction::SetTrue => flag
                    .action(ArgAction::Set)
                    .num_args(1)
                    .value_parser(ValueParser::bool()),
                _ => flag,
            }
        };
        let mut command = Line::augment_args(command).mut_args(plain);
        command.build();
        let mut flags = BTreeMap::new();
        for flag in command.get_arguments() {
            let names = flag.get_long().into_iter();
            let names = names.chain(flag.get_all_aliases().unwrap_or_default());
            for name in names {
                flags.insert(camel_case(name), name.to_owned());
            }
        }
        Reader { command, flags }
    }

    /// A line, or what is wrong with it.
    pub(super) fn read(&mut self, common: &Line, value: Value) -> Result<Line, String> {
        let Value::Object(members) = value else {
            return Err(
                "an object was expected, as {\"name\": \"vm1\", \"resourceGroup\": \"g1\"}"
                    .to_owned(),
            );
        };
        let words = self.words(&members)?;
        let mut line = common.clone();
        let matches = self.command.try_get_matches_from_mut(words);
        let mut matches = matches.map_err(|error| said(&error))?;
        line.update_from_arg_matches_mut(&mut matches)
            .map_err(|error| said(&error))?;
        check(&mut line)?;
        Ok(line)
    }

    fn words(&self, members: &Map<String, Value>) -> Result<Vec<String>, String> {
        let mut words = Vec::new();
        for (member, value) in members {
            if let Some((_, reason)) = REFUSED.iter().find(|(name, _)| name == member) {
                return Err(format!("'{member}': {reason}"));
            }
            let Some(flag) = self.flags.get(member) else {
                let known = self.flags.keys().map(String::as_str);
                let known = known.filter(|name| REFUSED.iter().all(|(refused, _)| refused != name));
                let near = did_you_mean(member, known);
                let near = near.map_or_else(String::new, |near| format!(". {near}"));
                return Err(format!("there is no member '{member}'{near}"));
            };
            for value in values(member, value)? {
                words.push(match value {
                    Some(value) => format!("--{flag}={value}"),
                    None => format!("--{flag}"),
                });
            }
        }
        Ok(words)
    }
}

/// The values that a flag is given for a member; a list that is empty is the flag alone.
fn values(member: &str, value: &Value) -> Result<Vec<Option<String>>, String> {
    let one = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(truth) => Ok(truth.to_string()),
        _ => Err(format!(
            "'{member}': a text, a number, true, false, or a list of them was expected"
        )),
    };
    match value {
        Value::Null => Ok(vec![]),
        Value::Array(values) if values.is_empty() => Ok(vec![None]),
        Value::Array(values) => values.iter().map(|value| one(value).map(Some)).collect(),
        // An empty word is no tag.
        Value::Object(tags) if member == "tags" && tags.is_empty() => Ok(vec![Some(String::new())]),
        Value::Object(tags) if member == "tags" => tags
            .iter()
            .map(|(name, value)| Ok(Some(format!("{name}={}", one(value)?))))
            .collect(),
        value => Ok(vec![Some(one(value)?)]),
    }
}

/// What the members say together.
fn check(line: &mut Line) -> Result<(), String> {
    if line.resource_group.is_none() {
        return Err("'resourceGroup' is missing, and --resource-group is not given".to_owned());
    }
    if line.name.is_none()
        && line.vault.is_none()
        && line.identity.is_none()
        && line.role.is_empty()
    {
        return Err(
            "it makes nothing: at least one of 'name', 'vault', 'identity' and 'role' is needed"
                .to_owned(),
        );
    }
    let someone = line.identity.is_some() || line.assignee_object_id.is_some();
    if !line.role.is_empty() && !someone {
        return Err("'role' is for nobody: 'identity' or 'assigneeObjectId' is needed".to_owned());
    }
    if line.role.is_empty() && (line.scope.is_some() || line.assignee_object_id.is_some()) {
        return Err(
            "'scope' and 'assigneeObjectId' are about a role, and there is none".to_owned(),
        );
    }
    if line.assignee_object_id.is_some() != line.assignee_principal_type.is_some() {
        return Err("'assigneeObjectId' and 'assigneePrincipalType' go together".to_owned());
    }
    if line.scope == Some(crate::cli::Scope::Vault) && line.vault.is_none() {
        return Err("the scope is 'vault', and there is none".to_owned());
    }
    if matches!(line.identity, Some(az_core::identity::Word::System)) && line.name.is_none() {
        return Err("'[system]' is a machine's identity, and there is no 'name'".to_owned());
    }
    let machine = &mut line.machine;
    let password = machine.admin_password_file.is_some();
    match machine.authentication_type {
        Some(AuthenticationType::Password | AuthenticationType::All) if !password => {
            return Err(
                "a password is needed, and a list is not asked for one at a prompt: \
                 give adminPasswordFile, or --admin-password-file"
                    .to_owned(),
            );
        }
        // Nobody is asked, also where somebody could be.
        None if !password => machine.authentication_type = Some(AuthenticationType::Ssh),
        _ => {}
    }
    if let Some(identity) = &line.identity {
        let word = match identity {
            az_core::identity::Word::System => "[system]".to_owned(),
            az_core::identity::Word::Name(name) => name.to_string(),
            az_core::identity::Word::Id(id) => id.to_string(),
        };
        let words = machine.assign_identity.get_or_insert_default();
        if !words.contains(&word) {
            words.push(word);
        }
    }
    Ok(())
}

/// What clap finds wrong, in the words of a line: the flag as its member.
fn said(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let text = text.trim_start_matches("error: ");
    let first = text.split("\n\n").next().unwrap_or_default();
    let mut first = first.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some(ContextValue::String(shown)) = error.get(ContextKind::InvalidArg) {
        let flag = shown.split(['=', ' ', '[', '<']).next().unwrap_or_default();
        first = first.replace(shown.as_str(), &camel_case(flag.trim_start_matches("--")));
    }
    first
}

/// `resourceGroup` for `resource-group`.
fn camel_case(flag: &str) -> String {
    let mut words = flag.split('-');
    let mut name = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::Parser;
    use serde_json::json;

    fn args(more: &str) -> All {
        let line = format!("az-provision all --as-template - {more}");
        match Cli::parse_from(line.split_whitespace()).command {
            crate::cli::Command::All(all) => *all,
            _ => unreachable!("it is 'all'"),
        }
    }

    fn one(more: &str, line: Value) -> Result<Line, String> {
        Reader::new().read(&common(&args(more)), line)
    }

    #[test]
    fn a_line_says_what_the_command_line_does_not() {
        let flags = "-g g0 -l eastus --size Standard_B1s --generate-ssh-keys --tags a=1";
        let plain = one(flags, json!({"name": "vm1"})).expect("a line");
        assert_eq!(plain.resource_group.expect("a group").as_str(), "g0");
        assert_eq!(plain.machine.size, "Standard_B1s");
        assert!(plain.machine.generate_ssh_keys);
        assert_eq!(plain.tags.to_json(), Some(json!({"a": "1"})));
        let line = json!({"name": "vm1", "resourceGroup": "g1", "size": "Standard_B2s", "generateSshKeys": false,
            "dataDiskSizesGb": [4, 8], "osDiskSizeGb": 64, "nsg": "", "tags": {"b": "x=y", "c": 2},
            "vault": "kv-one", "identity": "id1", "role": ["Reader"], "retentionDays": 7, "location": null});
        let own = one(flags, line).expect("a line");
        assert_eq!(own.resource_group.expect("a group").as_str(), "g1");
        assert_eq!(own.location.expect("a location").canonical(), "eastus");
        assert_eq!(own.machine.size, "Standard_B2s");
        assert!(!own.machine.generate_ssh_keys);
        assert_eq!(own.machine.data_disk_sizes_gb, [4, 8]);
        assert_eq!(own.machine.os_disk_size_gb, Some(64));
        assert_eq!(own.machine.nsg.as_deref(), Some(""));
        assert_eq!(own.tags.to_json(), Some(json!({"b": "x=y", "c": "2"})));
        assert_eq!(own.vault_settings.retention_days, 7);
        assert_eq!(own.machine.assign_identity, Some(vec!["id1".to_owned()]));
    }

    #[test]
    fn what_is_wrong_with_a_line_is_said_in_its_words() {
        let named = |members: Value| {
            let mut line = json!({"name": "vm1", "resourceGroup": "g"});
            let Value::Object(members) = members else {
                unreachable!("an object")
            };
            line.as_object_mut().expect("an object").extend(members);
            line
        };
        for (line, reason) in [
            (json!("vm1"), "an object was expected"),
            (
                named(json!({"sise": "x"})),
                "there is no member 'sise'. Did you mean 'size'",
            ),
            (
                named(json!({"resource-group": "x"})),
                "Did you mean 'resourceGroup'?",
            ),
            (named(json!({"adminPassword": "x"})), "adminPasswordFile"),
            (named(json!({"location": "?"})), "'location'"),
            (named(json!({"osDiskSizeGb": "many"})), "'osDiskSizeGb'"),
            (
                named(json!({"generateSshKeys": "maybe"})),
                "'generateSshKeys'",
            ),
            (named(json!({"size": {}})), "'size': a text"),
            (named(json!({"role": "Reader"})), "for nobody"),
            (
                named(json!({"scope": "vault", "role": "r", "identity": "id1"})),
                "there is none",
            ),
            (
                named(json!({"authenticationType": "password"})),
                "adminPasswordFile",
            ),
            (json!({"name": "vm1"}), "'resourceGroup' is missing"),
            (json!({"resourceGroup": "g"}), "it makes nothing"),
        ] {
            let said = one("-l eastus", line.clone()).expect_err("a reason");
            assert!(said.contains(reason), "{line}: {said}");
        }
        let said = one("", named(json!({"adminPassword": "hunter2-Hunter2"})));
        assert!(!said.expect_err("a reason").contains("hunter2"));
    }
}
