//! Scripts that Resource Manager gives to machines: `runCommand`'s, and the CustomScript extension's.

use super::programs::Surroundings;
use crate::arm;
use crate::ground::folder::{make_private, write_private};
use crate::ground::stderr;
use crate::ground::wire::Caller;
use crate::instance::{Access, Instance};
use crate::request::effects::{Script, ScriptEnd};
use crate::state::StateError;
use std::io::{self, Read};
use std::process::Stdio;

/// How much of a script's output is answered: its end
/// (<https://learn.microsoft.com/azure/virtual-machines/linux/run-command#restrictions>).
const LONGEST_OUTPUT: usize = 4096;

/// Runs a script and ends its operation.
pub(crate) fn run(instance: &Instance, script: &Script) {
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

fn execute(instance: &Instance, script: &Script) -> Result<ScriptEnd, Box<dyn std::error::Error>> {
    let surroundings = instance
        .store
        .write(|tx| Surroundings::of(instance, tx, &script.machine))
        .map_err(|error: StateError| error)?;
    let folder = surroundings
        .home()
        .join(".az-local/run-command")
        .join(&script.operation);
    make_private(&folder)?;
    let file = folder.join("script.sh");
    let mut text = script.lines.join("\n");
    text.push('\n');
    write_private(&file, text.as_bytes())?;
    let mut command = surroundings.command("/bin/sh")?;
    command
        .arg(&file)
        .args(script.parameters.iter().map(|(_, value)| value))
        .current_dir(&folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for (name, value) in &script.parameters {
        // A variable, where its name can be one; the machine's own stay as they are.
        let named = !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0');
        if named && !command.get_envs().any(|(own, _)| own == name.as_str()) {
            command.env(name, value);
        }
    }
    let mut child = command.spawn()?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (stdout, stderr) = std::thread::scope(|scope| {
        let errors = scope.spawn(|| tail(stderr));
        (tail(stdout), errors.join().unwrap_or_default())
    });
    Ok(ScriptEnd {
        status: child.wait()?.code(),
        stdout,
        stderr,
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
