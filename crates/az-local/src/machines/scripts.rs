//! Scripts that Resource Manager gives to machines: `runCommand`'s, and the CustomScript extension's.

use super::place::Place;
use super::programs::Surroundings;
use crate::arm;
use crate::ground::folder::{make_private, write_private};
use crate::ground::stderr;
use crate::ground::wire::Caller;
use crate::instance::{Access, Instance};
use crate::request::effects::{Script, ScriptEnd};
use az_machine::{Ended, Executable, Machine, Program, User};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::process::Stdio;
use std::sync::Arc;

/// How much of a script's output is answered: its end
/// (<https://learn.microsoft.com/azure/virtual-machines/linux/run-command#restrictions>).
const LONGEST_OUTPUT: usize = 4096;

/// Runs a script and ends its operation.
pub(crate) fn run(instance: &Arc<Instance>, script: &Script) {
    let end = execute(instance, script).unwrap_or_else(|error| ScriptEnd {
        status: None,
        stdout: String::new(),
        stderr: error.to_string(),
    });
    let served = instance.serve(Access::Write, Caller::default(), |cx| {
        arm::script_ended(cx, script, &end)
    });
    if let Err(error) = served.result {
        stderr::say(format_args!("a script's end could not be kept: {error}"));
    }
}

fn execute(
    instance: &Arc<Instance>,
    script: &Script,
) -> Result<ScriptEnd, Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match runtime.block_on(Place::of(instance, &script.machine))? {
        None => Err("the machine is not running".into()),
        Some(Place::Here(surroundings)) => here(&surroundings, script),
        Some(Place::Apart(machine)) => runtime.block_on(apart(&machine, script)),
    }
}

/// A script as it is written down.
fn text(script: &Script) -> String {
    let mut text = script.lines.join("\n");
    text.push('\n');
    text
}

/// The parameters that can be variables.
fn variables(script: &Script) -> impl Iterator<Item = (&str, &str)> {
    let all = script.parameters.iter();
    let all = all.map(|(name, value)| (name.as_str(), value.as_str()));
    all.filter(|(name, value)| {
        !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0')
    })
}

fn here(
    surroundings: &Surroundings,
    script: &Script,
) -> Result<ScriptEnd, Box<dyn std::error::Error>> {
    let folder = surroundings
        .home()
        .join(".az-local/run-command")
        .join(&script.operation);
    make_private(&folder)?;
    let file = folder.join("script.sh");
    write_private(&file, text(script).as_bytes())?;
    let mut command = surroundings.command("/bin/sh")?;
    command
        .arg(&file)
        .args(script.parameters.iter().map(|(_, value)| value))
        .current_dir(&folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for (name, value) in variables(script) {
        // The machine's own stay as they are.
        if !command.get_envs().any(|(own, _)| own == name) {
            command.env(name, value);
        }
    }
    let mut child = command.spawn()?;
    let (stdout, stderr) = tails(child.stdout.take(), child.stderr.take());
    Ok(ScriptEnd {
        status: child.wait()?.code(),
        stdout,
        stderr,
    })
}

/// Where Azure's agent keeps the scripts that it was given
/// (<https://learn.microsoft.com/azure/virtual-machines/linux/run-command#troubleshooting>).
const DOWNLOADS: &str = "/var/lib/waagent/run-command/download";

/// Writes what it reads to a file in a new folder, and runs that there. On the machine itself: no link that stands there leads
/// anywhere else.
const WRITE_AND_RUN: &str = "(umask 077 && mkdir -p \"$1\" && cat > \"$1/script.sh\") && cd \"$1\" && shift && \
     exec /bin/sh script.sh \"$@\" < /dev/null";

/// As the machine's root, as Azure's agent does.
async fn apart(
    machine: &Machine,
    script: &Script,
) -> Result<ScriptEnd, Box<dyn std::error::Error>> {
    let folder = format!("{DOWNLOADS}/{}", script.operation);
    let line = ["/bin/sh", "-c", WRITE_AND_RUN, "script.sh", &folder];
    let values = script.parameters.iter().map(|(_, value)| value.as_str());
    let program = Program {
        line: line.into_iter().chain(values).map(OsString::from).collect(),
        file: Executable::There,
        user: User::Root,
        variables: variables(script)
            .map(|(name, value)| (name.into(), value.into()))
            .collect(),
        folder: Some("/".into()),
        stdio: az_machine::Stdio::Pipes,
    };
    let running = machine.run(&program).await?;
    let text = text(script);
    let writing = running.input.map(File::from);
    let output = File::from(running.output);
    let errors = running.errors.map(File::from);
    let read = tokio::task::spawn_blocking(move || {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                if let Some(mut writing) = writing {
                    // A script that cannot be kept fails for itself.
                    let _ = writing.write_all(text.as_bytes());
                }
            });
            tails(Some(output), errors)
        })
    });
    let (stdout, stderr) = read.await?;
    let status = match running.ended.await {
        Ok(Ended::Status(code)) => Some(code),
        _ => None,
    };
    Ok(ScriptEnd {
        status,
        stdout,
        stderr,
    })
}

/// The ends of what a script prints.
fn tails(stdout: Option<impl Read>, stderr: Option<impl Read + Send>) -> (String, String) {
    std::thread::scope(|scope| {
        let errors = scope.spawn(|| tail(stderr));
        (tail(stdout), errors.join().unwrap_or_default())
    })
}

/// Reads to the end and keeps the last of it.
fn tail(from: Option<impl Read>) -> String {
    let mut kept: Vec<u8> = Vec::new();
    let mut buffer = [0; LONGEST_OUTPUT];
    let Some(mut from) = from else {
        return String::new();
    };
    loop {
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                kept.extend_from_slice(&buffer[..read]);
                kept.drain(..kept.len().saturating_sub(LONGEST_OUTPUT));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}
