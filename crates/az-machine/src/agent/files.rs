//! The machine's files.

use super::accounts;
use super::failed::{Failed, Tried};
use super::programs;
use crate::spec::{Layer, Spec};
use rustix::fs::{Access, Mode, access, symlink};
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_change,
    mount_remount, unmount,
};
use rustix::process::{chdir, pivot_root, umask};
use std::ffi::CString;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Folders of the machine's own that are kept with it.
const KEPT: [(&str, u32); 9] = [
    ("/home", 0o755),
    ("/root", 0o700),
    ("/srv", 0o755),
    ("/mnt", 0o755),
    ("/media", 0o755),
    ("/var", 0o755),
    ("/tmp", 0o1777),
    ("/opt", 0o755),
    ("/boot", 0o755),
];

/// Folders in `/var` that every system has.
const VARIABLE: [(&str, u32); 11] = [
    ("backups", 0o755),
    ("cache", 0o755),
    ("cache/apt", 0o755),
    ("cache/apt/archives", 0o755),
    ("lib", 0o755),
    ("lib/misc", 0o755),
    ("local", 0o755),
    ("log", 0o755),
    ("opt", 0o755),
    ("spool", 0o755),
    ("tmp", 0o1777),
];

/// Devices that harm nobody.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// Folders that are links into `/usr` on most systems, and folders on others.
const LINKED: [&str; 6] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];

/// Parts of `/proc` that no machine writes to, for what stands there is the computer's.
const SETTINGS: [&str; 5] = ["bus", "fs", "irq", "sys", "sysrq-trigger"];

/// Makes a root of what the computer has and what the machine has, and takes the computer's away.
pub(super) fn lay_out(spec: &Spec, own: &Path) -> Result<(), Failed> {
    umask(Mode::from_raw_mode(0o022));
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).tried("its mounts")?;

    let root = spec.disk.join("root");
    make(&root, 0o755).tried(root.display())?;
    tmpfs(&root, "mode=755,size=64m").tried(root.display())?;

    let kept = spec.disk.join("kept");
    make(&kept, 0o755).tried(kept.display())?;
    for (path, mode) in KEPT {
        let own = below(&kept, Path::new(path));
        make(&own, mode).tried(own.display())?;
        let at = below(&root, Path::new(path));
        make(&at, mode).tried(at.display())?;
        mount_bind(&own, &at).tried(at.display())?;
    }
    let emptied = below(&root, Path::new("/tmp"));
    for entry in fs::read_dir(&emptied).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        // What cannot be removed stays; nobody relies on an empty one.
        let _ = match is_folder {
            true => fs::remove_dir_all(path),
            false => fs::remove_file(path),
        };
    }
    for (name, mode) in VARIABLE {
        let path = root.join("var").join(name);
        make(&path, mode).tried(path.display())?;
    }
    for (name, to) in [("var/run", "/run"), ("var/lock", "/run/lock")] {
        link(to, &root.join(name)).tried(name)?;
    }

    for (number, layer) in spec.layers.iter().enumerate() {
        if layer.from.is_dir() {
            overlay(spec, &root, layer, number).tried(layer.at.display())?;
        }
    }
    for name in LINKED {
        let there = Path::new("/").join(name);
        let here = root.join(name);
        match fs::read_link(&there) {
            Ok(to) => link(&to, &here).tried(name)?,
            Err(_) if there.is_dir() => {
                let at = there.clone();
                let layer = Layer {
                    from: there,
                    at,
                    mask: None,
                };
                overlay(spec, &root, &layer, 100 + here.as_os_str().len()).tried(name)?;
            }
            Err(_) => {}
        }
    }

    devices(&root)?;
    let processes = root.join("proc");
    make(&processes, 0o555).tried("/proc")?;
    let quiet = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("proc", &processes, "proc", quiet, None).tried("/proc")?;
    for name in SETTINGS {
        let path = processes.join(name);
        if path.exists() {
            mount_bind(&path, &path).tried(path.display())?;
            let read_only = MountFlags::BIND | MountFlags::RDONLY | quiet;
            mount_remount(&path, read_only, "").tried(path.display())?;
        }
    }
    let system = root.join("sys");
    make(&system, 0o555).tried("/sys")?;
    // A computer whose own /sys is covered in part does not allow it.
    let _ = mount("sysfs", &system, "sysfs", quiet | MountFlags::RDONLY, None);

    let run = root.join("run");
    make(&run, 0o755).tried("/run")?;
    tmpfs(&run, "mode=755,size=64m").tried("/run")?;
    make(&run.join("lock"), 0o1777).tried("/run/lock")?;

    for file in &spec.files {
        let path = place(&root, &file.path).tried(file.path.display())?;
        write(&path, &file.content, file.mode).tried(file.path.display())?;
    }
    for wanted in &spec.own_program {
        let wanted = Path::new(wanted);
        if below(&root, wanted).exists() {
            continue;
        }
        let path = place(&root, wanted).tried(wanted.display())?;
        write(&path, &[], 0o755).tried(wanted.display())?;
        mount_bind(own, &path).tried(wanted.display())?;
    }

    chdir(&root).tried("the machine's root")?;
    pivot_root(".", ".").tried("the machine's root")?;
    unmount(".", UnmountFlags::DETACH).tried("the computer's root")?;
    chdir("/").tried("the machine's root")
}

/// Where a file of the machine's goes: to its path, or, where that folder is the computer's and nobody on this machine is its
/// owner, to the first folder of `PATH`.
fn place(root: &Path, path: &Path) -> io::Result<PathBuf> {
    let wanted = below(root, path);
    let folder = wanted.parent().unwrap_or(root);
    make(folder, 0o755)?;
    if accounts::several() || access(folder, Access::WRITE_OK).is_ok() {
        return Ok(wanted);
    }
    let name = path.file_name().unwrap_or_default();
    Ok(below(root, Path::new(programs::OWN_FOLDER)).join(name))
}

/// Puts the machine's own layer over a folder of the computer's.
fn overlay(spec: &Spec, root: &Path, layer: &Layer, number: usize) -> io::Result<()> {
    let at = below(root, &layer.at);
    make(&at, 0o755)?;
    let folder = spec.disk.join("layers").join(number.to_string());
    let (upper, work) = (folder.join("upper"), folder.join("work"));
    make(&upper, 0o755)?;
    make(&work, 0o755)?;
    let mut options = b"userxattr,lowerdir=".to_vec();
    if let Some(mask) = &layer.mask {
        escape(&mut options, mask);
        options.push(b':');
    }
    escape(&mut options, &layer.from);
    options.extend(b",upperdir=");
    escape(&mut options, &upper);
    options.extend(b",workdir=");
    escape(&mut options, &work);
    let options = CString::new(options)?;
    Ok(mount(
        "overlay",
        &at,
        "overlay",
        MountFlags::NODEV,
        options.as_c_str(),
    )?)
}

/// A path as overlay's options have it: commas and colons part them.
fn escape(options: &mut Vec<u8>, path: &Path) {
    for byte in path.as_os_str().as_bytes() {
        if matches!(byte, b',' | b':' | b'\\') {
            options.push(b'\\');
        }
        options.push(*byte);
    }
}

fn devices(root: &Path) -> Result<(), Failed> {
    let dev = root.join("dev");
    make(&dev, 0o755).tried("/dev")?;
    tmpfs(&dev, "mode=755,size=1m").tried("/dev")?;
    for name in DEVICES {
        let path = dev.join(name);
        File::create(&path).tried(name)?;
        mount_bind(Path::new("/dev").join(name), &path).tried(name)?;
    }
    let terminals = dev.join("pts");
    make(&terminals, 0o755).tried("/dev/pts")?;
    let quiet = MountFlags::NOSUID | MountFlags::NOEXEC;
    let options = c"newinstance,ptmxmode=0666,mode=620,gid=5";
    let mounted = mount("devpts", &terminals, "devpts", quiet, Some(options));
    // Where there is one group only, terminals are that group's.
    mounted
        .or_else(|_| {
            let options = c"newinstance,ptmxmode=0666,mode=620";
            mount("devpts", &terminals, "devpts", quiet, Some(options))
        })
        .tried("/dev/pts")?;
    let shared = dev.join("shm");
    make(&shared, 0o1777).tried("/dev/shm")?;
    tmpfs(&shared, "mode=1777").tried("/dev/shm")?;
    for (name, to) in [
        ("ptmx", "pts/ptmx"),
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ] {
        link(to, &dev.join(name)).tried(name)?;
    }
    Ok(())
}

fn tmpfs(at: &Path, options: &str) -> io::Result<()> {
    let options = CString::new(options)?;
    let flags = MountFlags::NODEV | MountFlags::NOSUID;
    Ok(mount("tmpfs", at, "tmpfs", flags, options.as_c_str())?)
}

/// Makes a folder and those above it, with these permissions whatever they were.
fn make(path: &Path, mode: u32) -> io::Result<()> {
    if !path.is_dir() {
        DirBuilder::new().recursive(true).mode(0o755).create(path)?;
        fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    Ok(())
}

fn link(to: impl AsRef<Path>, at: &Path) -> io::Result<()> {
    match symlink(to.as_ref(), at) {
        Err(rustix::io::Errno::EXIST) => Ok(()),
        made => Ok(made?),
    }
}

/// Writes a file anew, never through a link that stands there.
fn write(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        make(folder, 0o755)?;
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::write(path, content)?;
    fs::set_permissions(path, Permissions::from_mode(mode))
}

/// A path on the machine as one below the folder that its root is laid out in.
fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}
