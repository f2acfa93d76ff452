//! The machine's users, as `/etc/passwd` has them.

use crate::spec::User;
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

/// The first number that a user has who is somebody.
const FIRST: u32 = 1000;

/// Where the numbers of people end.
const LAST: u32 = 60_000;

/// Somebody on the machine.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) home: PathBuf,
    pub(super) shell: PathBuf,
}

fn root() -> Account {
    Account {
        name: "root".to_owned(),
        uid: 0,
        gid: 0,
        home: PathBuf::from("/root"),
        shell: shell(),
    }
}

fn shell() -> PathBuf {
    ["/bin/bash", "/usr/local/bin/bash"]
        .iter()
        .map(PathBuf::from)
        .find(|path| path.is_file())
        .unwrap_or_else(|| PathBuf::from("/bin/sh"))
}

fn all() -> Vec<Account> {
    let text = fs::read("/etc/passwd").unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    text.lines().filter_map(parse).collect()
}

fn parse(line: &str) -> Option<Account> {
    let mut fields = line.split(':');
    let name = fields.next()?.to_owned();
    let _password = fields.next()?;
    let (uid, gid) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let _comment = fields.next()?;
    let home = PathBuf::from(fields.next()?);
    let shell = match fields.next() {
        None | Some("") => PathBuf::from("/bin/sh"),
        Some(shell) => PathBuf::from(shell),
    };
    Some(Account {
        name,
        uid,
        gid,
        home,
        shell,
    })
}

/// The account of this name.
pub(super) fn find(name: &str) -> Option<Account> {
    if name == "root" {
        return Some(root());
    }
    all().into_iter().find(|account| account.name == name)
}

/// The first account of this number.
pub(super) fn with_number(uid: u32) -> Option<Account> {
    all().into_iter().find(|account| account.uid == uid)
}

/// Whether somebody may become root: the members of the group `sudo`, and those that cloud-init names.
pub(super) fn may_administer(account: &Account) -> bool {
    let read = |path| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
    let rule = administers(&account.name);
    let ruled = read(RULES).lines().any(|line| line == rule);
    let member = read("/etc/group").lines().any(|line| {
        let mut fields = line.split(':');
        let is_sudo = fields.next() == Some("sudo");
        let members = fields.nth(2).unwrap_or_default();
        is_sudo && members.split(',').any(|name| name == account.name)
    });
    ruled || member
}

/// Where it stands that somebody may become root.
const RULES: &str = "/etc/sudoers.d/90-cloud-init-users";

/// That somebody may become root, as cloud-init says it for the admin user of Azure's images.
fn administers(name: &str) -> String {
    format!("{name} ALL=(ALL) NOPASSWD:ALL")
}

/// The user's account, made if it is missing.
pub(super) fn of(user: &User) -> io::Result<Account> {
    let (name, administers) = match user {
        User::Root => return Ok(root()),
        User::Named { name, administers } => (name, *administers),
    };
    let known = all();
    if let Some(account) = known.iter().find(|account| account.name == *name) {
        return Ok(account.clone());
    }
    if name.is_empty() || name.contains([':', '\n', '/', '\0']) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let uid = if several() {
        (FIRST..LAST)
            .find(|uid| !known.iter().any(|account| account.uid == *uid))
            .ok_or(io::ErrorKind::StorageFull)?
    } else {
        0
    };
    let home = Path::new("/home").join(name);
    let account = Account {
        name: name.clone(),
        uid,
        gid: uid,
        home,
        shell: shell(),
    };
    make(&account, administers)?;
    Ok(account)
}

/// Whether the machine has more than one user.
pub(super) fn several() -> bool {
    fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| {
        let last = map.split_whitespace().last();
        last.and_then(|count| count.parse::<u64>().ok())
            .is_some_and(|count| count > u64::from(FIRST))
    })
}

fn make(account: &Account, administers: bool) -> io::Result<()> {
    let Account { name, uid, gid, .. } = account;
    let (home, shell) = (account.home.display(), account.shell.display());
    if *gid != 0 {
        append("/etc/group", 0o644, &format!("{name}:x:{gid}:\n"))?;
    }
    append(
        "/etc/shadow",
        0o640,
        &format!("{name}:*:19000:0:99999:7:::\n"),
    )?;
    let line = format!("{name}:x:{uid}:{gid}:{name}:{home}:{shell}\n");
    if *uid == 0 {
        // The first of two names of one number is what programs show.
        let others = fs::read("/etc/passwd").unwrap_or_default();
        fs::write("/etc/passwd", [line.as_bytes(), &others].concat())?;
    } else {
        append("/etc/passwd", 0o644, &line)?;
    }
    if administers {
        let rule = format!("{}\n", self::administers(name));
        DirBuilder::new()
            .recursive(true)
            .mode(0o750)
            .create("/etc/sudoers.d")?;
        append(RULES, 0o440, &rule)?;
    }
    if !account.home.is_dir() {
        copy("/etc/skel".as_ref(), &account.home, account)?;
        fs::set_permissions(&account.home, Permissions::from_mode(0o750))?;
    }
    Ok(())
}

/// Copies what a new home folder begins with.
fn copy(from: &Path, to: &Path, account: &Account) -> io::Result<()> {
    fs::create_dir_all(to)?;
    chown(to, Some(account.uid), Some(account.gid))?;
    let Ok(entries) = fs::read_dir(from) else {
        return Ok(());
    };
    for entry in entries {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to, account)?;
        } else if entry.file_type()?.is_file() {
            fs::copy(entry.path(), &to)?;
            chown(&to, Some(account.uid), Some(account.gid))?;
        }
    }
    Ok(())
}

fn append(path: &str, mode: u32, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(mode)
        .open(path)?;
    file.write_all(line.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_passwd_is_read() {
        let account = parse("ada:x:1001:1002:Ada,,,:/home/ada:/bin/zsh").expect("an account");
        assert_eq!((account.uid, account.gid), (1001, 1002));
        assert_eq!(account.home, Path::new("/home/ada"));
        assert_eq!(account.shell, Path::new("/bin/zsh"));
        assert_eq!(
            parse("ada:x:1:1::/:").expect("an account").shell,
            Path::new("/bin/sh")
        );
        assert!(parse("+::::::").is_none() && parse("").is_none());
    }
}
