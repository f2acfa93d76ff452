//! The SSH keys that a machine's user signs in with: given, at hand, or made.

use super::ed25519;
use crate::cli::{Machine, SshKeyType};
use az_core::cli::{Failure, Session, Status, TextOrFile, text_or_file};
use az_credential::Env;
use ssh_key::{Algorithm, LineEnding, PrivateKey, PublicKey};
use std::path::{Path, PathBuf};

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

fn ssh_folder(env: &Env) -> Option<PathBuf> {
    env.get("HOME")
        .or_else(|| env.get("USERPROFILE"))
        .map(|home| Path::new(home).join(".ssh"))
}

/// The user's own public key: of the kind that is asked for, else of either.
pub(super) fn default_public_key(env: &Env, kind: Option<SshKeyType>) -> Option<PathBuf> {
    let folder = ssh_folder(env)?;
    let kinds = [SshKeyType::Rsa, SshKeyType::Ed25519];
    kinds
        .into_iter()
        .filter(|one| kind.is_none_or(|kind| kind == *one))
        .map(|kind| folder.join(format!("{}.pub", kind.file())))
        .find(|path| path.is_file())
}

pub(super) fn chosen(session: &Session, args: &Machine) -> Result<Keys, Failure> {
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
        let kind = args
            .ssh_key_type
            .map_or_else(String::new, |kind| format!(" of type {}", kind.name()));
        return Err(Failure::usage(format!(
            "there is neither a password nor an SSH key{kind} to sign in with"
        ))
        .hint(
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
