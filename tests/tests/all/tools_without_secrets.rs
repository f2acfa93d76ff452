//! Secrets that are put in, looked for in everything that comes out: what the tools say in every mode, what other processes can
//! see of them, what is kept on disk, and the request log.

use end_to_end::{Azure, GROUP, PASSWORD, VAULT, VM};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Seek, SeekFrom, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

/// What is looked for: a secret's value, and the password of a machine.
const VALUE: &str = "canary-Zq7-value-of-a-secret";

/// Ways to hand a value to `kv-set`, with what goes to its standard input.
const WAYS: [(&str, Option<&str>); 6] = [
    ("kv-set canary", Some(VALUE)),
    ("kv-set canary --value-file value", None),
    ("kv-set canary --value-file -", Some(VALUE)),
    ("kv-set canary --value-env CANARY", None),
    ("kv-set --from variables.env", None),
    (
        "kv-set -",
        Some("{\"name\": \"canary\", \"value\": \"canary-Zq7-value-of-a-secret\"}\n"),
    ),
];

const MODES: [&str; 10] = [
    "",
    " --debug",
    " --verbose",
    " --dry-run",
    " --dry-run --debug",
    " -o table",
    " -o yaml",
    " -o tsv --query id",
    " --error-format json --debug",
    " --only-show-errors --timeout 1ms",
];

/// Where a canary was found.
fn hits(text: &[u8], what: &str) -> Vec<String> {
    [VALUE, PASSWORD]
        .iter()
        .filter(|canary| {
            text.windows(canary.len())
                .any(|part| part == canary.as_bytes())
        })
        .map(|canary| format!("{canary} in {what}"))
        .collect()
}

/// The files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files(&path)),
            Ok(kind) if kind.is_file() => found.push(path),
            _ => {}
        }
    }
    found
}

/// A vault that may be written to, and the files that [`WAYS`] name.
fn with_the_files_of_the_ways() -> Azure {
    let azure = Azure::start().with_group().with_vault();
    azure.grant(&azure.own_object_id(), end_to_end::OFFICER);
    fs::write(azure.scratch().join("value"), VALUE).expect("written");
    fs::write(
        azure.scratch().join("variables.env"),
        format!("CANARY='{VALUE}'\n"),
    )
    .expect("written");
    azure
}

/// An `az` that signs in as the desk does, and notes what it was started with: its words, its environment, and those of the
/// process that started it.
fn spying_az(azure: &Azure) -> PathBuf {
    let folder = azure.scratch().join("spy");
    fs::create_dir_all(&folder).expect("a folder");
    let seen = folder.join("seen");
    let real = |name: &str| azure.var(name).to_owned();
    let script = format!(
        "#!/bin/sh\n{{ tr '\\0' '\\n' < /proc/$$/cmdline; env; tr '\\0' '\\n' < /proc/$PPID/cmdline; }} >> '{}'\n\
         token=$(curl -s -d client_id={} -d client_secret={} -d grant_type=client_credentials \
         --data-urlencode scope=\"$(echo \"$*\" | sed 's/.*--scope \\([^ ]*\\).*/\\1/')\" \
         https://login.microsoftonline.com/{}/oauth2/v2.0/token | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')\n\
         printf '{{\"accessToken\": \"%s\", \"expires_on\": 4102444800, \"expiresOn\": \"2100-01-01 00:00:00.000000\", \"tokenType\": \"Bearer\"}}' \"$token\"\n",
        seen.display(),
        real("AZURE_CLIENT_ID"),
        real("AZURE_CLIENT_SECRET"),
        real("AZURE_TENANT_ID"),
    );
    let az = folder.join("az");
    fs::write(&az, script).expect("written");
    fs::set_permissions(&az, fs::Permissions::from_mode(0o755)).expect("executable");
    folder
}

#[test]
fn no_secret_is_in_what_the_tools_say_in_any_mode() {
    let azure = with_the_files_of_the_ways();
    let mut lines: Vec<(String, Option<&str>)> = Vec::new();
    for (way, input) in WAYS {
        for mode in MODES {
            let line = format!("{way} --vault-name {VAULT} --wait-for-access 1m{mode}");
            lines.push((line, input));
        }
        // What fails, too.
        for odd in [
            format!("{way} --vault-name nobody-{VAULT}"),
            format!("{way} --vault-name {VAULT} --tags {VALUE}=1 --expires yesterday"),
            format!("{way} {VALUE} --vault-name {VAULT}"),
            format!("{way} --{VALUE} --vault-name {VAULT}"),
        ] {
            lines.push((odd, input));
        }
    }
    for mode in MODES {
        let create =
            format!("az-provision vm create -g {GROUP} -n {VM} --admin-username azureuser");
        for (line, input) in [
            (format!("{create} --admin-password-file -"), Some(PASSWORD)),
            (format!("{create} --admin-password {PASSWORD}"), None),
            (format!("kv-get --list --vault-name {VAULT}"), None),
            (
                format!("kv-get canary --list-versions --vault-name {VAULT}"),
                None,
            ),
            (
                format!("az-cleanup secret delete canary --vault-name {VAULT}"),
                None,
            ),
            (
                format!("az-cleanup secret recover canary --vault-name {VAULT}"),
                None,
            ),
        ] {
            lines.push((format!("{line}{mode}"), input));
        }
    }
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let found = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((line, input)) = lines.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut command = azure.run(line);
                    command.env("CANARY", VALUE);
                    if let Some(input) = input {
                        command.write_stdin(*input);
                    }
                    let output = command.output().expect("it runs");
                    done.fetch_add(usize::from(output.status.success()), Ordering::Relaxed);
                    let mut found = found.lock().expect("nobody panicked");
                    found.extend(hits(&output.stdout, &format!("the output of '{line}'")));
                    found.extend(hits(&output.stderr, &format!("the errors of '{line}'")));
                }
            });
        }
    });
    let mut found = found.into_inner().expect("nobody panicked");
    let done = done.into_inner();
    assert!(done > 40, "{done} have succeeded");
    found.extend(hits(azure.log_text().as_bytes(), "the request log"));
    assert_eq!(found, [""; 0]);
}

#[test]
fn no_secret_is_where_other_processes_and_users_look() {
    let azure = with_the_files_of_the_ways();
    let spy = spying_az(&azure);
    let path = format!("{}:{}", spy.display(), azure.var("PATH"));
    for (done, (way, input)) in WAYS.into_iter().enumerate() {
        let mut command = azure.run(&format!("{way} --vault-name {VAULT} --wait-for-access 1m"));
        command
            .env("CANARY", VALUE)
            .env("PATH", &path)
            .env("AZURE_TOKEN_CREDENTIALS", "AzureCLICredential");
        // Each asks for a token of its own, so that each starts the process.
        let cache = azure.scratch().join("tokens").join(done.to_string());
        command.env("AZ_TOKEN_CACHE_DIR", cache);
        if way != WAYS[3].0 {
            command.env_remove("CANARY");
        }
        if let Some(input) = input {
            command.write_stdin(input);
        }
        command.assert().success();
    }
    let seen = fs::read(spy.join("seen")).expect("it was started");
    let started = String::from_utf8_lossy(&seen)
        .matches("get-access-token")
        .count();
    assert!(started >= WAYS.len(), "{started}");
    let mut found = hits(&seen, "what another process sees");
    let kept = files(&azure.scratch().join("tokens"));
    assert!(!kept.is_empty(), "tokens are kept");
    for file in kept {
        found.extend(hits(
            &fs::read(&file).expect("read"),
            &file.display().to_string(),
        ));
        let mode = fs::metadata(&file).expect("there").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", file.display());
    }
    assert_eq!(found, [""; 0]);
}

/// Which of these stand in a process's memory, as far as it can be read.
fn in_memory(process: u32, canaries: &[String]) -> Vec<usize> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).expect("its memory's map");
    let mut memory = fs::File::open(format!("/proc/{process}/mem")).expect("its memory");
    let mut found = Vec::new();
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (Some(range), Some(access)) = (words.next(), words.next()) else {
            continue;
        };
        if !access.starts_with("rw") {
            continue;
        }
        let (from, to) = range.split_once('-').expect("a range");
        let address = |digits: &str| u64::from_str_radix(digits, 16).expect("an address");
        let (from, to) = (address(from), address(to));
        let mut part = vec![0; (to - from) as usize];
        if memory.seek(SeekFrom::Start(from)).is_err() || memory.read_exact(&mut part).is_err() {
            continue;
        }
        let part = String::from_utf8_lossy(&part);
        found.extend((0..canaries.len()).filter(|at| part.contains(&canaries[*at])));
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// What the process must not say is known for so many of the last; see `az_core::concealed`.
const STILL_CONCEALED: usize = 512;

#[test]
#[cfg(target_os = "linux")]
fn a_secret_that_is_written_is_not_in_memory_any_more() {
    let azure = with_the_files_of_the_ways();
    azure
        .run(&format!(
            "kv-set first --vault-name {VAULT} --wait-for-access 1m"
        ))
        .write_stdin("until the role is effective")
        .assert()
        .success();
    azure
        .local()
        .args(["faults", "set", "-"])
        .write_stdin(
            "[[fault]]\nhost = \"key-vault\"\nmethod = \"PUT\"\ncalls = \"631-\"\n\
             connection = \"stall\"\ntime = \"60s\"\n",
        )
        .assert()
        .success();
    let canaries: Vec<String> = (0..1200)
        .map(|at| format!("canary-{at:04}-of-many"))
        .collect();
    let mut tool = std::process::Command::new(end_to_end::binary("kv-set"));
    let mut child = tool
        // One connection: each that is open keeps its last answer, with the value in it, until the next.
        .args(["-", "--unpaced", "--jobs", "1", "--vault-name", VAULT])
        .env_clear()
        .envs(azure.variables().iter().cloned())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut input = child.stdin.take().expect("its input");
    let list: String = (0..canaries.len())
        .map(|at| format!("{{\"name\": \"s{at}\", \"value\": \"{}\"}}\n", canaries[at]))
        .collect();
    // It reads no further than it must.
    let writing = std::thread::spawn(move || input.write_all(list.as_bytes()));
    let mut output = BufReader::new(child.stdout.take().expect("its output")).lines();
    // In order: what comes before the first of those that stall is through.
    let done = 600;
    for _ in 0..done {
        output.next().expect("a line").expect("a line");
    }
    let gone = done - STILL_CONCEALED;
    let left = in_memory(child.id(), &canaries[..gone]);
    let last = in_memory(child.id(), &canaries[done - 8..done]);
    child.kill().expect("killed");
    child.wait().expect("ended");
    let _ = writing.join().expect("a thread");
    assert!(left.is_empty(), "{left:?} of {gone} are still there");
    assert!(!last.is_empty(), "this finds nothing, whatever is there");
}
