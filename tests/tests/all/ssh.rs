//! Machines by SSH, with OpenSSH's own programs.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use end_to_end::http::Client;
use end_to_end::ssh::{Machine, USER, key_pair, text, told};
use end_to_end::terminal::Terminal;
use end_to_end::{Azure, GROUP, IDENTITY, OFFICER, PASSWORD, VAULT, VM};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

fn azure() -> Azure {
    Azure::with(&[]).with_group()
}

fn output(mut command: Command) -> Output {
    command.output().expect("the program runs")
}

/// Looks again and again, for half a minute at most.
fn eventually(what: &str, mut is: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is() {
        assert!(Instant::now() < deadline, "not seen: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn alive(pid: &str) -> bool {
    // A zombie has ended, whoever has not noticed yet.
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// A running `ssh` whose program has printed a first line.
fn running(mut command: Command) -> (Child, String, BufReader<std::process::ChildStdout>) {
    let mut child = command.stdout(Stdio::piped()).spawn().expect("ssh starts");
    let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    out.read_line(&mut line).expect("a line");
    (child, line.trim_end().to_owned(), out)
}

#[test]
fn a_key_signs_in_and_the_machine_is_another_place() {
    if end_to_end::machines_are_apart() {
        return;
    }
    let azure = azure();
    let machine = Machine::create(&azure, VM, "");
    let said = output(machine.ssh(&[], "echo $USER; pwd; echo $HOME; cat; echo oops >&2"));
    assert!(said.status.success());
    let lines: Vec<String> = text(&said.stdout).lines().map(str::to_owned).collect();
    assert_eq!(lines[0], USER);
    assert_eq!(lines[1], lines[2]);
    assert!(
        Path::new(&lines[1]).starts_with(azure.data_dir()),
        "{lines:?}"
    );
    let told = told(&said);
    assert!(told.ends_with("oops"), "{told}");
    assert!(
        told.contains("no kernel, no root and no isolation"),
        "{told}"
    );
    // Nothing of the desk's environment, and the metadata service as this machine.
    let environment = machine.says("env");
    assert!(
        !environment.contains("AZURE_CLIENT_SECRET"),
        "{environment}"
    );
    assert!(
        !environment.contains(azure.var("HTTPS_PROXY")),
        "{environment}"
    );
    let answer = Client::through(&azure, &machine.says("printenv HTTP_PROXY")).send(
        "GET",
        "http://169.254.169.254/metadata/instance/compute/name?api-version=2021-02-01&format=text",
        &[("metadata", "true")],
        None,
    );
    assert_eq!(answer.text, VM);
    let seen = azure.log();
    let metadata = seen
        .iter()
        .find(|exchange| {
            exchange["url"]
                .as_str()
                .is_some_and(|url| url.contains("/metadata/"))
        })
        .expect("a look at the metadata");
    let by = metadata["caller"]["machine"].as_str().unwrap_or_default();
    assert!(by.ends_with(&VM.to_lowercase()), "{by}");
    let connection = seen.iter().find(|exchange| exchange["method"] == "CONNECT");
    let connection = connection.expect("a connection");
    assert_eq!(connection["url"], json!(format!("{}:22", machine.address)));
    assert_eq!(connection["status"], 200);
}

/// Runs `ssh` with what answers its question for a password.
fn ask_pass(machine: &Machine<'_>, azure: &Azure, user: &str, password: &str) -> Output {
    let script = azure
        .scratch()
        .join(format!("ask-{user}-{}", password.len()));
    std::fs::write(&script, format!("#!/bin/sh\necho '{password}'\n")).expect("a script");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).expect("a mode");
    let mut command = machine.bare("ssh");
    command
        .env("SSH_ASKPASS", &script)
        .env("SSH_ASKPASS_REQUIRE", "force")
        .env("DISPLAY", ":0")
        .args([
            "-o",
            "PubkeyAuthentication=no",
            "-o",
            "NumberOfPasswordPrompts=2",
        ])
        .arg(format!("{user}@{}", machine.address))
        .arg("touch ran; echo in")
        .stdin(Stdio::null());
    output(command)
}

#[test]
fn a_password_signs_in() {
    let azure = azure();
    let machine = Machine::with_password(&azure, VM);
    let said = ask_pass(&machine, &azure, USER, PASSWORD);
    assert_eq!(text(&said.stdout), "in", "{}", told(&said));
    assert!(!azure.log_text().contains(PASSWORD));
}

#[test]
fn who_proves_nothing_gets_nothing() {
    let azure = azure();
    let machine = Machine::with_password(&azure, VM);
    let refused = |said: Output| {
        assert_eq!(said.status.code(), Some(255));
        assert_eq!(text(&said.stdout), "");
        assert!(
            told(&said).contains("Permission denied (publickey,password)"),
            "{}",
            told(&said)
        );
    };
    refused(ask_pass(&machine, &azure, USER, "Wrong-Horse-22"));
    refused(ask_pass(&machine, &azure, "root", PASSWORD));
    let other = key_pair(azure.scratch(), "other");
    let mut wrong = machine.bare("ssh");
    wrong.arg("-i").arg(&other).args(["-o", "BatchMode=yes"]);
    wrong.arg(machine.destination()).arg("touch ran");
    refused(output(wrong));
    let mut stranger = machine.client("ssh");
    stranger.args(["-o", "BatchMode=yes"]);
    stranger
        .arg(format!("root@{}", machine.address))
        .arg("touch ran");
    refused(output(stranger));
    assert_eq!(machine.says("ls"), "", "something ran");
}

#[test]
fn where_passwords_are_off_none_is_asked_for() {
    let azure = azure();
    let machine = Machine::create(&azure, VM, "");
    let said = ask_pass(&machine, &azure, USER, PASSWORD);
    assert_eq!(said.status.code(), Some(255));
    assert!(
        told(&said).contains("Permission denied (publickey)."),
        "{}",
        told(&said)
    );
}

#[test]
fn an_rsa_key_as_az_makes_it_signs_in() {
    let azure = azure();
    let key = azure.scratch().join("rsa");
    let mut made = Command::new("ssh-keygen");
    made.args(["-q", "-t", "rsa", "-b", "2048", "-N", "", "-f"])
        .arg(&key);
    assert!(made.status().expect("ssh-keygen runs").success());
    let line = format!(
        "az-provision vm create -g {GROUP} -n {VM} --size {} --admin-username {USER} --ssh-key-values {}",
        end_to_end::SIZE,
        key.with_extension("pub").display()
    );
    azure.run(&line).assert().success();
    assert_eq!(Machine::there(&azure, VM, key).says("echo in"), "in");
}

/// Puts one rule into the machine's security group.
fn put_rule(azure: &Azure, name: &str, priority: u32, members: Value) {
    let client = Client::new(azure);
    let token = client.token("https://management.azure.com/.default");
    let mut properties = json!({
        "protocol": "Tcp", "access": "Allow", "direction": "Inbound", "priority": priority,
        "sourcePortRange": "*", "destinationPortRange": "22",
        "sourceAddressPrefix": "*", "destinationAddressPrefix": "*",
    });
    for (member, value) in members.as_object().expect("members") {
        properties[member] = value.clone();
    }
    let url = format!(
        "https://management.azure.com/subscriptions/{}/resourceGroups/{GROUP}/providers/Microsoft.Network/\
         networkSecurityGroups/{VM}NSG/securityRules/{name}?api-version=2024-05-01",
        azure.var("AZURE_SUBSCRIPTION_ID")
    );
    let bearer = format!("Bearer {token}");
    let body = json!({"properties": properties}).to_string();
    let answer = client.send("PUT", &url, &[("authorization", &bearer)], Some(body));
    assert!(answer.status < 300, "{}", answer.text);
}

#[test]
fn the_security_rules_decide_who_gets_in() {
    let azure = azure();
    let machine = Machine::create(&azure, VM, "--nsg-rule NONE");
    let denied = |rule: &str| {
        let said = output(machine.ssh(&[], "true"));
        assert_eq!(said.status.code(), Some(255));
        let reason = format!(
            "the security rule '{rule}' of network security group '{VM}NSG' denies TCP port 22"
        );
        assert!(told(&said).contains(&reason), "{}", told(&said));
        let log = azure.log();
        let line = log.iter().rfind(|exchange| exchange["method"] == "CONNECT");
        let line = line.expect("a connection");
        assert_eq!(line["status"], 403);
        assert_eq!(
            line["responseBody"]["error"]["code"],
            "DeniedByNetworkSecurityGroup"
        );
        let message = line["responseBody"]["error"]["message"]
            .as_str()
            .unwrap_or_default();
        assert!(message.contains(&reason), "{message}");
    };
    denied("DenyAllInBound");
    put_rule(
        &azure,
        "elsewhere",
        300,
        json!({"sourceAddressPrefix": "203.0.113.0/24"}),
    );
    denied("DenyAllInBound");
    put_rule(&azure, "web", 301, json!({"destinationPortRange": "80"}));
    denied("DenyAllInBound");
    put_rule(
        &azure,
        "desk",
        302,
        json!({"sourceAddressPrefix": "198.18.0.1/32"}),
    );
    assert_eq!(machine.says("echo in"), "in");
    put_rule(&azure, "nobody", 200, json!({"access": "Deny"}));
    denied("nobody");
}

#[test]
fn an_address_without_a_machine_and_a_port_without_a_server_say_so() {
    let azure = azure();
    let machine = Machine::create(&azure, VM, "");
    put_rule(&azure, "any", 100, json!({"destinationPortRange": "*"}));
    let mut nobody = machine.client("ssh");
    nobody.args(["-o", "BatchMode=yes", &format!("{USER}@198.19.7.7"), "true"]);
    let said = told(&output(nobody));
    assert!(
        said.contains("198.19.7.7: no public IP address of this local Azure"),
        "{said}"
    );
    let said = told(&output(machine.ssh(&["-p", "80"], "true")));
    assert!(said.contains("nothing listens on port 80"), "{said}");
}

#[test]
fn a_machine_that_goes_down_takes_its_sessions_along() {
    if end_to_end::machines_are_apart() {
        return;
    }
    let azure = azure();
    let machine = Machine::create(&azure, VM, "");
    machine.says("echo kept > file");
    let home = machine.says("pwd");
    let background = machine.says("nohup setsid sleep 1000 >/dev/null 2>&1 & echo $!");
    let sleep = machine.ssh(&[], "echo $$; exec sleep 1000");
    let (mut ssh, pid, _) = running(sleep);
    assert!(alive(&pid) && alive(&background));
    azure
        .run(&format!("az-provision vm deallocate -n {VM}"))
        .assert()
        .success();
    assert_eq!(ssh.wait().expect("an end").code(), Some(255));
    assert!(!alive(&pid), "the session's program is still there");
    assert!(
        !alive(&background),
        "what it left in the background is still there"
    );
    let said = told(&output(machine.ssh(&[], "true")));
    assert!(
        said.contains(&format!("'{VM}' is not running (deallocated)")),
        "{said}"
    );

    azure
        .run(&format!("az-provision vm start -n {VM}"))
        .assert()
        .success();
    assert_eq!(machine.says("cat file"), "kept");
    azure
        .run(&format!("az-provision vm delete -g {GROUP} -n {VM} --yes"))
        .assert()
        .success();
    let said = output(machine.ssh(&[], "true"));
    assert_eq!(said.status.code(), Some(255));
    assert!(
        told(&said).contains("belongs to no virtual machine"),
        "{}",
        told(&said)
    );
    assert!(!Path::new(&home).exists(), "its home folder is still there");
}

#[test]
fn every_exit_status_is_passed_on() {
    let azure = azure();
    let machine = Machine::create(&azure, VM, "");
    let next = std::sync::atomic::AtomicI32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let status = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if status > 255 {
                        return;
                    }
                    let said = output(machine.ssh(&[], &format!("exit {status}")));
                    assert_eq!(said.status.code(), Some(status), "{}", told(&said));
                }
            });
        }
    });
}

#[test]
fn a_death_by_signal_is_passed_on() {
    let azure = azure();
    let machine = Machine::create(&azure, VM, "");
    for signal in ["TERM", "KILL", "SEGV", "USR2"] {
        let said = output(machine.ssh(&["-v"], &format!("kill -{signal} $$")));
        assert_eq!(said.status.code(), Some(255), "{signal}");
        // What OpenSSH's client makes of it is 255; that it was told is in its own words.
        assert!(told(&said).contains("rtype exit-signal"), "{}", told(&said));
    }
}

#[test]
fn a_client_that_is_killed_leaves_nothing_behind() {
    if end_to_end::machines_are_apart() {
        return;
    }
    let azure = azure();
    let machine = Machine::create(&azure, VM, "");
    for options in [&[][..], &["-tt"][..]] {
        let sleep = machine.ssh(options, "sleep 1000 & echo $$ $!; trap '' HUP; sleep 1001");
        let (mut ssh, pids, _) = running(sleep);
        let (shell, child) = pids.split_once(' ').expect("two");
        assert!(alive(shell) && alive(child), "{pids}");
        ssh.kill().expect("a kill");
        ssh.wait().expect("an end");
        eventually("the end of both", || !alive(shell) && !alive(child));
    }
}

#[test]
fn fifty_sessions_at_once() {
    let azure = azure();
    let machine = Machine::create(&azure, VM, "");
    let mut sessions: Vec<Child> = (0..50)
        .map(|number| {
            let mut ssh = machine.ssh(&[], &format!("echo ready; read word; echo {number} $word"));
            ssh.stdin(Stdio::piped()).stdout(Stdio::piped());
            ssh.spawn().expect("ssh starts")
        })
        .collect();
    // All are in before the first goes on.
    let mut readers: Vec<_> = sessions
        .iter_mut()
        .map(|session| {
            let mut reader = BufReader::new(session.stdout.take().expect("a pipe"));
            let mut line = String::new();
            reader.read_line(&mut line).expect("a line");
            assert_eq!(line, "ready\n");
            reader
        })
        .collect();
    for (number, session) in sessions.iter_mut().enumerate() {
        let mut input = session.stdin.take().expect("a pipe");
        writeln!(input, "word{number}").expect("written");
    }
    for (number, (session, reader)) in sessions.iter_mut().zip(&mut readers).enumerate() {
        let mut rest = String::new();
        reader.read_to_string(&mut rest).expect("text");
        assert_eq!(rest, format!("{number} word{number}\n"));
        assert!(session.wait().expect("an end").success());
    }
}

#[test]
fn one_connection_carries_several_sessions() {
    let azure = azure();
    let machine = Machine::create(&azure, VM, "");
    let socket = azure.scratch().join("m");
    let path = format!("ControlPath={}", socket.display());
    let master = machine.ssh(
        &["-o", "ControlMaster=yes", "-o", &path],
        "echo up; sleep 1000",
    );
    let (mut master, up, _) = running(master);
    assert_eq!(up, "up");
    let clients: Vec<Child> = (0..20)
        .map(|number| {
            let mut ssh = machine.ssh(
                &["-o", &path],
                &format!("head -c 100000 /dev/zero; exit {number}"),
            );
            ssh.stdout(Stdio::piped()).stderr(Stdio::piped());
            ssh.spawn().expect("ssh starts")
        })
        .collect();
    for (number, client) in clients.into_iter().enumerate() {
        let said = client.wait_with_output().expect("an end");
        assert_eq!(
            said.status.code(),
            i32::try_from(number).ok(),
            "{}",
            told(&said)
        );
        assert_eq!(said.stdout.len(), 100_000);
    }
    master.kill().expect("a kill");
    master.wait().expect("an end");
    let connections = azure
        .log()
        .iter()
        .filter(|exchange| exchange["method"] == "CONNECT")
        .count();
    assert_eq!(connections, 1);
}

/// A file of `megabytes` that does not repeat itself.
fn large_file(path: &Path, megabytes: usize) {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut bytes = Vec::with_capacity(megabytes << 20);
    while bytes.len() < megabytes << 20 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    std::fs::write(path, bytes).expect("a file");
}

#[test]
fn a_hundred_megabytes_travel_both_ways() {
    let azure = azure();
    let machine = Machine::create(&azure, VM, "");
    let (there, back) = (azure.scratch().join("there"), azure.scratch().join("back"));
    large_file(&there, 100);
    let remote = format!("{}:large", machine.destination());
    // The protocol of today's scp, and the one before OpenSSH 9.
    for protocol in ["-s", "-O"] {
        let mut up = machine.client("scp");
        up.args(["-q", "-B", protocol]).arg(&there).arg(&remote);
        let said = output(up);
        // Before OpenSSH 8.7 there is only the one.
        if protocol == "-s" && told(&said).contains("unknown option") {
            continue;
        }
        assert!(said.status.success(), "{}", told(&said));
        let sum = machine.says("sha256sum < large");
        let mut down = machine.client("scp");
        down.args(["-q", "-B", protocol]).arg(&remote).arg(&back);
        assert!(output(down).status.success());
        let mut local = Command::new("sha256sum");
        local.stdin(std::fs::File::open(&back).expect("a file"));
        assert_eq!(sum, text(&output(local).stdout));
        let read = |path: &Path| std::fs::read(path).expect("a file");
        assert!(read(&there) == read(&back), "the file changed on its way");
        std::fs::remove_file(&back).expect("removed");
    }
}

#[test]
fn what_a_program_does_not_read_holds_up_nobody() {
    let azure = azure();
    let machine = Machine::create(&azure, VM, "");
    let socket = azure.scratch().join("m");
    let path = format!("ControlPath={}", socket.display());
    // Far more than anybody keeps for a program that does not read.
    let mut deaf = machine.ssh(
        &["-o", "ControlMaster=yes", "-o", &path],
        "echo up; exec sleep 1000",
    );
    let large = azure.scratch().join("large");
    large_file(&large, 64);
    deaf.stdin(std::fs::File::open(&large).expect("a file"));
    let (mut deaf, up, _) = running(deaf);
    assert_eq!(up, "up");
    for _ in 0..3 {
        let said = output(machine.ssh(&["-o", &path], "echo answered"));
        assert_eq!(text(&said.stdout), "answered", "{}", told(&said));
    }
    deaf.kill().expect("a kill");
    deaf.wait().expect("an end");
    // And both ways at once, more than any buffer holds.
    let mut echo = machine.ssh(&[], "cat");
    echo.stdin(std::fs::File::open(&large).expect("a file"));
    assert_eq!(output(echo).stdout.len(), 64 << 20);
}

#[test]
fn files_are_managed_by_sftp() {
    let azure = azure();
    let machine = Machine::create(&azure, VM, "");
    let local = azure.scratch().join("local");
    std::fs::write(&local, "first\n").expect("a file");
    std::fs::set_permissions(&local, std::fs::Permissions::from_mode(0o640)).expect("a mode");
    let batch = azure.scratch().join("batch");
    std::fs::write(
        &batch,
        "mkdir folder\nput -p local folder/one\nput local folder/two\nrename folder/two folder/three\n\
         ln -s one folder/link\nln folder/one folder/hard\nchmod 600 folder/three\n\
         ls -l folder\nget folder/link back\nrm folder/hard\n-get folder/hard\n-rmdir folder\npwd\n",
    )
    .expect("a batch");
    let mut sftp = machine.client("sftp");
    sftp.arg("-b").arg(&batch).arg(machine.destination());
    let said = output(sftp);
    assert!(said.status.success(), "{}", told(&said));
    let listed = text(&said.stdout);
    for seen in ["-rw-r-----", "-rw-------", "hard", "link", "one", "three"] {
        assert!(listed.contains(seen), "{seen}: {listed}");
    }
    assert!(
        listed.contains(&format!(
            "Remote working directory: {}",
            machine.says("pwd")
        )),
        "{listed}"
    );
    assert_eq!(
        std::fs::read_to_string(azure.scratch().join("back")).expect("it came back"),
        "first\n"
    );
    assert_eq!(
        machine.says("ls folder; readlink folder/link; stat -c %a folder/one"),
        "link\none\nthree\none\n640"
    );
    // `~` as scp's users write it, and whole folders.
    let mut scp = machine.client("scp");
    scp.args(["-q", "-B", "-r"])
        .arg(format!("{}:~/folder", machine.destination()))
        .arg(azure.scratch().join("copy"));
    let said = output(scp);
    assert!(said.status.success(), "{}", told(&said));
    assert!(azure.scratch().join("copy/three").exists());
}

#[test]
fn variables_of_the_client_are_taken_but_not_those_of_the_machine() {
    if end_to_end::machines_are_apart() {
        return;
    }
    let azure = azure();
    let machine = Machine::create(&azure, VM, "");
    let send = |name: &str, value: &str| format!("SetEnv={name}={value}");
    let print = |name: &str, value: &str| {
        let said = output(machine.ssh(&["-o", &send(name, value)], &format!("printenv {name}")));
        text(&said.stdout)
    };
    assert_eq!(print("KEY_VAULT_NAME", VAULT), VAULT);
    assert_eq!(print("LANG", "de_DE.UTF-8"), "de_DE.UTF-8");
    assert_eq!(print("LD_PRELOAD", "/nowhere.so"), "");
    assert_ne!(
        print("HTTPS_PROXY", "http://127.0.0.1:1"),
        "http://127.0.0.1:1"
    );
    assert_ne!(print("AZURE_CONFIG_DIR", "/elsewhere"), "/elsewhere");
}

#[test]
fn nothing_is_forwarded() {
    let azure = azure();
    let machine = Machine::create(&azure, VM, "");
    let port = azure
        .var("HTTPS_PROXY")
        .rsplit(':')
        .next()
        .expect("a port")
        .to_owned();
    let mut direct = machine.client("ssh");
    direct.args([
        "-o",
        "BatchMode=yes",
        "-W",
        &format!("127.0.0.1:{port}"),
        &machine.destination(),
    ]);
    let said = output(
        direct
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .take(),
    );
    assert_eq!(said.status.code(), Some(255));
    assert!(
        told(&said).contains("administratively prohibited"),
        "{}",
        told(&said)
    );
    let back = ["-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:9"];
    let said = output(machine.ssh(&back, "true"));
    assert_eq!(said.status.code(), Some(255));
    assert!(
        told(&said).contains("remote port forwarding failed"),
        "{}",
        told(&said)
    );
    assert_eq!(
        machine.says("echo \"agent:$SSH_AUTH_SOCK display:$DISPLAY\""),
        "agent: display:"
    );
}

/// So that `output` can be given what a builder's methods lend.
trait Take {
    fn take(&mut self) -> Command;
}

impl Take for Command {
    fn take(&mut self) -> Command {
        std::mem::replace(self, Command::new("true"))
    }
}

#[test]
fn host_keys_are_a_machines_own_and_stay() {
    let mut azure = azure();
    let fingerprint = |machine: &Machine<'_>| {
        let said = output(machine.ssh(&["-v"], "true"));
        assert!(said.status.success(), "{}", told(&said));
        let told = told(&said);
        let line = told
            .lines()
            .find(|line| line.contains("Server host certificate:"));
        let line = line.unwrap_or_else(|| panic!("{told}"));
        let word = line
            .split_whitespace()
            .find(|word| word.starts_with("SHA256:"));
        word.expect("a fingerprint").to_owned()
    };
    let (first, key) = {
        let machine = Machine::create(&azure, VM, "");
        let other = Machine::create(&azure, "other", "");
        assert_ne!(fingerprint(&machine), fingerprint(&other));
        machine.says("echo kept > file");
        (fingerprint(&machine), machine.key.clone())
    };
    azure.local().arg("stop").assert().success();
    let left = azure
        .data_dir()
        .join("machines/11111111-1111-1111-1111-111111111111");
    std::fs::create_dir_all(left.join("home")).expect("a folder");
    azure.launch(&[]);
    assert!(!left.exists(), "a machine that is not there has a home");
    let machine = Machine::there(&azure, VM, key);
    assert_eq!(fingerprint(&machine), first);
    assert_eq!(machine.says("cat file"), "kept");
    // A host that another authority vouches for is not believed.
    let known = azure.data_dir().join("ssh/known_hosts");
    let strange = key_pair(azure.scratch(), "strange").with_extension("pub");
    let strange = std::fs::read_to_string(strange).expect("a key");
    std::fs::write(
        &known,
        format!("@cert-authority 198.18.*,198.19.* {strange}"),
    )
    .expect("written");
    let said = output(machine.ssh(&[], "true"));
    assert_eq!(said.status.code(), Some(255));
    assert!(
        told(&said).contains("Host key verification failed"),
        "{}",
        told(&said)
    );
}

#[test]
fn the_configuration_is_printed_and_works_without_the_environment() {
    let azure = azure();
    let machine = Machine::create(&azure, VM, "");
    let mut asked = azure.local();
    let printed = asked.arg("ssh-config").assert().success();
    let own = azure.scratch().join("config");
    std::fs::write(&own, &printed.get_output().stdout).expect("a file");
    let mut ssh = Command::new("ssh");
    ssh.env_clear()
        .env("PATH", azure.var("PATH"))
        .arg("-F")
        .arg(&own);
    ssh.args(["-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-i"])
        .arg(&machine.key);
    ssh.arg(machine.destination())
        .arg("echo in")
        .stdin(Stdio::null());
    assert_eq!(text(&output(ssh).stdout), "in");
    azure.local().arg("stop").assert().success();
    let said = told(&output(machine.ssh(&[], "true")));
    assert!(said.contains("no az-local runs on"), "{said}");
}

#[test]
fn machines_have_identities_of_their_own() {
    if end_to_end::machines_are_apart() {
        return;
    }
    let azure = azure().with_vault();
    let (one, other) = (
        Machine::create(&azure, VM, ""),
        Machine::create(&azure, "other", ""),
    );
    let system = azure.text(
        &format!("az-identity vm assign -g {GROUP} -n {VM}"),
        "systemAssignedIdentity",
    );
    azure
        .run(&format!("az-identity create -g {GROUP} -n {IDENTITY}"))
        .assert()
        .success();
    azure
        .run(&format!(
            "az-identity vm assign -g {GROUP} -n other --identities {IDENTITY}"
        ))
        .assert()
        .success();
    let user = azure.text(
        &format!("az-identity show -g {GROUP} -n {IDENTITY}"),
        "[principalId, clientId]",
    );
    let (principal, client) = user.split_once(['\t', '\n']).expect("two ids");
    azure.grant(&system, OFFICER);
    azure.grant(principal, OFFICER);
    let set = |machine: &Machine<'_>, variables: &str, name: &str| {
        output(machine.ssh(
            &[],
            &format!(
                "printf %s value | {variables} KEY_VAULT_NAME={VAULT} kv-set {name} --wait-for-access 1m --show-value -o text"
            ),
        ))
    };
    let said = set(&one, "", "one");
    assert!(
        text(&said.stdout).ends_with("Value: value"),
        "{}",
        told(&said)
    );
    let said = set(&other, "", "other");
    assert!(
        text(&said.stdout).ends_with("Value: value"),
        "{}",
        told(&said)
    );
    // Each as the other's: there is no such identity on this machine.
    let said = set(&one, &format!("AZURE_CLIENT_ID={client}"), "stolen");
    assert_eq!(said.status.code(), Some(4), "{}", told(&said));
    azure
        .run(&format!("az-identity vm remove -g {GROUP} -n {VM}"))
        .assert()
        .success();
    let said = set(&one, "", "stolen");
    assert_eq!(said.status.code(), Some(4), "{}", told(&said));
    let written: Vec<String> = azure
        .log()
        .iter()
        .filter(|exchange| exchange["method"] == "PUT" && exchange["status"] == 200)
        .filter_map(|exchange| {
            let name = exchange["url"]
                .as_str()?
                .split("/secrets/")
                .nth(1)?
                .split('?')
                .next()?
                .to_owned();
            let oid = exchange["caller"]["oid"].as_str()?;
            Some(format!("{name} {oid}"))
        })
        .collect();
    assert_eq!(
        written,
        [format!("one {system}"), format!("other {principal}")]
    );
}

#[test]
fn one_machine_reaches_another_as_itself() {
    if end_to_end::machines_are_apart() {
        return;
    }
    let azure = azure();
    let (one, other) = (
        Machine::create(&azure, VM, ""),
        Machine::create(&azure, "other", ""),
    );
    let line = format!(
        "ssh -F $AZ_SSH_CONFIG -o BatchMode=yes -o IdentitiesOnly=yes -i {} {} 'echo $AZURE_CONFIG_DIR'",
        other.key.display(),
        other.destination()
    );
    let there = one.says(&line);
    assert_eq!(there, other.says("echo $AZURE_CONFIG_DIR"));
    assert_ne!(there, one.says("echo $AZURE_CONFIG_DIR"));
    let callers: Vec<Value> = azure
        .log()
        .iter()
        .filter(|exchange| exchange["url"] == json!(format!("{}:22", other.address)))
        .map(|exchange| exchange["caller"]["machine"].clone())
        .collect();
    assert!(
        callers[0]
            .as_str()
            .is_some_and(|caller| caller.ends_with(VM)),
        "{callers:?}"
    );
    assert!(callers[1].is_null(), "{callers:?}");
}

/// Every TCP and UDP socket of a process that waits for others, as `/proc` writes addresses.
#[cfg(target_os = "linux")]
fn listening(pid: u64) -> Vec<String> {
    let own: Vec<String> = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("the process's files")
        .filter_map(|entry| {
            let target = std::fs::read_link(entry.ok()?.path()).ok()?;
            let inode = target
                .to_str()?
                .strip_prefix("socket:[")?
                .strip_suffix(']')?;
            Some(inode.to_owned())
        })
        .collect();
    let mut found = Vec::new();
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        let Ok(table) = std::fs::read_to_string(format!("/proc/{pid}/net/{table}")) else {
            continue;
        };
        for line in table.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            // 0A is LISTEN, 07 is what a UDP socket that waits has.
            if matches!(fields[3], "0A" | "07") && own.iter().any(|inode| inode == fields[9]) {
                found.push(fields[1].to_owned());
            }
        }
    }
    found
}

#[test]
#[cfg(target_os = "linux")]
fn only_the_proxy_listens_and_only_on_loopback() {
    let azure = azure();
    let machine = Machine::create(&azure, VM, "");
    let (mut ssh, _, _) = running(machine.ssh(&["-tt"], "echo up; exec sleep 1000"));
    let pid = azure.status()["pid"].as_u64().expect("a process");
    let port: u16 = azure
        .var("HTTPS_PROXY")
        .rsplit(':')
        .next()
        .expect("a port")
        .parse()
        .expect("a number");
    // 127.0.0.1, as this computer's bytes stand in memory.
    let loopback = format!("{:08X}:{port:04X}", u32::from_ne_bytes([127, 0, 0, 1]));
    assert_eq!(listening(pid), [loopback]);
    ssh.kill().expect("a kill");
    ssh.wait().expect("an end");
}

/// `ssh -t` on a terminal of the test's own.
fn terminal(machine: &Machine<'_>, size: (u16, u16), line: Option<&str>) -> Terminal {
    let mut ssh = machine.client("ssh");
    ssh.env("TERM", "vt100");
    ssh.arg("-t").arg(machine.destination()).args(line);
    Terminal::open(&ssh, size)
}

#[test]
fn a_terminal_has_the_clients_size_and_name() {
    let azure = azure();
    let machine = Machine::create(&azure, VM, "");
    let line = "stty size; echo $TERM; tty; exit 9";
    let mut terminal = terminal(&machine, (37, 101), Some(line));
    terminal.expect("37 101\r\n");
    terminal.expect("vt100\r\n");
    terminal.expect("/dev/");
    assert_eq!(terminal.end().0, Some(9));
}

#[test]
fn a_shell_is_resized_interrupted_and_left() {
    let azure = azure();
    let machine = Machine::create(&azure, VM, "");
    let mut terminal = terminal(&machine, (24, 80), None);
    terminal.type_in("stty size; echo \"0=$0 login\"\r");
    terminal.expect("24 80\r\n");
    terminal.expect("0=-");
    terminal.resize(50, 132);
    // ssh tells the machine as soon as it has noticed.
    terminal.type_in("until [ \"$(stty size)\" = '50 132' ]; do :; done; echo resized'!'\r");
    terminal.expect("resized!");
    // What says so is what is interrupted.
    terminal.type_in("bash -c \"echo sleep''ing; exec sleep 1000\"\r");
    terminal.expect("sleeping\r\n");
    terminal.type_in("\x03");
    terminal.type_in("echo after-$?\r");
    terminal.expect("after-130");
    terminal.type_in("sleep 1000 &\r");
    terminal.type_in("kill %1; exit 5\r");
    assert_eq!(terminal.end().0, Some(5));
}

/// An SSH client's first packets (RFC 4253), and what becomes of a server that gets them broken.
mod garbage {
    use super::*;
    use std::net::TcpStream;

    /// A generator of numbers that is the same in every run (xorshift).
    pub(super) struct Numbers(pub(super) u64);

    impl Numbers {
        pub(super) fn next(&mut self) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0
        }

        pub(super) fn below(&mut self, limit: usize) -> usize {
            (self.next() % limit as u64) as usize
        }

        fn bytes(&mut self, length: usize) -> Vec<u8> {
            (0..length).map(|_| self.next() as u8).collect()
        }
    }

    fn string(out: &mut Vec<u8>, text: &[u8]) {
        out.extend((text.len() as u32).to_be_bytes());
        out.extend(text);
    }

    fn packet(payload: &[u8]) -> Vec<u8> {
        let padding = 16 - (payload.len() + 5) % 8;
        let mut out = ((payload.len() + padding + 1) as u32)
            .to_be_bytes()
            .to_vec();
        out.push(padding as u8);
        out.extend(payload);
        out.extend(vec![0; padding]);
        out
    }

    /// What a client sends before anything is secret: its version, its algorithms, its key.
    pub(super) fn opening(numbers: &mut Numbers) -> Vec<u8> {
        let mut init = vec![20];
        init.extend(numbers.bytes(16));
        for list in [
            "curve25519-sha256",
            "ssh-ed25519,ssh-ed25519-cert-v01@openssh.com",
            "aes256-ctr",
            "aes256-ctr",
            "hmac-sha2-256",
            "hmac-sha2-256",
            "none",
            "none",
            "",
            "",
        ] {
            string(&mut init, list.as_bytes());
        }
        init.extend([0; 5]);
        let mut exchange = vec![30];
        string(&mut exchange, &numbers.bytes(32));
        let mut out = b"SSH-2.0-OpenSSH_9.9\r\n".to_vec();
        out.extend(packet(&init));
        out.extend(packet(&exchange));
        // NEWKEYS, and a request for a shell as if all had been agreed.
        out.extend(packet(&[21]));
        let mut service = vec![5];
        string(&mut service, b"ssh-userauth");
        out.extend(packet(&service));
        out
    }

    /// The same with some of it broken.
    pub(super) fn broken(numbers: &mut Numbers) -> Vec<u8> {
        let mut bytes = opening(numbers);
        match numbers.below(6) {
            0 => {
                let length = numbers.below(4096);
                return numbers.bytes(length);
            }
            1 => bytes.truncate(numbers.below(bytes.len())),
            2 => {
                let at = 21 + numbers.below(4);
                bytes[at] = 0xff;
            }
            3 => {
                let mut long = b"SSH-2.0-".to_vec();
                long.extend(vec![b'x'; numbers.below(100_000)]);
                return long;
            }
            _ => {
                for _ in 0..=numbers.below(8) {
                    let at = numbers.below(bytes.len());
                    bytes[at] = numbers.next() as u8;
                }
            }
        }
        bytes
    }

    /// A connection to the machine's port, through the proxy.
    pub(super) fn connect(azure: &Azure, address: &str) -> TcpStream {
        let proxy = azure.var("HTTPS_PROXY");
        let (credentials, place) = proxy
            .trim_start_matches("http://")
            .split_once('@')
            .expect("a user");
        let mut stream = TcpStream::connect(place).expect("the proxy");
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("a limit");
        let encoded = STANDARD.encode(credentials);
        write!(stream, "CONNECT {address}:22 HTTP/1.1\r\nHost: {address}\r\nProxy-Authorization: Basic {encoded}\r\n\r\n")
            .expect("written");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("an answer");
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"HTTP/1.1 200"), "{}", text(&head));
        stream
    }
}

/// Two seconds, or as many as `AZ_FUZZ_SECONDS` says.
#[test]
fn who_speaks_no_ssh_is_dropped_without_harm() {
    let azure = azure();
    let machine = Machine::create(&azure, VM, "");
    let seconds = std::env::var("AZ_FUZZ_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok());
    let deadline = Instant::now() + Duration::from_secs(seconds.unwrap_or(2));
    let mut numbers = garbage::Numbers(0x9e37_79b9_7f4a_7c15);
    let mut rounds = 0;
    while Instant::now() < deadline || rounds == 0 {
        let mut stream = garbage::connect(&azure, &machine.address);
        // Who is refused in the middle is refused.
        let _ = stream.write_all(&garbage::broken(&mut numbers));
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        if let Err(error) = stream.read_to_end(&mut answer) {
            assert!(
                error.kind() != std::io::ErrorKind::WouldBlock,
                "round {rounds}: the connection stays open"
            );
        }
        rounds += 1;
    }
    eprintln!("{rounds} broken openings");
    // Nothing ran, nobody stayed, and others are served as before.
    assert_eq!(machine.says("ls; echo in"), "in");
    let pid = azure.status()["pid"].as_u64().expect("a process");
    eventually("that only the proxy's own sockets are left", || {
        let sockets = std::fs::read_dir(format!("/proc/{pid}/fd"))
            .expect("its files")
            .filter(|entry| {
                let target = entry
                    .as_ref()
                    .ok()
                    .and_then(|entry| std::fs::read_link(entry.path()).ok());
                target.is_some_and(|target| target.to_string_lossy().starts_with("socket:"))
            });
        sockets.count() < 8
    });
}
