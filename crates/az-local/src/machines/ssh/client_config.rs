//! The files by which OpenSSH's client reaches the machines: `config` and `known_hosts`, in the instance's folder.

use crate::ground::folder::{Folder, FolderError, make_private, write_private};
use crate::ground::hosts::MACHINE_ADDRESSES;
use crate::ground::quoting::posix_quoted;
use std::path::{Path, PathBuf};

/// The configuration's file, for `ssh -F`.
pub fn path(folder: &Path) -> PathBuf {
    folder.join("ssh").join("config")
}

fn known_hosts_path(folder: &Path) -> PathBuf {
    folder.join("ssh").join("known_hosts")
}

/// Writes both files. `program` is az-local, which carries the connections; without it, `ssh` is told why there are none.
pub(crate) fn write(
    folder: &Folder,
    program: Option<&Path>,
    known_hosts: &str,
) -> Result<(), FolderError> {
    let folder = folder.path();
    make_private(&folder.join("ssh"))?;
    write_private(&known_hosts_path(folder), known_hosts.as_bytes())?;
    write_private(&path(folder), config(folder, program).as_bytes())
}

/// The configuration's text.
fn config(folder: &Path, program: Option<&Path>) -> String {
    // `%` begins one of ssh's own tokens.
    let word = |path: &Path| posix_quoted(&path.to_string_lossy()).replace('%', "%%");
    let carrier = match program {
        Some(program) => format!(
            "{} --data-dir {} ssh-proxy %h %p",
            word(program),
            word(folder)
        ),
        None => {
            "echo 'az-local: whoever started this local Azure named no az-local program, which connections need' >&2; \
             exit 1"
                .to_owned()
        }
    };
    format!(
        "# The machines of the az-local in {folder}: ssh -F {own} USER@ADDRESS
Host {addresses}
    ProxyCommand {carrier}
    ProxyUseFdpass yes
    UserKnownHostsFile \"{known_hosts}\"
    GlobalKnownHostsFile none
    StrictHostKeyChecking yes
    UpdateHostKeys no
",
        folder = folder.display(),
        own = path(folder).display(),
        addresses = MACHINE_ADDRESSES.join(" "),
        known_hosts = known_hosts_path(folder)
            .to_string_lossy()
            .replace('%', "%%"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_any_name_are_quoted() {
        let text = config(
            Path::new("/home/me/100% azure"),
            Some(Path::new("/opt/az local/az-local")),
        );
        assert!(text.contains(
            "ProxyCommand '/opt/az local/az-local' --data-dir '/home/me/100%% azure' ssh-proxy %h %p\n"
        ));
        assert!(text.contains("UserKnownHostsFile \"/home/me/100%% azure/ssh/known_hosts\"\n"));
    }
}
