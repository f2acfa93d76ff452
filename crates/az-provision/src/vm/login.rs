//! Who may sign in to a machine, and how.

use super::keys::{self, Keys, default_public_key};
use crate::cli::{AuthenticationType, Machine, UserUpdate};
use az_core::cli::{Failure, Session, home, prompt};
use az_credential::Env;
use secrecy::{ExposeSecret, SecretString};
use std::{
    io::{IsTerminal, Read},
    path::Path,
};

/// The user of a new machine, checked.
#[derive(Clone)]
pub(crate) struct Login {
    pub(crate) username: String,
    pub(crate) password: Option<SecretString>,
    pub(crate) keys: Keys,
    /// Whether the arguments say how to sign in, or leave it to what is at hand.
    pub(crate) given: bool,
}

/// User names that Azure refuses.
/// <https://learn.microsoft.com/azure/virtual-machines/linux/faq#what-are-the-username-requirements-when-creating-a-vm->
const REFUSED_NAMES: &[&str] = &[
    "1",
    "123",
    "a",
    "actuser",
    "adm",
    "admin",
    "admin1",
    "admin2",
    "administrator",
    "aspnet",
    "backup",
    "console",
    "david",
    "guest",
    "john",
    "owner",
    "root",
    "server",
    "sql",
    "support",
    "support_388945a0",
    "sys",
    "test",
    "test1",
    "test2",
    "test3",
    "user",
    "user1",
    "user2",
    "user3",
    "user4",
    "user5",
    "video",
];

/// Passwords that Azure refuses.
/// <https://learn.microsoft.com/rest/api/compute/virtual-machines/create-or-update#osprofile>
const REFUSED_PASSWORDS: &[&str] = &[
    "abc@123",
    "P@$$w0rd",
    "P@ssw0rd",
    "P@ssword123",
    "Pa$$word",
    "pass@word1",
    "Password!",
    "Password1",
    "Password22",
    "iloveyou!",
];

impl Login {
    /// The user that the arguments ask for. Prompts for a password where they leave it out.
    pub(crate) fn checked(session: &Session, args: &Machine) -> Result<Self, Failure> {
        let env = &session.env;
        let username = args
            .admin_username
            .clone()
            .unwrap_or_else(|| default_username(env));
        check_username(&username).map_err(Failure::usage)?;
        let given = read_password(env, args)?;
        if args.admin_password.is_some() {
            warn_of_visible(session, "--admin-password", "--admin-password-file");
        }
        let with_password = given.is_some();
        let with_keys = !args.ssh_key_values.is_empty() || args.generate_ssh_keys;
        let kind = args
            .authentication_type
            .unwrap_or(match (with_password, with_keys) {
                (true, true) => AuthenticationType::All,
                (true, false) => AuthenticationType::Password,
                (false, true) => AuthenticationType::Ssh,
                // `az` takes the user's key; without one, a person is asked for a password.
                (false, false)
                    if default_public_key(env, args.ssh_key_type).is_none()
                        && std::io::stdin().is_terminal() =>
                {
                    AuthenticationType::Password
                }
                (false, false) => AuthenticationType::Ssh,
            });
        if kind == AuthenticationType::Ssh && with_password {
            return Err(Failure::usage(
                "a password cannot be used with --authentication-type ssh",
            ));
        }
        if kind == AuthenticationType::Password && with_keys {
            return Err(Failure::usage(
                "SSH keys cannot be used with --authentication-type password",
            ));
        }
        let password = match (kind, given) {
            (AuthenticationType::Ssh, _) => None,
            (_, Some(given)) => Some(given),
            (_, None) => Some(prompt::new_secret(
                &format!("Password for {username}"),
                "Give --admin-password-file FILE, or - for standard input.",
            )?),
        };
        if let Some(password) = &password {
            check_password(password.expose_secret()).map_err(Failure::usage)?;
        }
        let keys = match kind {
            AuthenticationType::Password => Keys::None,
            _ => keys::chosen(session, args)?,
        };
        Ok(Login {
            username,
            password,
            keys,
            given: with_password || with_keys || args.authentication_type.is_some(),
        })
    }
}

fn default_username(env: &Env) -> String {
    ["LOGNAME", "USER", "LNAME", "USERNAME"]
        .iter()
        .find_map(|name| env.get(name))
        .filter(|name| !REFUSED_NAMES.contains(&name.to_lowercase().as_str()))
        .map_or_else(|| "azureuser".to_owned(), str::to_owned)
}

/// The rules for the user of a new machine.
fn check_username(name: &str) -> Result<(), String> {
    check_user(name)?;
    if REFUSED_NAMES.contains(&name) {
        return Err(format!(
            "'{name}' is not a valid user name: Azure does not allow this name"
        ));
    }
    Ok(())
}

/// The rules for any user of a machine.
fn check_user(name: &str) -> Result<(), String> {
    let broken = |rule: &str| Err(format!("'{name}' is not a valid user name: {rule}"));
    if name.is_empty() || name.len() > 64 {
        return broken("it must have 1 to 64 characters");
    }
    if name.contains(|c: char| {
        c.is_ascii_uppercase()
            || c.is_whitespace()
            || c.is_control()
            || "\\/\"[]:|<>+=;,?*@#()!".contains(c)
    }) {
        return broken(
            "it must not hold upper case, white space or any of \\ / \" [ ] : | < > + = ; , ? * @ # ( ) !",
        );
    }
    if name.starts_with(['$', '-']) || name.ends_with('.') {
        return broken("it must not begin with '$' or '-', nor end with a period");
    }
    Ok(())
}

/// Azure's rules for a Linux password. The message never holds the password.
fn check_password(password: &str) -> Result<(), String> {
    let count = password.chars().count();
    if !(12..=72).contains(&count) {
        return Err(format!(
            "the password has {count} characters; it must have 12 to 72"
        ));
    }
    if password.chars().any(char::is_control) {
        return Err("the password must not hold control characters, as a line end".to_owned());
    }
    if REFUSED_PASSWORDS
        .iter()
        .any(|refused| refused.eq_ignore_ascii_case(password))
    {
        return Err("the password is one of those that Azure does not allow".to_owned());
    }
    let kinds = [
        password.chars().any(|c| c.is_ascii_lowercase()),
        password.chars().any(|c| c.is_ascii_uppercase()),
        password.chars().any(|c| c.is_ascii_digit()),
        password.chars().any(|c| !c.is_alphanumeric()),
    ];
    if kinds.iter().filter(|there| **there).count() < 3 {
        return Err("the password must hold three of: a lower case letter, an upper case letter, a digit, a special character".to_owned());
    }
    Ok(())
}

fn read_password(env: &Env, args: &Machine) -> Result<Option<SecretString>, Failure> {
    password(
        env,
        ("--admin-password", args.admin_password.as_ref()),
        ("--admin-password-file", args.admin_password_file.as_deref()),
    )
}

/// The password that a user of a machine is to have from now on, if one is given; the user's name is checked, too.
pub(crate) fn new_password(
    session: &Session,
    args: &UserUpdate,
) -> Result<Option<SecretString>, Failure> {
    check_user(&args.username).map_err(|error| Failure::usage(format!("--username: {error}")))?;
    // Users of the system are not set: VMAccess, `vmaccess.py` in Azure/azure-linux-extensions.
    if args.username == "root" {
        return Err(Failure::usage(
            "--username: 'root' is a user of the system, which the machine's agent does not set",
        ));
    }
    let password = password(
        &session.env,
        ("--password", args.password.as_ref()),
        ("--password-file", args.password_file.as_deref()),
    )?;
    if args.password.is_some() {
        warn_of_visible(session, "--password", "--password-file");
    }
    if let Some(password) = &password {
        check_password(password.expose_secret()).map_err(Failure::usage)?;
    }
    Ok(password)
}

fn warn_of_visible(session: &Session, flag: &str, instead: &str) {
    session.warn(format!(
        "{flag} is visible to everyone who can list this computer's processes; {instead} is not"
    ));
}

/// A password from a flag, or from the file that another flag names.
fn password(
    env: &Env,
    (flag, given): (&str, Option<&SecretString>),
    (file_flag, file): (&str, Option<&Path>),
) -> Result<Option<SecretString>, Failure> {
    if let Some(password) = given {
        if let Some(file) = password.expose_secret().strip_prefix('@')
            && home(env, file).is_file()
        {
            return Err(Failure::usage(format!("{flag} takes the password itself"))
                .hint(format!("Write {file_flag} {file}.")));
        }
        return Ok(Some(password.clone()));
    }
    let Some(path) = file else {
        return Ok(None);
    };
    let path = &home(env, &path.to_string_lossy());
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.map_err(|error| Failure::usage(format!("{file_flag} {}: {error}", path.display())))?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(Some(text.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_follow_every_rule() {
        assert_eq!(check_password("Correct-Horse-1"), Ok(()));
        for (password, rule) in [
            ("Short-1a", "12 to 72"),
            (
                "aB1-aB1-aB1-aB1-aB1-aB1-aB1-aB1-aB1-aB1-aB1-aB1-aB1-aB1-aB1-aB1-aB1-aB1-x",
                "12 to 72",
            ),
            ("alllowercaseletters", "three of"),
            ("lowercase-and-dashes", "three of"),
            ("Tab\tin-it-12345", "control"),
        ] {
            let message = check_password(password).expect_err(password);
            assert!(
                message.contains(rule) && !message.contains(password),
                "{message}"
            );
        }
    }

    #[test]
    fn user_names_follow_every_rule() {
        assert_eq!(check_username("azureuser"), Ok(()));
        for name in ["", "Admin", "root", "a b", "$x", "-x", "x.", "x@y"] {
            assert!(check_username(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_reserved_login_becomes_azureuser() {
        assert_eq!(
            default_username(&Env::from_pairs([("USER", "root")])),
            "azureuser"
        );
        assert_eq!(default_username(&Env::from_pairs([("USER", "ada")])), "ada");
    }
}
