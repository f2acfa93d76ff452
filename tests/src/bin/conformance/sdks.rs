//! The SDKs for Python, JavaScript and Java, MSAL for Python, and Node's own `fetch`: the story at the desk, synchronous and
//! asynchronous where both exist, and the tutorial's program on a machine.

use crate::clients::Missing;
use crate::go::{assert_printed, machine_with_access};
use crate::suite::{Case, World};
use crate::tutorial::Identity;
use end_to_end::{Azure, GROUP, IDENTITY, VAULT, VM};
use std::path::Path;

/// What a language's command lines begin with; the program's name follows at once.
pub(crate) type Start = fn(&World) -> Result<String, Missing>;

pub(crate) const PYTHON: Start = |world| {
    let python = world.clients.python()?;
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/python");
    Ok(format!("{} {}/", python.display(), programs.display()))
};

pub(crate) const NODE: Start =
    |world| Ok(format!("node {}/", world.clients.javascript()?.display()));

/// A Node that reads the proxy's variables by itself.
const NEW_NODE: Start = |world| {
    let (node, programs) = (world.clients.node()?, world.clients.javascript()?);
    Ok(format!("{} {}/", node.display(), programs.display()))
};

pub(crate) const JAVA: Start = |world| Ok(format!("java @{} ", world.clients.java()?.display()));

pub(crate) fn python() -> Vec<Case> {
    const VALUE: &str = "createdWithPython";
    vec![
        Case::new("python/story", |world| story(world, PYTHON, "story.py")),
        Case::new("python/story-async", |world| {
            story(world, PYTHON, "story.py --aio")
        }),
        Case::new("python/machine", |world| {
            machine(world, PYTHON, "machine.py", Identity::System, VALUE)
        }),
        Case::new("python/machine-async", |world| {
            machine(world, PYTHON, "machine.py --aio", Identity::System, VALUE)
        }),
        Case::new("python/msal-system-assigned", |world| {
            let value = "createdWithMsal";
            machine(world, PYTHON, "msal_machine.py", Identity::System, value)
        }),
        Case::new("python/msal-user-assigned", |world| {
            let value = "createdWithMsal";
            machine(world, PYTHON, "msal_machine.py", Identity::User, value)
        }),
    ]
}

pub(crate) fn javascript() -> Vec<Case> {
    const FETCH: &str = "fetch.mjs machine";
    const VALUE: &str = "createdWithFetch";
    vec![
        Case::new("js/story", |world| story(world, NODE, "story.mjs")),
        Case::new("js/machine", |world| {
            let value = "createdWithJavaScript";
            machine(world, NODE, "machine.mjs", Identity::System, value)
        }),
        Case::new("js/fetch", |world| fetch(world, NODE)),
        Case::new("js/fetch-machine", |world| {
            machine(world, NODE, FETCH, Identity::System, VALUE)
        }),
        Case::new("js/own-fetch", |world| fetch(world, NEW_NODE)),
        Case::new("js/own-fetch-machine", |world| {
            machine(world, NEW_NODE, FETCH, Identity::System, VALUE)
        }),
    ]
}

pub(crate) fn java() -> Vec<Case> {
    const VALUE: &str = "createdWithJava";
    vec![
        Case::new("java/story", |world| story(world, JAVA, "Story")),
        Case::new("java/machine-system-assigned", |world| {
            machine(world, JAVA, "Machine", Identity::System, VALUE)
        }),
        Case::new("java/machine-user-assigned", |world| {
            machine(world, JAVA, "Machine", Identity::User, VALUE)
        }),
    ]
}

/// The whole story at the desk.
fn story(world: &World, start: Start, program: &str) -> Result<(), Missing> {
    let line = format!("{} {}{program}", world.bounded(), start(world)?);
    at_the_desk(&world.azure(), &line);
    Ok(())
}

/// A sign-in, Resource Manager and a vault, with no client library.
fn fetch(world: &World, start: Start) -> Result<(), Missing> {
    let line = format!("{} {}fetch.mjs desk", world.bounded(), start(world)?);
    let azure = world.azure().with_group().with_vault();
    at_the_desk(&azure, &format!("KEY_VAULT_NAME={VAULT} {line}"));
    Ok(())
}

/// Runs a program that says how each of its steps went.
fn at_the_desk(azure: &Azure, line: &str) {
    let mut shell = azure.shell(line);
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
}

/// The tutorial's program on a machine.
fn machine(
    world: &World,
    start: Start,
    program: &str,
    identity: Identity,
    value: &str,
) -> Result<(), Missing> {
    let start = start(world)?;
    let azure: Azure = world.azure().with_group().with_vm().with_vault();
    machine_with_access(&azure, identity);
    let chosen = match identity {
        Identity::System => String::new(),
        Identity::User => {
            let show = format!("az-identity show -g {GROUP} -n {IDENTITY}");
            format!("env AZURE_CLIENT_ID={} ", azure.text(&show, "clientId"))
        }
    };
    let line = format!("{chosen}{} {start}{program}", world.bounded());
    let output = azure.on_machine(VM, &line).assert().success();
    let text = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
    assert_printed(&text, value);
    Ok(())
}
