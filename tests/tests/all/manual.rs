//! The manual pages and completion scripts that packages install.

use az_core::examples::EXAMPLES;
use end_to_end::{TOOLS, binary};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

fn written(folder: &Path) {
    let status = Command::new(binary("az-manual"))
        .arg(folder)
        .status()
        .expect("az-manual runs");
    assert!(status.success());
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn every_command_has_a_page_that_man_shows_without_a_warning() {
    let folder = tempfile::TempDir::new().expect("a folder");
    written(folder.path());
    let pages = folder.path().join("man/man1");
    let there = names(&pages);
    for example in EXAMPLES {
        let page = format!("{}.1", example.command.replace(' ', "-"));
        assert!(there.contains(&page), "{page}");
        let text = std::fs::read_to_string(pages.join(&page)).expect("a page");
        for section in ["NAME", "SYNOPSIS", "OPTIONS", "EXAMPLES", "EXIT STATUS"] {
            let head = [format!(".SH {section}\n"), format!(".SH \"{section}\"\n")];
            assert!(
                head.iter().any(|head| text.contains(head.as_str())),
                "{page}: no {section}"
            );
        }
    }
    if Command::new("man").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "man is not installed");
        eprintln!("skipped: man is not installed");
        return;
    }
    let clean = |command: &mut Command| {
        let output = command.env("MANWIDTH", "80").output().expect("it runs");
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    // What `man` has pages set by, for all of them at once.
    clean(
        Command::new("groff")
            .args(["-k", "-man", "-ww", "-z", "-Tutf8"])
            .args(there.iter().map(|page| pages.join(page))),
    );
    let shown = clean(
        Command::new("man")
            .args(["--warnings", "-E", "UTF-8", "-l"])
            .arg(pages.join("az-provision-vm-create.1")),
    );
    assert!(shown.contains("az-provision vm create") && shown.contains("EXAMPLES"));
}

#[test]
fn every_tool_has_a_completion_script_for_each_shell() {
    let folder = tempfile::TempDir::new().expect("a folder");
    written(folder.path());
    for tool in TOOLS {
        for file in [
            format!("bash/{tool}"),
            format!("zsh/_{tool}"),
            format!("fish/{tool}.fish"),
            format!("powershell/{tool}.ps1"),
        ] {
            let path = folder.path().join("completions").join(&file);
            let script = std::fs::read_to_string(&path).expect("a script");
            assert!(script.contains(tool), "{file}");
        }
        for shell in ["bash", "zsh", "fish"] {
            let prefix = if shell == "zsh" { "_" } else { "" };
            let suffix = if shell == "fish" { ".fish" } else { "" };
            let script = folder
                .path()
                .join(format!("completions/{shell}/{prefix}{tool}{suffix}"));
            let Ok(checked) = Command::new(shell).arg("-n").arg(script).output() else {
                continue;
            };
            assert!(checked.status.success(), "{shell} reads {tool}'s script");
        }
    }
}
