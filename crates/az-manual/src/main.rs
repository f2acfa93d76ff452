//! Writes the tools' manual pages and completion scripts, from the same definitions as their command lines.
//!
//!     az-manual FOLDER
//!
//! FOLDER gets `man/man1/*.1`, a page for each tool and each command of it, and `completions/bash`, `zsh`, `fish` and
//! `powershell`, as packages install them.
#![forbid(unsafe_code)]

mod completions;
mod pages;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let folders: Vec<String> = std::env::args().skip(1).collect();
    let [folder] = folders.as_slice() else {
        eprintln!("usage: az-manual FOLDER");
        return ExitCode::from(2);
    };
    match write(Path::new(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("az-manual: {folder}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(folder: &Path) -> std::io::Result<()> {
    let tools = [
        az_provision::command(),
        az_identity::command(),
        az_role::command(),
        az_cleanup::command(),
        kv_set::command(),
        kv_get::command(),
    ];
    for tool in tools {
        completions::write(&folder.join("completions"), tool.get_name())?;
        pages::write(&folder.join("man/man1"), tool)?;
    }
    Ok(())
}
