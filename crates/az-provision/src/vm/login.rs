//! Who may sign in to a machine, and how.

use super::ed25519;
use crate::cli::{AuthenticationType, Machine, SshKeyType, UserUpdate};
use az_core::cli::{Failure, Session, Status, TextOrFile, home, prompt, text_or_file};
use az_credential::Env;
use secrecy::{ExposeSecret, SecretString};
use ssh_key::{Algorithm, LineEnding, PrivateKey, PublicKey};
use std::{
    io::{IsTerminal, Read},
    path::{Path, PathBuf},
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

/// The keys that a machine's user signs in with.
#[derive(Clone)]
pub(crate) enum Keys {
    /// None: the user has a password.
    None,
    /// These OpenSSH public keys, a line each.
    These(Vec<String>),
    /// A new pair, which is made when nothing else can be found wrong any more.
    New(SshKeyType),
}

impl Keys {
    /// The public keys, made where they are to be new.
    pub(crate) fn made(&self, session: &Session) -> Result<Vec<String>, Failure> {
        match self {
            Keys::None => Ok(vec![]),
            Keys::These(keys) => Ok(keys.clone()),
            Keys::New(kind) => Ok(vec![generate_keys(session, *kind)?]),
        }
    }
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
            session.warn("--admin-password is visible to everyone who can list this computer's processes; --admin-password-file or the prompt are not");
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
            _ => keys(session, args)?,
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

fn check_username(name: &str) -> Result<(), String> {
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
    if REFUSED_NAMES.contains(&name) {
        return broken("Azure does not allow this name");
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

/// The password that a user of a machine is to have from now on, if one is given.
pub(crate) fn new_password(
    session: &Session,
    args: &UserUpdate,
) -> Result<Option<SecretString>, Failure> {
    let password = password(
        &session.env,
        ("--password", args.password.as_ref()),
        ("--password-file", args.password_file.as_deref()),
    )?;
    if let Some(password) = &password {
        check_password(password.expose_secret()).map_err(Failure::usage)?;
    }
    Ok(password)
}

/// The one key of an argument.
pub(crate) fn one_key(session: &Session, value: &str) -> Result<String, Failure> {
    let mut keys = public_keys(&session.env, "--ssh-key-value", value)?;
    match (keys.pop(), keys.is_empty()) {
        (Some(key), true) => Ok(key),
        _ => Err(Failure::usage("a user is set with one key at a time")),
    }
}

/// The key of whoever runs this.
pub(crate) fn own_key(session: &Session) -> Result<String, Failure> {
    let path = default_public_key(&session.env, None).ok_or_else(|| {
        Failure::usage("there is neither a password nor an SSH key to set")
            .hint("Give --password-file FILE|-, or --ssh-key-value KEY|FILE.")
    })?;
    one_key(session, &path.display().to_string())
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

fn ssh_folder(env: &Env) -> Option<PathBuf> {
    env.get("HOME")
        .or_else(|| env.get("USERPROFILE"))
        .map(|home| Path::new(home).join(".ssh"))
}

/// The user's own public key: of the kind that is asked for, else of either.
fn default_public_key(env: &Env, kind: Option<SshKeyType>) -> Option<PathBuf> {
    let folder = ssh_folder(env)?;
    let kinds = [SshKeyType::Rsa, SshKeyType::Ed25519];
    kinds
        .into_iter()
        .filter(|one| kind.is_none_or(|kind| kind == *one))
        .map(|kind| folder.join(format!("{}.pub", kind.file())))
        .find(|path| path.is_file())
}

fn keys(session: &Session, args: &Machine) -> Result<Keys, Failure> {
    if !args.ssh_key_values.is_empty() {
        let mut all = Vec::new();
        for value in &args.ssh_key_values {
            all.extend(public_keys(&session.env, "--ssh-key-values", value)?);
        }
        return Ok(Keys::These(all));
    }
    if let Some(path) = default_public_key(&session.env, args.ssh_key_type) {
        let keys = public_keys(
            &session.env,
            "--ssh-key-values",
            &path.display().to_string(),
        )?;
        return Ok(Keys::These(keys));
    }
    if !args.generate_ssh_keys {
        return Err(Failure::usage("there is neither a password nor an SSH key to sign in with").hint(
            "Give --generate-ssh-keys, --ssh-key-values KEY|FILE, or --admin-password-file FILE|-.",
        ));
    }
    let kind = args.ssh_key_type.unwrap_or(SshKeyType::Ed25519);
    let private = ssh_folder(&session.env).map(|folder| folder.join(kind.file()));
    if private.is_some_and(|path| path.is_file()) {
        // A run that was interrupted made the one half: the pair is not new.
        return Ok(Keys::These(vec![generate_keys(session, kind)?]));
    }
    Ok(Keys::New(kind))
}

/// A key as given, or those in the file of that name, a line each. A key that was given is not shown: it may be a
/// private one.
fn public_keys(env: &Env, flag: &str, value: &str) -> Result<Vec<String>, Failure> {
    let (text, shown) = match text_or_file(env, value) {
        Ok(TextOrFile::File { path, text }) => (text, format!(" '{}'", path.display())),
        Ok(TextOrFile::Text(text)) => (text, String::new()),
        Err((path, error)) => {
            return Err(Failure::usage(format!(
                "{flag} '{}': {error}",
                path.display()
            )));
        }
    };
    if text.contains("PRIVATE KEY") {
        return Err(
            Failure::usage(format!("{flag}{shown}: this is a private key"))
                .hint("Give the public one, as ~/.ssh/id_ed25519.pub."),
        );
    }
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let keys: Vec<String> = lines
        .map(|line| {
            public_key(line).map_err(|reason| Failure::usage(format!("{flag}{shown}: {reason}")))
        })
        .collect::<Result<_, _>>()?;
    if keys.is_empty() {
        return Err(Failure::usage(format!(
            "{flag}{shown}: there is no key in it"
        )));
    }
    Ok(keys)
}

/// A line of OpenSSH, if it is a key that Azure takes: RSA from 2048 bits on, and Ed25519.
/// <https://learn.microsoft.com/azure/virtual-machines/linux/mac-create-ssh-keys#supported-ssh-key-formats>
fn public_key(line: &str) -> Result<String, String> {
    const FEWEST_BITS: usize = 2048;
    let kind = line.split_whitespace().next().unwrap_or_default();
    let other = ["ecdsa-", "sk-", "ssh-dss"];
    if other.iter().any(|start| kind.starts_with(start)) {
        let name = if kind.starts_with("ecdsa-") {
            "an ECDSA key".to_owned()
        } else {
            format!("a key of '{kind}'")
        };
        return Err(format!(
            "this is {name}; Azure takes RSA and Ed25519 keys ('ssh-keygen -t ed25519')"
        ));
    }
    let key = PublicKey::from_openssh(line)
        .map_err(|error| format!("not an OpenSSH public key: {error}"))?;
    if let Some(rsa) = key.key_data().rsa() {
        let modulus = rsa.n.as_positive_bytes().unwrap_or_default();
        let unused = modulus
            .first()
            .map_or(0, |byte| byte.leading_zeros() as usize);
        let bits = modulus.len() * 8 - unused;
        if bits < FEWEST_BITS {
            return Err(format!(
                "this RSA key has {bits} bits; Azure takes {FEWEST_BITS} and more"
            ));
        }
        return Ok(line.to_owned());
    }
    match key.algorithm() {
        Algorithm::Ed25519 => Ok(line.to_owned()),
        other => Err(format!(
            "Azure takes RSA and Ed25519 keys, not {other} ('ssh-keygen -t ed25519')"
        )),
    }
}

/// The pair in ~/.ssh, made if it is not there. Gives the public key.
fn generate_keys(session: &Session, kind: SshKeyType) -> Result<String, Failure> {
    let failed =
        |reason: String| Failure::new(Status::Failed, format!("generating SSH keys: {reason}"));
    let folder = ssh_folder(&session.env)
        .ok_or_else(|| failed("there is no home folder (HOME)".to_owned()))?;
    let private_path = folder.join(kind.file());
    let public_path = folder.join(format!("{}.pub", kind.file()));
    if session.is_dry_run() {
        return Ok(format!("{} <a new key>", kind.name()));
    }
    let at = |path: &Path, error: std::io::Error| failed(format!("{}: {error}", path.display()));
    create_folder(&folder).map_err(|error| at(&folder, error))?;
    // An interrupted run leaves a private key alone, and another run at the same time makes its own: the key that is
    // there counts, and its public half can be had from it. The format keeps that in clear even with a passphrase.
    let mut made = false;
    if !private_path.exists() {
        made = match kind {
            SshKeyType::Ed25519 => {
                let key = ed25519::new_pair().map_err(|error| failed(error.to_string()))?;
                let private = key
                    .to_openssh(LineEnding::LF)
                    .map_err(|error| failed(error.to_string()))?;
                write_new(&private_path, private.as_bytes(), 0o600)
                    .map_err(|error| at(&private_path, error))?
            }
            SshKeyType::Rsa => run_ssh_keygen(&private_path).map_err(failed)?,
        };
    }
    let key = PrivateKey::read_openssh_file(&private_path)
        .map_err(|error| failed(format!("{}: {error}", private_path.display())))?;
    let public = key
        .public_key()
        .to_openssh()
        .map_err(|error| failed(error.to_string()))?;
    write_new(&public_path, format!("{public}\n").as_bytes(), 0o644)
        .map_err(|error| at(&public_path, error))?;
    let made = if made {
        format!("the SSH key pair {} and ", private_path.display())
    } else {
        "the public SSH key ".to_owned()
    };
    let elsewhere = match own_home() {
        Some(own) if !folder.starts_with(&own) => format!(
            "; ssh looks below {}, so sign in with 'ssh -i {}'",
            own.display(),
            private_path.display()
        ),
        _ => String::new(),
    };
    session.warn(format!("made {made}{}{elsewhere}", public_path.display()));
    Ok(public)
}

/// The home folder that the system knows of the user, by which `ssh` goes whatever `HOME` says; where it can be found out
/// without asking a directory service.
fn own_home() -> Option<PathBuf> {
    #[cfg(target_os = "linux")]
    {
        let user = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").ok()?);
        let user = user.to_string();
        let users = std::fs::read_to_string("/etc/passwd").ok()?;
        // name:password:uid:gid:comment:home:shell
        let home = users.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            (fields.get(2) == Some(&user.as_str())).then(|| fields.get(5).copied())?
        })?;
        Some(PathBuf::from(home))
    }
    #[cfg(not(target_os = "linux"))]
    None
}

/// RSA keys are OpenSSH's to make: the arithmetic would be a third of this program. Says whether it made one.
fn run_ssh_keygen(path: &Path) -> Result<bool, String> {
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    let output = std::process::Command::new("ssh-keygen")
        .args([
            "-q", "-t", "rsa", "-b", "3072", "-m", "RFC4716", "-N", "", "-C", "", "-f",
        ])
        .arg(&draft)
        .stdin(std::process::Stdio::null())
        .output()
        .map_err(|error| {
            format!("ssh-keygen: {error}; --ssh-key-type Ed25519 needs no other program")
        })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("ssh-keygen: {}", said.trim()));
    }
    let linked = std::fs::hard_link(&draft, path);
    let public = draft.with_extension("new.pub");
    for file in [&draft, &public] {
        // What is left of a draft is of no use to anyone, and no error.
        let _ = std::fs::remove_file(file);
    }
    match linked {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

#[cfg(unix)]
fn create_folder(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

#[cfg(not(unix))]
fn create_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)
}

/// Writes a file that is not there yet, whole or not at all. Says whether it was this call that made it.
fn write_new(path: &Path, content: &[u8], mode: u32) -> std::io::Result<bool> {
    use std::io::Write;
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = options.open(&draft)?;
    let linked = file
        .write_all(content)
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::hard_link(&draft, path));
    std::fs::remove_file(&draft)?;
    match linked {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
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
