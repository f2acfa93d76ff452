//! The Python and JavaScript SDKs: the same story, synchronous and asynchronous where both exist.

use crate::clients::Missing;
use crate::go::{assert_printed, machine_with_access};
use crate::suite::{Case, World};
use crate::tutorial::Identity;
use end_to_end::{Azure, VM};
use std::path::{Path, PathBuf};

/// How a language's programs are started.
type Start = fn(&World) -> Result<(PathBuf, PathBuf), Missing>;

pub(crate) fn python() -> Vec<Case> {
    let start: Start = |world| {
        Ok((
            world.clients.python()?,
            Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/python"),
        ))
    };
    vec![
        Case::new("python/story", move |world| story(world, start, "story.py")),
        Case::new("python/story-async", move |world| {
            story(world, start, "story.py --aio")
        }),
        Case::new("python/machine", move |world| {
            machine(world, start, "machine.py", "createdWithPython")
        }),
        Case::new("python/machine-async", move |world| {
            machine(world, start, "machine.py --aio", "createdWithPython")
        }),
    ]
}

pub(crate) fn javascript() -> Vec<Case> {
    let start: Start = |world| Ok((PathBuf::from("node"), world.clients.javascript()?));
    vec![
        Case::new("js/story", move |world| story(world, start, "story.mjs")),
        Case::new("js/machine", move |world| {
            machine(world, start, "machine.mjs", "createdWithJavaScript")
        }),
    ]
}

/// The whole story at the desk.
fn story(world: &World, start: Start, program: &str) -> Result<(), Missing> {
    let (interpreter, folder) = start(world)?;
    let azure = world.azure();
    let line = format!(
        "{} {} {}/{program}",
        world.bounded(),
        interpreter.display(),
        folder.display()
    );
    let mut shell = azure.shell(&line);
    shell.env("HOME", azure.scratch());
    let output = shell.output().expect("bash runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let failed: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("FAIL"))
        .collect();
    assert!(
        output.status.success()
            && failed.is_empty()
            && text.lines().any(|line| line.starts_with("ok ")),
        "{}\n{text}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// The tutorial's program on a machine.
fn machine(world: &World, start: Start, program: &str, value: &str) -> Result<(), Missing> {
    let (interpreter, folder) = start(world)?;
    let azure: Azure = world.azure().with_group().with_vm().with_vault();
    machine_with_access(&azure, Identity::System);
    let line = format!(
        "{} {} {}/{program}",
        world.bounded(),
        interpreter.display(),
        folder.display()
    );
    let output = azure.on_machine(VM, &line).assert().success();
    let text = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
    assert_printed(&text, value);
    Ok(())
}
