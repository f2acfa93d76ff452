//! Completion scripts: each asks the tool itself, while somebody types.

use clap_complete::env::Shells;
use std::path::Path;

/// The folder of a shell's scripts, and how a tool's file is called there.
const FILES: [(&str, &str, &str); 4] = [
    ("bash", "", ""),
    ("zsh", "_", ""),
    ("fish", "", ".fish"),
    ("powershell", "", ".ps1"),
];

/// Writes a tool's script for each shell.
pub(crate) fn write(folder: &Path, tool: &str) -> std::io::Result<()> {
    let shells = Shells::builtins();
    for (shell, before, behind) in FILES {
        let Some(completer) = shells.completer(shell) else {
            return Err(std::io::Error::other(format!("there is no {shell}")));
        };
        let mut script = Vec::new();
        completer.write_registration("COMPLETE", tool, tool, tool, &mut script)?;
        let folder = folder.join(shell);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(format!("{before}{tool}{behind}")), script)?;
    }
    Ok(())
}
