//! Connections of whom nobody knows who they are: they come to an end, and keep nobody out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use end_to_end::http::Client;
use end_to_end::{Azure, binary};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Longer than anybody has to prove who it is, on a busy computer.
const IN_TIME: Duration = Duration::from_secs(60);

fn connect(azure: &Azure) -> TcpStream {
    let (_, place) = azure
        .var("HTTPS_PROXY")
        .rsplit_once('@')
        .expect("credentials");
    let stream = TcpStream::connect(place).expect("the proxy");
    stream.set_read_timeout(Some(IN_TIME)).expect("a limit");
    stream
}

fn credentials(azure: &Azure) -> String {
    let (_, rest) = azure.var("HTTPS_PROXY").split_once("://").expect("a URL");
    let (credentials, _) = rest.rsplit_once('@').expect("credentials");
    STANDARD.encode(credentials)
}

/// Waits for the end of a connection, whatever comes before it.
fn assert_closed(mut stream: TcpStream, what: &str) {
    match stream.read_to_end(&mut Vec::new()) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{what} is not closed: {error}"),
    }
}

#[test]
fn who_says_nothing_or_no_end_of_it_is_closed() {
    let azure = Azure::start();
    let silent = connect(&azure);
    let mut half = connect(&azure);
    half.write_all(b"GET http://example.org/ HTTP/1.1\r\nHost: ")
        .expect("written");
    // One that is refused may try again, but not for ever.
    let mut refused = connect(&azure);
    refused
        .write_all(b"GET http://example.org/ HTTP/1.1\r\nHost: x\r\n\r\n")
        .expect("written");
    let slow = connect(&azure);
    let mut writing = slow.try_clone().expect("a stream");
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let bytes = b"GET http://example.org/ HTTP/1.1\r\nX: "
                .iter()
                .chain(std::iter::repeat(&b'x'));
            for byte in bytes {
                if ended.load(Ordering::Relaxed) || writing.write_all(&[*byte]).is_err() {
                    return;
                }
                std::thread::park_timeout(Duration::from_millis(100));
            }
        });
        assert_closed(silent, "who says nothing");
        assert_closed(half, "half a head");
        assert_closed(refused, "who has no credentials");
        assert_closed(slow, "a slow head");
        ended.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_tunnel_in_which_tls_never_begins_is_closed() {
    let azure = Azure::start();
    let mut stream = connect(&azure);
    let ask = format!(
        "CONNECT management.azure.com:443 HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic {}\r\n\r\n",
        credentials(&azure)
    );
    stream.write_all(ask.as_bytes()).expect("written");
    let mut head = [0; 12];
    stream.read_exact(&mut head).expect("an answer");
    assert_eq!(&head, b"HTTP/1.1 200");
    assert_closed(stream, "a tunnel without TLS");
}

/// `az-local start --foreground` on an instance's folder with so many open files.
fn start_with(azure: &Azure, files: &str) -> Child {
    azure.local().arg("stop").assert().success();
    let mut server = Command::new("sh");
    server
        .args(["-c", "ulimit -n $0 && exec \"$@\"", files])
        .arg(binary("az-local"))
        .arg("--data-dir")
        .arg(azure.data_dir())
        .args(["start", "--foreground"])
        .env("HOME", azure.scratch())
        .stdout(Stdio::piped());
    let mut child = server.spawn().expect("a server");
    let mut ready = [0; 1];
    let output = child.stdout.as_mut().expect("a pipe");
    output
        .read_exact(&mut ready)
        .expect("a line when it is ready");
    child
}

#[test]
fn more_strangers_than_files_can_be_opened_keep_nobody_out() {
    let azure = Azure::with(&[]);
    let mut server = start_with(&azure, "256");
    let mut strangers: Vec<TcpStream> = Vec::new();
    let token = "https://management.azure.com/.default";
    for round in 0..4 {
        strangers.extend((0..150).map(|_| connect(&azure)));
        // A new client each time: a new connection, which waits behind all of them.
        let before = Instant::now();
        Client::new(&azure).token(token);
        let took = before.elapsed();
        assert!(took < Duration::from_secs(20), "round {round}: {took:?}");
    }
    // And one that is known stays, whoever comes.
    let known = Client::new(&azure);
    known.token(token);
    strangers.extend((0..300).map(|_| connect(&azure)));
    known.token(token);
    azure.local().arg("stop").assert().success();
    assert!(server.wait().expect("an end").success());
}

/// The time below which a share of the sorted times are.
fn share(times: &[Duration], share: f64) -> Duration {
    times[((times.len() - 1) as f64 * share) as usize]
}

/// What clients wait while so many others hold connections. Run by hand, with as many files as that needs:
/// `ulimit -n 20000; cargo test -p end-to-end --test all ten_thousand -- --ignored --nocapture`
#[test]
#[ignore = "measures; it needs more than 10,000 open files"]
fn ten_thousand_idle_and_two_hundred_slow_connections() {
    let azure = Azure::with(&[]);
    let measure = |what: &str| {
        let mut times: Vec<Duration> = (0..200)
            .map(|_| {
                let before = Instant::now();
                Client::new(&azure).token("https://management.azure.com/.default");
                before.elapsed()
            })
            .collect();
        times.sort();
        println!(
            "{what}: p50 {:.1} ms, p99 {:.1} ms",
            share(&times, 0.5).as_secs_f64() * 1e3,
            share(&times, 0.99).as_secs_f64() * 1e3
        );
        share(&times, 0.99)
    };
    measure("nobody else");
    let (ended, open) = (AtomicBool::new(false), std::sync::Barrier::new(2));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut idle: Vec<TcpStream> = (0..10_000).map(|_| connect(&azure)).collect();
            let mut slow: Vec<TcpStream> = (0..200).map(|_| connect(&azure)).collect();
            open.wait();
            // Whoever is closed comes again, so that there are always as many.
            while !ended.load(Ordering::Relaxed) {
                for stream in &mut slow {
                    if stream.write_all(b"G").is_err() {
                        *stream = connect(&azure);
                    }
                }
                for stream in &mut idle {
                    stream.set_nonblocking(true).expect("a mode");
                    let is_open = matches!(stream.peek(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock);
                    if !is_open {
                        *stream = connect(&azure);
                    }
                }
            }
        });
        open.wait();
        let p99 = measure("10,000 idle and 200 slow, each come again when closed");
        ended.store(true, Ordering::Relaxed);
        assert!(p99 < Duration::from_secs(5), "{p99:?}");
    });
}
