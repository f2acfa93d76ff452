//! What a machine does at its first start with the custom data that it was created with, as cloud-init would: a script, or the
//! parts of a `#cloud-config` that people use (<https://cloudinit.readthedocs.io/en/latest/reference/modules.html>).

use crate::ground::quoting::posix_quoted;
use crate::ground::stderr;
use az_machine::{Executable, Machine, Program, Stdio, User};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use std::fs::File;
use std::io::Write;
use std::sync::Arc;

/// `cloud-init`, as far as it is there: it tells how the first start went.
pub(crate) const COMMAND: &str = r#"#!/bin/sh
# Tells how the custom data of this machine was carried out.
state() { cat /var/lib/cloud/data/az-local-status 2>/dev/null || echo done; }
case "${1:-}" in
    status)
        case " $* " in *" --wait "*)
            while [ "$(state)" = running ]; do sleep 0.1; done ;;
        esac
        echo "status: $(state)"
        [ "$(state)" != error ]
        ;;
    *)
        echo "cloud-init: on a machine of az-local there is only 'cloud-init status [--wait]'" >&2
        exit 2
        ;;
esac
"#;

/// Where the output of what is carried out goes, as with cloud-init.
const LOG: &str = "/var/log/cloud-init-output.log";

/// What is done before and after.
const BEGIN: &str = "mkdir -p /var/lib/cloud/data /var/lib/cloud/instance /var/log\n\
                     failed=0\n";
const END: &str = "if [ \"$failed\" -eq 0 ]; then echo done; else echo error; fi > /var/lib/cloud/data/az-local-status\n";

/// That it goes on, from before anybody can ask.
pub(crate) fn begun() -> az_machine::File {
    az_machine::File {
        path: "/var/lib/cloud/data/az-local-status".into(),
        content: b"running\n".to_vec(),
        mode: 0o644,
    }
}

/// Begins to carry custom data out, beside all else that the machine does.
pub(crate) fn begin(machine: Arc<Machine>, name: String, custom_data: &str) {
    let Ok(data) = STANDARD.decode(custom_data) else {
        return;
    };
    let script = script(&data);
    let begun = std::thread::Builder::new()
        .name("first-boot".to_owned())
        .spawn(move || {
            if let Err(error) = carry_out(&machine, &script) {
                stderr::say(format_args!("'{name}': its custom data: {error}"));
            }
        });
    // Without a thread there is no first start; the machine is there all the same.
    drop(begun);
}

fn carry_out(machine: &Machine, script: &str) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let program = Program {
        line: [
            "/bin/sh",
            "-c",
            "cat > /run/first-boot && exec sh /run/first-boot < /dev/null",
        ]
        .map(Into::into)
        .to_vec(),
        file: Executable::There,
        user: User::Root,
        variables: Vec::new(),
        folder: Some("/".into()),
        stdio: Stdio::Pipes,
    };
    let running = runtime.block_on(machine.run(&program))?;
    if let Some(input) = running.input {
        File::from(input).write_all(script.as_bytes())?;
    }
    // With the machine it ends, too.
    let _ = runtime.block_on(running.ended);
    Ok(())
}

/// What the data asks for, as one script.
fn script(data: &[u8]) -> String {
    let body = if data.starts_with(b"#!") {
        let place = "/var/lib/cloud/instance/user-data";
        format!("{}{place} || failed=1\n", put(place, data, "0700"))
    } else if data.starts_with(b"#cloud-config") {
        let read = serde_norway::from_slice::<Value>(data);
        match read {
            Ok(Value::Object(config)) => of_config(&config),
            Ok(_) => complain("the configuration is no mapping"),
            Err(error) => complain(&format!("the configuration cannot be read: {error}")),
        }
    } else {
        complain("custom data that is neither a script nor a #cloud-config is not carried out")
    };
    format!("{BEGIN}exec >>{LOG} 2>&1\n{body}{END}")
}

fn complain(message: &str) -> String {
    format!("echo {} >&2\nfailed=1\n", posix_quoted(message))
}

/// Writes a file, byte for byte.
fn put(path: &str, content: &[u8], mode: &str) -> String {
    let (path, encoded) = (posix_quoted(path), STANDARD.encode(content));
    format!(
        "mkdir -p \"$(dirname -- {path})\" && printf %s {encoded} | base64 -d > {path} && chmod {} {path} || failed=1\n",
        posix_quoted(mode)
    )
}

fn of_config(config: &Map<String, Value>) -> String {
    let mut script = String::new();
    // In cloud-init's own order: boot commands, files, users, packages, commands.
    script.push_str(&commands(config.get("bootcmd")));
    for file in items(config.get("write_files")) {
        script.push_str(&written(file));
    }
    for user in items(config.get("users")) {
        script.push_str(&made(user));
    }
    let packages: Vec<String> = items(config.get("packages"))
        .iter()
        .filter_map(|package| match package {
            Value::String(name) => Some(posix_quoted(name)),
            // A name and its version.
            Value::Array(pair) => {
                let words: Vec<&str> = pair.iter().filter_map(Value::as_str).collect();
                Some(posix_quoted(&words.join("=")))
            }
            _ => None,
        })
        .collect();
    let update = config.get("package_update").and_then(Value::as_bool);
    if !packages.is_empty() || update == Some(true) {
        script.push_str(&install(&packages));
    }
    script.push_str(&commands(config.get("runcmd")));
    let known = [
        "bootcmd",
        "write_files",
        "users",
        "packages",
        "package_update",
        "runcmd",
    ];
    for name in config.keys().filter(|name| !known.contains(&name.as_str())) {
        let message = format!("'{name}' of the configuration is not carried out");
        script.push_str(&format!("echo {} >&2\n", posix_quoted(&message)));
    }
    script
}

fn items(list: Option<&Value>) -> &[Value] {
    list.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Commands: a line for the shell each, or its words. They are one script, so that each finds what those before have set.
fn commands(list: Option<&Value>) -> String {
    let lines = items(list).iter().map(|command| match command {
        Value::Array(words) => {
            let words = words.iter().map(|word| posix_quoted(&text(word)));
            words.collect::<Vec<_>>().join(" ")
        }
        line => text(line),
    });
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() {
        return String::new();
    }
    let place = "/var/lib/cloud/instance/commands";
    let body = format!("#!/bin/sh\n{}\n", lines.join("\n"));
    format!(
        "{}{place} || failed=1\n",
        put(place, body.as_bytes(), "0700")
    )
}

fn written(file: &Value) -> String {
    let Some(path) = file["path"].as_str() else {
        return complain("a file of write_files has no path");
    };
    let content = file["content"].as_str().unwrap_or_default();
    let content = match file["encoding"].as_str().unwrap_or("text/plain") {
        "text/plain" => content.as_bytes().to_vec(),
        "b64" | "base64" => {
            let packed: String = content.split_whitespace().collect();
            match STANDARD.decode(packed) {
                Ok(content) => content,
                Err(_) => return complain(&format!("{path}: its content is no base64")),
            }
        }
        other => return complain(&format!("{path}: the encoding '{other}' is not known")),
    };
    let mode = match &file["permissions"] {
        Value::Null => "0644".to_owned(),
        mode => text(mode),
    };
    let mut script = if file["append"] == true {
        let (path, encoded) = (posix_quoted(path), STANDARD.encode(content));
        format!("printf %s {encoded} | base64 -d >> {path} || failed=1\n")
    } else {
        put(path, &content, &mode)
    };
    if let Some(owner) = file["owner"].as_str() {
        let (owner, path) = (posix_quoted(owner), posix_quoted(path));
        script.push_str(&format!("chown {owner} {path} || failed=1\n"));
    }
    script
}

/// Makes a user, with its keys and its right to become root. `default` is the admin user, who is there.
fn made(user: &Value) -> String {
    let Some(name) = user["name"].as_str() else {
        return String::new();
    };
    let quoted = posix_quoted(name);
    let shell = posix_quoted(user["shell"].as_str().unwrap_or("/bin/bash"));
    let mut script =
        format!("id {quoted} >/dev/null 2>&1 || useradd -m -s {shell} {quoted} || failed=1\n");
    let keys: Vec<&str> = items(user.get("ssh_authorized_keys"))
        .iter()
        .filter_map(Value::as_str)
        .collect();
    if !keys.is_empty() {
        let encoded = STANDARD.encode(keys.join("\n") + "\n");
        script.push_str(&format!(
            "home=$(getent passwd {quoted} | cut -d : -f 6) && mkdir -p \"$home/.ssh\" && \
             printf %s {encoded} | base64 -d >> \"$home/.ssh/authorized_keys\" && chmod 700 \"$home/.ssh\" && \
             chown -R {quoted}: \"$home/.ssh\" || failed=1\n"
        ));
    }
    let rules = match &user["sudo"] {
        Value::String(rule) => vec![rule.clone()],
        Value::Array(rules) => rules.iter().map(text).collect(),
        _ => Vec::new(),
    };
    for rule in rules {
        let line = posix_quoted(&format!("{name} {rule}"));
        script.push_str(&format!(
            "mkdir -p /etc/sudoers.d && printf '%s\\n' {line} >> /etc/sudoers.d/90-cloud-init-users || failed=1\n"
        ));
    }
    script
}

fn install(packages: &[String]) -> String {
    let packages = packages.join(" ");
    let with = |tool: &str, update: &str, install: &str| {
        let install = match packages.is_empty() {
            true => String::new(),
            false => format!(" && {install} {packages}"),
        };
        format!("command -v {tool} >/dev/null; then {update}{install} || failed=1\n")
    };
    format!(
        "export DEBIAN_FRONTEND=noninteractive\nif {}elif {}elif {}else failed=1; fi\n",
        with("apt-get", "apt-get update -q", "apt-get install -y -q"),
        with("dnf", "dnf -q makecache", "dnf install -y -q"),
        with("apk", "apk update -q", "apk add -q"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_kept_and_run() {
        let script = script(b"#!/bin/sh\ntouch /ran\n");
        assert!(
            script.contains("/var/lib/cloud/instance/user-data || failed=1"),
            "{script}"
        );
        assert!(script.starts_with(BEGIN) && script.ends_with(END));
    }

    #[test]
    fn what_a_configuration_asks_for_is_in_order_and_quoted() {
        let config = "#cloud-config\nruncmd:\n  - echo one > /one\n  - [touch, \"/a b\"]\n\
                      write_files:\n  - path: /etc/x\n    content: aGk=\n    encoding: b64\n    permissions: '0600'\n\
                      packages: [hello, [curl, '8.0']]\nusers:\n  - default\n  - name: ada\n    sudo: ALL=(ALL) NOPASSWD:ALL\n\
                      \x20   ssh_authorized_keys: [ssh-ed25519 AAAA]\nntp: {enabled: true}\n";
        let script = script(config.as_bytes());
        let places: Vec<Option<usize>> = [
            "printf %s aGk= | base64 -d > /etc/x && chmod 0600 /etc/x",
            "useradd -m -s /bin/bash ada",
            "'ada ALL=(ALL) NOPASSWD:ALL'",
            "apt-get install -y -q hello 'curl=8.0'",
            "/var/lib/cloud/instance/commands || failed=1",
            "'ntp' of the configuration is not carried out",
        ]
        .iter()
        .map(|wanted| script.find(&posix_or(wanted)))
        .collect();
        assert!(places.iter().all(Option::is_some), "{places:?}: {script}");
        assert!(places.is_sorted(), "{places:?}: {script}");
    }

    /// A message stands there as a quoted word, quotes within it and all.
    fn posix_or(wanted: &str) -> String {
        match wanted.starts_with("'ntp'") {
            true => posix_quoted(wanted),
            false => wanted.to_owned(),
        }
    }

    #[test]
    fn what_cannot_be_read_is_an_error_that_is_told() {
        for data in ["#cloud-config\n- a\n- list\n", "#cloud-config\n{", "GIF89a"] {
            let script = script(data.as_bytes());
            assert!(script.contains("failed=1\nif"), "{script}");
        }
    }
}
