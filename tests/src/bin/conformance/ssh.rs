//! What travels to a machine by SSH and runs there: the tutorial's Go program, and our static programs.

use crate::clients::Missing;
use crate::go::{assert_printed, machine_with_access};
use crate::suite::{Case, World};
use crate::tutorial::{Identity, Tutorial};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use end_to_end::ssh::{Machine, told};
use end_to_end::{Azure, VAULT, VM};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("ssh/go-program-system-assigned", |world| {
            go_program(world, Identity::System)
        }),
        Case::new("ssh/go-program-user-assigned", |world| {
            go_program(world, Identity::User)
        }),
        Case::new("ssh/static-programs-in-an-empty-root", static_programs),
    ]
}

/// Variables by which Go finds modules and its cache on the computer that the machine is. A machine that Go was
/// installed on has its own.
const GO: [&str; 8] = [
    "GOPROXY",
    "GOFLAGS",
    "GOSUMDB",
    "GONOSUMDB",
    "GONOSUMCHECK",
    "GOMODCACHE",
    "GOCACHE",
    "GOTOOLCHAIN",
];

/// The tutorial's commands, typed over SSH one after another.
fn go_program(world: &World, identity: Identity) -> Result<(), Missing> {
    let program = Tutorial::read()?.go_program();
    let settings = Command::new("go").arg("env").args(GO).output();
    let settings = settings.map_err(|error| Missing(format!("go cannot be run: {error}")))?;
    let settings = String::from_utf8_lossy(&settings.stdout).into_owned();
    let azure = world.azure().with_group().with_vault();
    let machine = Machine::create(&azure, VM, "");
    machine_with_access(&azure, identity);
    let file = azure.scratch().join("main.go");
    std::fs::write(&file, program).expect("a file");
    let mut scp = machine.client("scp");
    scp.args(["-q", "-B"])
        .arg(&file)
        .arg(format!("{}:", machine.destination()));
    let copied = scp.output().expect("scp runs");
    assert!(copied.status.success(), "{}", told(&copied));
    let forwarded: Vec<String> = GO
        .iter()
        .zip(settings.lines())
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let variables = format!("SetEnv={}", forwarded.join(" "));
    let mut said = String::new();
    for line in [
        "mkdir ~/go-on-azure".to_owned(),
        "mv main.go ~/go-on-azure".to_owned(),
        "cd ~/go-on-azure && go mod init go-on-azure".to_owned(),
        "cd ~/go-on-azure && go get github.com/Azure/azure-sdk-for-go/sdk/azidentity".to_owned(),
        "cd ~/go-on-azure && go get github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets".to_owned(),
        format!("cd ~/go-on-azure && export KEY_VAULT_NAME={VAULT} && go run main.go"),
    ] {
        let output = machine.ssh(&["-o", &variables], &line).output().expect("ssh runs");
        assert!(output.status.success(), "{line}: {}", told(&output));
        said = String::from_utf8_lossy(&output.stdout).into_owned();
    }
    assert_printed(&said, "createdWithGO");
    let asked = azure.log().into_iter().any(|exchange| {
        exchange["url"]
            .as_str()
            .is_some_and(|url| url.starts_with("http://169.254.169.254/metadata/identity/"))
            && exchange["caller"]["machine"]
                .as_str()
                .is_some_and(|machine| machine.ends_with(VM))
    });
    assert!(asked, "no token was asked for by the machine");
    Ok(())
}

/// The word by which this program is started again, in a network of its own.
pub(crate) const INSIDE: &str = "--in-an-empty-network";

/// Builds the static programs, and runs them where nothing helps: a root folder with nothing but them, a network
/// with nothing but this test.
fn static_programs(_: &World) -> Result<(), Missing> {
    if !cfg!(target_os = "linux") {
        return Err(Missing("static programs are for Linux".to_owned()));
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/build-static.sh");
    let built = Command::new(script).output().expect("the script runs");
    if !built.status.success() {
        return Err(Missing(told(&built)));
    }
    let files = String::from_utf8_lossy(&built.stdout).into_owned();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let program = folder.join(files.lines().next().expect("a file"));
    let programs = program.parent().expect("a folder");
    let mut network = Command::new("unshare");
    // Root needs no user namespace, which some computers forbid.
    if !is_root() {
        network.arg("--map-root-user");
    }
    network.args(["--net", "--"]);
    let own = std::env::current_exe().expect("this program");
    let output = network
        .arg(own)
        .arg(INSIDE)
        .arg(programs)
        .stdin(Stdio::null())
        .output();
    let output = output.map_err(|error| Missing(format!("unshare: {error}")))?;
    let problem = told(&output);
    if problem.starts_with("unshare:") {
        return Err(Missing(problem));
    }
    assert!(output.status.success(), "{problem}");
    Ok(())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id runs");
    id.stdout == b"0\n"
}

fn must(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        told(&output)
    );
}

/// The test itself, in the network of its own.
pub(crate) fn inside(programs: &Path) {
    must("ip", &["link", "set", "lo", "up"]);
    must("ip", &["address", "add", "169.254.169.254/32", "dev", "lo"]);
    let azure = Azure::apart().with_group().with_vm().with_vault();
    machine_with_access(&azure, Identity::System);
    let proxy = azure
        .on_machine(VM, "printenv HTTPS_PROXY")
        .assert()
        .success();
    let proxy = Proxy::of(&String::from_utf8_lossy(&proxy.get_output().stdout));
    let vault = format!("{VAULT}.vault.azure.net");
    let asked = serve_names(&vault);
    serve_vault(&proxy, &vault);
    serve_metadata(&proxy);

    let root = azure.scratch().join("root");
    std::fs::create_dir(&root).expect("a folder");
    for tool in ["kv-set", "kv-get"] {
        std::fs::copy(programs.join(tool), root.join(tool)).expect("a copy");
    }
    std::fs::copy(azure.data_dir().join("ca.pem"), root.join("ca.pem")).expect("a copy");
    let run = |line: &[&str], input: &str| {
        let mut command = Command::new("chroot");
        command.arg(&root).args(line).env_clear();
        command
            .env("KEY_VAULT_NAME", VAULT)
            .env("SSL_CERT_FILE", "/ca.pem");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // chroot itself is found by its path, since the command's environment has none.
        let mut child = command
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .spawn()
            .expect("chroot runs");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(input.as_bytes()).expect("written");
        drop(stdin);
        let output = child.wait_with_output().expect("an end");
        assert!(output.status.success(), "{line:?}: {}", told(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let said = run(
        &["/kv-set", "quickstart-secret", "--show-value", "-o", "text"],
        "createdWithRust",
    );
    assert_printed(&said, "createdWithRust");
    let there = run(
        &[
            "/kv-get",
            "quickstart-secret",
            "--query",
            "value",
            "-o",
            "tsv",
        ],
        "",
    );
    assert_eq!(there, "createdWithRust\n");
    let asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(
        asked.contains(&vault),
        "the name was not asked for: {asked:?}"
    );
}

/// The local Azure's proxy, as a machine has it.
#[derive(Clone)]
struct Proxy {
    place: String,
    authorization: String,
}

impl Proxy {
    fn of(url: &str) -> Self {
        let (credentials, place) = url
            .trim()
            .trim_start_matches("http://")
            .split_once('@')
            .expect("credentials");
        Proxy {
            place: place.to_owned(),
            authorization: format!(
                "Proxy-Authorization: Basic {}\r\n",
                STANDARD.encode(credentials)
            ),
        }
    }
}

/// Answers for the vault's name, and for no other (RFC 1035). Gives the names that are asked for.
fn serve_names(vault: &str) -> Arc<Mutex<Vec<String>>> {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noting = Arc::clone(&asked);
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 53)).expect("the port of DNS");
    let vault = vault.to_owned();
    std::thread::spawn(move || {
        let mut packet = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut packet) {
            let question = &packet[12..length];
            let mut name = Vec::new();
            let mut at = 0;
            while let Some(&size) = question.get(at).filter(|size| **size > 0) {
                name.push(
                    String::from_utf8_lossy(&question[at + 1..=at + usize::from(size)])
                        .into_owned(),
                );
                at += usize::from(size) + 1;
            }
            let name = name.join(".").to_ascii_lowercase();
            let is_address = question.get(at + 1..at + 3) == Some(&[0, 1]);
            let known = name == vault;
            noting
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(name);
            let mut answer = packet[..2].to_vec();
            // A recursive answer; NXDOMAIN for what is not known.
            answer.extend([
                0x81,
                if known { 0x80 } else { 0x83 },
                0,
                1,
                0,
                u8::from(known && is_address),
                0,
                0,
                0,
                0,
            ]);
            answer.extend(&question[..at + 5]);
            if known && is_address {
                answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
            }
            let _ = socket.send_to(&answer, from);
        }
    });
    asked
}

/// Carries each connection to the vault's port to the local Azure.
fn serve_vault(proxy: &Proxy, vault: &str) {
    let proxy = proxy.clone();
    let request = format!(
        "CONNECT {vault}:443 HTTP/1.1\r\nHost: {vault}:443\r\n{}\r\n",
        proxy.authorization
    );
    serve((Ipv4Addr::LOCALHOST, 443), move |client| {
        let mut server = TcpStream::connect(&proxy.place)?;
        server.write_all(request.as_bytes())?;
        let head = read_head(&mut server)?;
        if !head.starts_with("HTTP/1.1 200") {
            return Err(io::Error::other(head));
        }
        exchange(client, server)
    });
}

/// Carries each request to the metadata service to the local Azure, as the machine's.
fn serve_metadata(proxy: &Proxy) {
    let proxy = proxy.clone();
    serve(
        (Ipv4Addr::new(169, 254, 169, 254), 80),
        move |mut client| {
            let head = read_head(&mut client)?;
            let head = head.replacen(" /", " http://169.254.169.254/", 1);
            let head = head.trim_end();
            let mut server = TcpStream::connect(&proxy.place)?;
            write!(
                server,
                "{head}\r\n{}Connection: close\r\n\r\n",
                proxy.authorization
            )?;
            exchange(client, server)
        },
    );
}

fn serve(at: (Ipv4Addr, u16), each: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static) {
    let listener = TcpListener::bind(at).expect("a port");
    let each = Arc::new(each);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let each = Arc::clone(&each);
            // What breaks here, the program under test tells.
            std::thread::spawn(move || each(client));
        }
    });
}

fn read_head(from: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        from.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

fn exchange(mut client: TcpStream, mut server: TcpStream) -> io::Result<()> {
    let (mut back, mut to_client) = (server.try_clone()?, client.try_clone()?);
    let answers = std::thread::spawn(move || {
        let _ = io::copy(&mut back, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
    });
    let _ = io::copy(&mut client, &mut server);
    let _ = server.shutdown(Shutdown::Write);
    let _ = answers.join();
    Ok(())
}
