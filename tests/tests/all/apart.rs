//! Machines that run apart from this computer, in namespaces of their own.

use end_to_end::ssh::{Machine, text, told};
use end_to_end::{Azure, GROUP, OFFICER, VAULT, VM, binary};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// An instance whose machines run apart, with a group; none where this computer does not allow it, which is said.
fn azure() -> Option<Azure> {
    static ALLOWED: std::sync::OnceLock<Result<(), String>> = std::sync::OnceLock::new();
    let allowed = ALLOWED.get_or_init(|| {
        let azure = start();
        azure.create_vm(VM);
        let tried = azure
            .on_machine(VM, "true")
            .output()
            .expect("az-local runs");
        match tried.status.success() {
            true => Ok(()),
            false => Err(text(&tried.stderr)),
        }
    });
    if let Err(why) = allowed {
        let ci = std::env::var_os("CI").is_some_and(|ci| !ci.is_empty());
        assert!(
            !ci || !end_to_end::namespaces_are_offered(),
            "machines cannot run apart here: {why}"
        );
        eprintln!("machines cannot run apart here, so nothing was tested: {why}");
        return None;
    }
    Some(start())
}

fn start() -> Azure {
    Azure::with(&["--machines", "namespace"]).with_group()
}

fn on(azure: &Azure, vm: &str, line: &str) -> Output {
    let mut command = azure.local();
    command.args(["vm", "exec", "-g", GROUP, "-n", vm, "--", "sh", "-c", line]);
    command.output().expect("az-local runs")
}

/// What a line prints on a machine; it must succeed.
fn says(azure: &Azure, vm: &str, line: &str) -> String {
    let output = on(azure, vm, line);
    assert!(output.status.success(), "{line}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Looks again and again, for half a minute at most.
fn eventually(what: &str, mut is: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is() {
        assert!(Instant::now() < deadline, "not seen: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_machine_apart_has_its_own_users_files_processes_and_name() {
    let Some(azure) = azure() else { return };
    let machine = Machine::create(&azure, VM, "");
    let private = azure.scratch().join("private");
    std::fs::write(&private, "mine").expect("a file");
    std::fs::set_permissions(&private, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    let lines = [
        "id -un",
        "pwd",
        "hostname",
        "cat /etc/hostname",
        "cat /proc/1/comm",
        "hostname -I 2>/dev/null || echo 10.0.0.4",
        "getent hosts $(hostname) | head -n 1",
    ];
    let said = machine.says(&lines.join("; "));
    let lines: Vec<&str> = said.lines().map(str::trim).collect();
    assert_eq!(lines[..2], ["azureuser", "/home/azureuser"]);
    assert_eq!(lines[2..4], [VM, VM]);
    assert!(lines[5].contains("10.0.0.4"), "{said}");
    // As the user and as root: nothing of the computer's is there to be read, and nobody to be signalled.
    let own = std::process::id();
    for sudo in ["", "sudo "] {
        for line in [
            format!("{sudo}cat {}", private.display()),
            format!("{sudo}ls {}", azure.data_dir().display()),
            format!("{sudo}ls {}", binary("kv-set").display()),
            format!("{sudo}kill -0 {own}"),
            format!("{sudo}sh -c 'echo 1 > /proc/sys/kernel/panic'"),
            format!("{sudo}sh -c 'echo b > /proc/sysrq-trigger'"),
            format!("{sudo}mount -t proc proc /mnt"),
            format!("{sudo}mount -o remount,rw /proc/sys"),
            format!("{sudo}unshare --mount true"),
            format!(
                "{sudo}sh -c 'unshare -Urmpf --mount-proc sh -c \"echo x > /proc/sys/kernel/core_pattern\"'"
            ),
            format!("{sudo}cat /proc/1/environ /proc/1/mem"),
            format!("{sudo}ls /proc/1/root/"),
        ] {
            let output = on(&azure, VM, &line);
            assert!(!output.status.success(), "{line}: {output:?}");
        }
    }
    let processes = says(&azure, VM, "ls -d /proc/[0-9]* | wc -l");
    assert!(
        processes.parse::<u32>().expect("a number") < 12,
        "{processes}"
    );
    assert_eq!(
        std::fs::read_to_string(&private).expect("it is there"),
        "mine"
    );
}

#[test]
fn a_program_finds_the_metadata_service_and_the_vault_without_any_variable() {
    let Some(azure) = azure() else { return };
    let azure = azure.with_vault();
    let machine = Machine::create(&azure, VM, "--assign-identity");
    let show = format!("az-identity vm show -g {GROUP} -n {VM}");
    azure.grant(&azure.text(&show, "principalId"), OFFICER);
    let environment = machine.says("env");
    for word in ["PROXY", "proxy", "SSL_CERT", "CA_BUNDLE", "AZURE_"] {
        assert!(!environment.contains(word), "{environment}");
    }
    let mut copy = machine.client("scp");
    copy.arg(binary("kv-set")).arg(binary("kv-get"));
    copy.arg(format!("{}:", machine.destination()));
    assert!(copy.status().expect("scp runs").success());
    let set = format!(
        "env -i ./kv-set --vault-name {VAULT} --name apart --value written --wait-for-access 1m -o none"
    );
    machine.says(&set);
    let get = format!("env -i ./kv-get --vault-name {VAULT} --name apart -o tsv --query value");
    assert_eq!(machine.says(&get), "written");
    // By a name in a file of the machine's own, whatever the library.
    let resolver = machine.says("cat /etc/resolv.conf");
    assert!(resolver.contains("168.63.129.16"), "{resolver}");
    let log = azure.log();
    let by_machine = log.iter().filter(|exchange| {
        let url = exchange["url"].as_str().unwrap_or_default();
        url.contains("/secrets/apart") && exchange["caller"]["machine"].is_string()
    });
    assert!(
        by_machine.count() >= 2,
        "the machine's requests are logged as its own"
    );
}

#[test]
fn nothing_of_this_computers_network_is_reached() {
    let Some(azure) = azure() else { return };
    azure.create_vm(VM);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let proxy = azure.var("HTTPS_PROXY").rsplit(':').next().expect("a port");
    listener.set_nonblocking(true).expect("it does not block");
    let connect = |host: &str, port: &str| {
        let line = format!("timeout 5 bash -c 'exec 3<>/dev/tcp/{host}/{port} && head -c 1 <&3'");
        on(&azure, VM, &line)
    };
    for host in [
        "127.0.0.1",
        "localhost",
        "169.254.169.1",
        "10.99.0.1",
        "192.168.1.1",
    ] {
        for port in [port.to_string(), proxy.to_owned()] {
            let output = connect(host, &port);
            assert!(output.stdout.is_empty(), "{host}:{port}: {output:?}");
        }
    }
    assert!(listener.accept().is_err(), "somebody has come");
}

#[test]
fn a_script_runs_as_root_and_what_it_starts_lives_until_the_machine_stops() {
    let Some(azure) = azure() else { return };
    azure.create_vm(VM);
    let script = "id -u; hostname; echo kept > /var/lib/kept; (while :; do date > /tmp/beat; sleep 0.1; done) >/dev/null 2>&1 &";
    let mut run = azure.tool("az-provision");
    run.args(["vm", "run-command", "invoke", "-g", GROUP, "-n", VM]);
    run.args(["--command-id", "RunShellScript", "--scripts", script]);
    run.args(["--query", "value[0].message", "-o", "tsv"]);
    let said = text(&run.assert().success().get_output().stdout);
    assert!(said.contains(&format!("0\n{VM}")), "{said}");
    eventually("its heart beats", || {
        on(&azure, VM, "cat /tmp/beat").status.success()
    });
    azure
        .run(&format!("az-provision vm stop -g {GROUP} -n {VM}"))
        .assert()
        .success();
    assert!(
        !on(&azure, VM, "true").status.success(),
        "a stopped machine runs nothing"
    );
    azure
        .run(&format!("az-provision vm start -g {GROUP} -n {VM}"))
        .assert()
        .success();
    assert_eq!(says(&azure, VM, "cat /var/lib/kept"), "kept");
    assert!(
        !on(&azure, VM, "cat /tmp/beat").status.success(),
        "nothing goes on"
    );
}

#[test]
fn machines_of_a_network_reach_each_other_as_the_rules_let_them() {
    let Some(azure) = azure() else { return };
    azure.create_vm(VM);
    azure.create_vm("other");
    let address = says(
        &azure,
        "other",
        "awk '/32 host/ {print f} {f=$2}' /proc/net/fib_trie | grep ^10 | head -n 1",
    );
    let server = "use IO::Socket::INET; my $s = IO::Socket::INET->new(Listen => 5, LocalPort => 8080, ReuseAddr => 1) or die; \
                  while (my $c = $s->accept) { print $c $c->peerhost; close $c }";
    let serve = format!("nohup perl -e '{server}' >/dev/null 2>&1 & sleep 0");
    says(&azure, "other", &serve);
    let ask = format!("timeout 3 bash -c 'exec 3<>/dev/tcp/{address}/8080 && cat <&3'");
    let mut answer = String::new();
    eventually("an answer", || {
        answer = text(&on(&azure, VM, &ask).stdout);
        !answer.is_empty()
    });
    assert!(answer.starts_with("10.0.0."), "{answer}");
    assert_ne!(answer, address, "it comes from the other machine");
    // A rule that denies it, on the way in.
    let deny = serde_json::json!({"properties": {
        "priority": 200, "direction": "Inbound", "access": "Deny", "protocol": "Tcp",
        "sourceAddressPrefix": "VirtualNetwork", "sourcePortRange": "*",
        "destinationAddressPrefix": "*", "destinationPortRange": "8080",
    }});
    let client = end_to_end::http::Client::new(&azure);
    let token = client.token("https://management.azure.com/.default");
    let machine = azure.text(&format!("az-provision vm show -g {GROUP} -n other"), "id");
    let (scope, _) = machine.split_once("/providers/").expect("an id");
    let url = format!(
        "https://management.azure.com{scope}/providers/Microsoft.Network/networkSecurityGroups/otherNSG/securityRules/no?api-version=2024-05-01"
    );
    let put = client.send(
        "PUT",
        &url,
        &[("authorization", &format!("Bearer {token}"))],
        Some(deny.to_string()),
    );
    assert!((200..300).contains(&put.status), "{}", put.text);
    eventually("it is denied", || !on(&azure, VM, &ask).status.success());
}

#[test]
fn files_terminals_and_statuses_are_as_on_any_host() {
    let Some(azure) = azure() else { return };
    let machine = Machine::create(&azure, VM, "");
    let output = machine
        .ssh(&[], "echo out; echo err >&2; exit 7")
        .output()
        .expect("ssh");
    assert_eq!(
        (output.status.code(), text(&output.stdout).as_str()),
        (Some(7), "out")
    );
    assert!(told(&output).ends_with("err"), "{output:?}");
    let output = machine
        .ssh(&["-tt"], "tty; stty size")
        .output()
        .expect("ssh");
    assert!(text(&output.stdout).starts_with("/dev/pts/"), "{output:?}");
    let output = machine.ssh(&[], "kill -TERM $$").output().expect("ssh");
    assert_eq!(output.status.code(), Some(255), "{output:?}");
    let file = azure.scratch().join("sent");
    std::fs::write(&file, "content").expect("a file");
    let mut copy = machine.client("scp");
    copy.arg(&file)
        .arg(format!("{}:there", machine.destination()));
    assert!(copy.status().expect("scp runs").success());
    assert_eq!(
        machine.says("stat -c '%U' there; cat there"),
        "azureuser\ncontent"
    );
    let mut exec = azure.local();
    exec.args(["vm", "exec", "-g", GROUP, "-n", VM, "--env", "A=b c", "--"]);
    exec.args(["sh", "-c", "cat; echo \"$A\"; exit 3"])
        .write_stdin("in\n");
    let output = exec.assert().code(3);
    assert_eq!(text(&output.get_output().stdout), "in\nb c");
    let missing = on(&azure, VM, "exec no-such-program");
    assert!(!missing.status.success());
}

#[test]
fn sudo_is_roots_and_only_for_whom_it_is() {
    let Some(azure) = azure() else { return };
    azure.create_vm(VM);
    assert_eq!(
        says(
            &azure,
            VM,
            "sudo id -u; sudo -u daemon id -un; echo in | sudo cat"
        ),
        "0\ndaemon\nin"
    );
    let status = |line: &str| on(&azure, VM, line).status.code();
    assert_eq!(status("sudo sh -c 'exit 9'"), Some(9));
    assert_eq!(status("sudo no-such-program"), Some(1));
    assert_eq!(status("sudo -u daemon sudo id"), Some(1));
    let mut child = Command::new(binary("az-local"));
    child.env("AZ_LOCAL_DIR", azure.data_dir());
    child.args([
        "vm", "exec", "-g", GROUP, "-n", VM, "--", "sudo", "sleep", "60",
    ]);
    let mut child = child.stdin(Stdio::null()).spawn().expect("az-local runs");
    eventually("it sleeps", || {
        says(&azure, VM, "ls /proc/*/comm; cat /proc/[0-9]*/comm").contains("sleep")
    });
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .expect("kill")
            .success()
    );
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
}

#[test]
fn what_the_package_manager_installs_is_the_machines_alone() {
    let Some(azure) = azure() else { return };
    azure.create_vm(VM);
    let has_apt = std::path::Path::new("/usr/bin/apt-get").exists();
    if !has_apt || !on(&azure, VM, "sudo apt-get update -qq").status.success() {
        eprintln!("no package manager with a mirror: nothing was installed");
        return;
    }
    if std::path::Path::new("/usr/bin/hello").exists() {
        eprintln!("'hello' is installed on this computer: nothing was installed");
        return;
    }
    says(
        &azure,
        VM,
        "sudo DEBIAN_FRONTEND=noninteractive apt-get install -y -qq hello",
    );
    assert_eq!(says(&azure, VM, "hello"), "Hello, world!");
    assert!(!std::path::Path::new("/usr/bin/hello").exists());
    azure.create_vm("other");
    assert!(!on(&azure, "other", "hello").status.success());
}

#[test]
fn custom_data_is_carried_out_once_at_the_first_start() {
    let Some(azure) = azure() else { return };
    let data = azure.scratch().join("cloud-config");
    let config = "#cloud-config\n\
                  write_files:\n  - path: /etc/greeting\n    content: aGVsbG8K\n    encoding: b64\n    permissions: '0600'\n\
                  users:\n  - default\n  - name: ada\n    sudo: ALL=(ALL) NOPASSWD:ALL\n\
                  runcmd:\n  - [sh, -c, 'id -un >> /var/started; cat /etc/greeting >> /var/started']\n  - echo $HOME >> /var/started\n";
    std::fs::write(&data, config).expect("a file");
    let line = format!(
        "az-provision vm create -g {GROUP} -n {VM} --size {} --admin-username azureuser --admin-password-file - --custom-data {}",
        end_to_end::SIZE,
        data.display()
    );
    azure
        .run(&line)
        .write_stdin(end_to_end::PASSWORD)
        .assert()
        .success();
    assert_eq!(says(&azure, VM, "cloud-init status --wait"), "status: done");
    let started = says(
        &azure,
        VM,
        "cat /var/started; stat -c %a /etc/greeting; sudo -u ada sudo id -un",
    );
    assert_eq!(started, "root\nhello\n/root\n600\nroot");
    azure
        .run(&format!("az-provision vm restart -g {GROUP} -n {VM}"))
        .assert()
        .success();
    assert_eq!(
        says(&azure, VM, "cloud-init status --wait; wc -l < /var/started"),
        "status: done\n3"
    );
    // One that fails says so, and one that is none of both.
    std::fs::write(&data, "#!/bin/sh\necho failing\nexit 3\n").expect("a file");
    let line = line.replace(&format!("-n {VM}"), "-n failing");
    azure
        .run(&line)
        .write_stdin(end_to_end::PASSWORD)
        .assert()
        .success();
    let status = on(&azure, "failing", "cloud-init status --wait");
    assert_eq!(
        (status.status.code(), text(&status.stdout).as_str()),
        (Some(1), "status: error")
    );
    assert_eq!(
        says(&azure, "failing", "sudo cat /var/log/cloud-init-output.log"),
        "failing"
    );
}
