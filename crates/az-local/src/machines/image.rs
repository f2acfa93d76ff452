//! What the machines of an instance begin with: this computer's settings as far as everybody may read them, without its users,
//! and with trust in the instance.

use crate::ground::folder::{Folder, FolderError, make_private};
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
    fs::write(&done, "").map_err(FolderError::at(&done))?;
    Ok(image)
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
