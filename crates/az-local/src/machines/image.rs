//! What the machines of an instance begin with: this computer's settings as far as everybody may read them, without its users,
//! and with trust in the instance.

use crate::ground::folder::{Folder, FolderError, make_private};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Held while an image is made.
static MAKING: Mutex<()> = Mutex::new(());

/// What is there of `/etc` only as the machine's own.
const OWN: [&str; 12] = [
    "hostname",
    "hosts",
    "resolv.conf",
    "passwd",
    "passwd-",
    "group",
    "group-",
    "shadow",
    "shadow-",
    "gshadow",
    "mtab",
    "environment",
];

/// Files of certificates that clients read, most systems' (`openssl-probe` knows the same).
const BUNDLES: [&str; 4] = [
    "ssl/certs/ca-certificates.crt",
    "pki/tls/certs/ca-bundle.crt",
    "ssl/ca-bundle.pem",
    "ssl/cert.pem",
];

/// Java's, on Debian's and Red Hat's systems.
const TRUST_STORES: [&str; 2] = ["ssl/certs/java/cacerts", "pki/java/cacerts"];

/// Where people's numbers begin, and `nobody`'s.
const PEOPLE: std::ops::Range<u32> = 1000..65_534;

/// The folder of the image, made where this instance has none.
pub(crate) fn made(folder: &Folder) -> Result<PathBuf, FolderError> {
    let image = folder.machine_image();
    let done = image.join("made");
    let _one = MAKING.lock();
    if done.is_file() {
        return Ok(image);
    }
    // One that was not finished is of no use.
    let _ = fs::remove_dir_all(&image);
    make_private(&image)?;
    let etc = image.join("etc");
    settings(&etc, folder).map_err(FolderError::at(&etc))?;
    for path in ["/opt", "/usr/local"] {
        let mask = mask(&image, path);
        hide(Path::new(path), &mask).map_err(FolderError::at(&mask))?;
    }
    fs::write(&done, "").map_err(FolderError::at(&done))?;
    Ok(image)
}

/// What lies over a folder of the computer's, to hide what not everybody may read: the machine's root is who the computer's
/// user is to its files.
pub(crate) fn mask(image: &Path, path: &str) -> PathBuf {
    image.join("masks").join(path.trim_start_matches('/'))
}

/// Hides what not everybody may read below a folder. Folders are made as they are needed.
fn hide(folder: &Path, mask: &Path) -> io::Result<()> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries.flatten() {
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        let mask = mask.join(entry.file_name());
        let mode = metadata.mode();
        let is_open = mode & 0o004 != 0 && (!metadata.is_dir() || mode & 0o001 != 0);
        if metadata.is_symlink() {
            continue;
        }
        if is_open {
            if metadata.is_dir() {
                hide(&entry.path(), &mask)?;
            }
            continue;
        }
        if let Some(folder) = mask.parent() {
            make_open(folder)?;
        }
        mknodat(CWD, &mask, FileType::CharacterDevice, Mode::empty(), 0)?;
    }
    Ok(())
}

/// Makes a folder and those above it that are missing: what lies over a folder decides who may enter that.
fn make_open(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        make_open(above)?;
    }
    fs::create_dir(folder)?;
    fs::set_permissions(folder, Permissions::from_mode(0o755))
}

fn settings(etc: &Path, folder: &Folder) -> io::Result<()> {
    copy(Path::new("/etc"), etc, true)?;
    let (bundle, store) = (fs::read(folder.bundle())?, fs::read(folder.trust_store())?);
    let trusted = BUNDLES.map(|path| (path, &bundle));
    let stores = TRUST_STORES.map(|path| (path, &store));
    for (path, content) in trusted.into_iter().chain(stores) {
        let path = etc.join(path);
        // The first is there on every machine.
        if path.exists() || path.ends_with(BUNDLES[0]) {
            write(&path, content)?;
        }
    }
    write(&etc.join("passwd"), &people_left_out("/etc/passwd", 2))?;
    write(&etc.join("group"), &people_left_out("/etc/group", 2))?;
    let path = "PATH=\"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\"\n";
    write(&etc.join("environment"), path.as_bytes())?;
    symlink("/proc/self/mounts", etc.join("mtab"))?;
    for (name, mode) in [("shadow", 0o640), ("gshadow", 0o640)] {
        write(&etc.join(name), b"")?;
        fs::set_permissions(etc.join(name), Permissions::from_mode(mode))?;
    }
    Ok(())
}

/// The lines of a file of users or groups but for people's, whose number stands in this field.
fn people_left_out(path: &str, field: usize) -> Vec<u8> {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let system = text.lines().filter(|line| {
        let number = line
            .split(':')
            .nth(field)
            .and_then(|number| number.parse().ok());
        !number.is_some_and(|number| PEOPLE.contains(&number))
    });
    system
        .flat_map(|line| [line, "\n"])
        .collect::<String>()
        .into()
}

/// Copies what everybody may read. What goes away meanwhile, and what is neither file, folder nor link, is left out.
fn copy(from: &Path, to: &Path, outermost: bool) -> io::Result<()> {
    fs::create_dir_all(to)?;
    fs::set_permissions(to, Permissions::from_mode(0o755))?;
    let Ok(entries) = fs::read_dir(from) else {
        return Ok(());
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if outermost && OWN.iter().any(|own| name == *own) {
            continue;
        }
        let (from, to) = (entry.path(), to.join(&name));
        let Ok(metadata) = fs::symlink_metadata(&from) else {
            continue;
        };
        if metadata.is_symlink() {
            if let Ok(target) = fs::read_link(&from) {
                symlink(target, &to)?;
            }
        } else if metadata.mode() & 0o004 == 0 {
            continue;
        } else if metadata.is_dir() {
            if metadata.mode() & 0o001 != 0 {
                copy(&from, &to, false)?;
            }
        } else if metadata.is_file()
            && let Ok(content) = fs::read(&from)
        {
            fs::write(&to, content)?;
            fs::set_permissions(&to, Permissions::from_mode(metadata.mode() & 0o777))?;
        }
    }
    Ok(())
}

/// Writes a file in place of what stands there, a link too.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::write(path, content)?;
    fs::set_permissions(path, Permissions::from_mode(0o644))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileTypeExt;

    #[test]
    fn what_not_everybody_may_read_is_hidden_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, mask) = (folder.path().join("from"), folder.path().join("mask"));
        for (path, mode) in [
            ("open/file", 0o644),
            ("open/key", 0o600),
            ("closed/file", 0o644),
        ] {
            let path = from.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(&path, "").expect("a file");
            fs::set_permissions(&path, Permissions::from_mode(mode)).expect("a mode");
        }
        let closed = Permissions::from_mode(0o700);
        fs::set_permissions(from.join("closed"), closed).expect("a mode");
        symlink("open/key", from.join("link")).expect("a link");
        hide(&from, &mask).expect("a mask");
        let hides = |path: &str| {
            let there = fs::symlink_metadata(mask.join(path));
            there.is_ok_and(|there| there.file_type().is_char_device() && there.rdev() == 0)
        };
        assert!(hides("open/key") && hides("closed"));
        assert!(!mask.join("open/file").exists() && !mask.join("link").exists());
        let open = fs::metadata(mask.join("open")).expect("a folder");
        assert_eq!(open.mode() & 0o777, 0o755);
    }

    #[test]
    fn people_are_left_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("passwd");
        let text = "root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n";
        fs::write(&file, text).expect("a file");
        let left = people_left_out(&file.to_string_lossy(), 2);
        let left = String::from_utf8(left).expect("text");
        assert!(left.contains("root:") && left.contains("nobody:") && !left.contains("ada:"));
    }
}
