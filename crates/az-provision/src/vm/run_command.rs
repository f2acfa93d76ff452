//! `vm run-command invoke`: a script that the machine's agent runs.

use super::machine::id_of;
use crate::cli::RunCommand;
use az_core::{
    arm::{Body, REDACTED, versions},
    cli::{Doing, Failure, Session},
};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::io::Read;

/// The lines of a script, checked and read.
fn lines(words: &[String]) -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    for word in words {
        match word.strip_prefix('@') {
            Some(path) => lines.extend(file(path)?.lines().map(str::to_owned)),
            None => lines.push(word.clone()),
        }
    }
    Ok(lines)
}

/// A file's text; `-` is standard input.
fn file(path: &str) -> Result<String, Failure> {
    let read = match path {
        "-" => {
            let mut text = String::new();
            std::io::stdin()
                .lock()
                .read_to_string(&mut text)
                .map(|_| text)
        }
        path => std::fs::read_to_string(path),
    };
    read.map_err(|error| Failure::usage(format!("--scripts @{path}: {error}")))
}

/// `NAME=VALUE`, or a value alone, which is named `arg1`, `arg2`, … as `az` names it.
fn parameters(words: &[String]) -> Vec<(String, SecretString)> {
    let mut unnamed = 0;
    words
        .iter()
        .map(|word| match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), value.into()),
            None => {
                unnamed += 1;
                (format!("arg{unnamed}"), word.as_str().into())
            }
        })
        .collect()
}

/// Has the script run, and gives what it printed.
pub(crate) async fn invoke(session: &Session, args: &RunCommand) -> Result<Value, Failure> {
    let script = lines(&args.scripts)?;
    if script.iter().all(|line| line.trim().is_empty()) {
        return Err(Failure::usage("--scripts holds no command"));
    }
    let doing = format!(
        "running {} on virtual machine '{}'",
        args.command_id, args.act.name
    );
    let id = id_of(session, &args.act.name, args.act.resource_group.as_ref()).await?;
    let parameters = parameters(&args.parameters);
    let shown: Vec<Value> = parameters
        .iter()
        .map(|(name, _)| json!({"name": name, "value": REDACTED}))
        .collect();
    let mut body = Body::from(json!({
        "commandId": args.command_id,
        "script": script,
        "parameters": shown,
    }));
    // What a script is given may be a secret.
    for (index, (_, value)) in parameters.into_iter().enumerate() {
        body = body.with_secret(format!("/parameters/{index}/value"), value);
    }
    let arm = session.arm()?;
    let answer = arm
        .post_once(format!("{id}/runCommand"), versions::COMPUTE, Some(body))
        .await
        .doing(&doing)?;
    if args.act.no_wait || session.is_dry_run() {
        return Ok(Value::Null);
    }
    let _shown = session.progress(doing.clone());
    arm.wait(answer).await.doing(&doing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn parameters_are_named_as_az_names_them() {
        let words = ["hello", "user=me=you", "world", "="].map(str::to_owned);
        let read: Vec<(String, String)> = parameters(&words)
            .into_iter()
            .map(|(name, value)| (name, value.expose_secret().to_owned()))
            .collect();
        let wanted = [
            ("arg1", "hello"),
            ("user", "me=you"),
            ("arg2", "world"),
            ("", ""),
        ];
        assert_eq!(
            read,
            wanted.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn a_script_is_lines_and_files_of_lines() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("script.sh");
        std::fs::write(&path, "one\ntwo three\n").expect("a file");
        let words = ["zero".to_owned(), format!("@{}", path.display())];
        assert_eq!(lines(&words).expect("lines"), ["zero", "one", "two three"]);
        assert!(lines(&["@/nowhere/at/all".to_owned()]).is_err());
    }
}
