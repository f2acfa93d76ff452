//! What one SSH client takes is not taken from the others: by a client that does what OpenSSH would not.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use end_to_end::ssh::{Machine, USER};
use end_to_end::{Azure, PASSWORD, VM};
use russh::client::{Config, Handle, Handler};
use russh::keys::PublicKeyOrCertificate;
use russh::{Channel, ChannelMsg, client};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What ought to happen happens within this time.
const IN_TIME: Duration = Duration::from_secs(60);

/// Takes whatever key the machine shows: who it is is the business of other tests.
struct Trusting;

impl Handler for Trusting {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        Ok(true)
    }
}

/// A tunnel to a machine's port 22.
async fn tunnel(azure: &Azure, machine: &Machine<'_>) -> TcpStream {
    let (_, rest) = azure.var("HTTPS_PROXY").split_once("://").expect("a URL");
    let (credentials, place) = rest.rsplit_once('@').expect("credentials");
    let mut stream = TcpStream::connect(place).await.expect("the proxy");
    let ask = format!(
        "CONNECT {0}:22 HTTP/1.1\r\nHost: {0}\r\nProxy-Authorization: Basic {1}\r\n\r\n",
        machine.address,
        STANDARD.encode(credentials)
    );
    stream.write_all(ask.as_bytes()).await.expect("written");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("an answer"));
    }
    assert!(
        head.starts_with(b"HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(&head)
    );
    stream
}

/// A connection that is signed in, or why it is not.
async fn sign_in(azure: &Azure, machine: &Machine<'_>) -> Result<Handle<Trusting>, russh::Error> {
    let stream = tunnel(azure, machine).await;
    let mut handle = client::connect_stream(Arc::new(Config::default()), stream, Trusting).await?;
    let answer = handle.authenticate_password(USER, PASSWORD).await?;
    assert!(answer.success());
    Ok(handle)
}

/// What a program prints, over a connection.
async fn says(handle: &Handle<Trusting>, line: &str) -> String {
    let mut channel = handle.channel_open_session().await.expect("a channel");
    channel.exec(true, line).await.expect("sent");
    let mut said = Vec::new();
    while let Some(message) = channel.wait().await {
        if let ChannelMsg::Data { data } = message {
            said.extend_from_slice(&data);
        }
    }
    String::from_utf8(said).expect("UTF-8")
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(work)
}

/// Waits for the answer to a request.
async fn accepted(channel: &mut Channel<client::Msg>) -> bool {
    loop {
        match tokio::time::timeout(IN_TIME, channel.wait())
            .await
            .expect("in time")
        {
            Some(ChannelMsg::Success) => return true,
            Some(ChannelMsg::Failure) | None => return false,
            Some(_) => {}
        }
    }
}

/// Bytes that the server has in memory.
fn memory(azure: &Azure) -> u64 {
    let status = format!("/proc/{}/status", azure.status()["pid"]);
    let status = std::fs::read_to_string(status).expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kilobytes
        .expect("kilobytes")
        .parse::<u64>()
        .expect("a number")
        * 1024
}

#[test]
fn a_connection_has_so_many_channels_and_the_others_have_theirs() {
    let azure = Azure::with(&[]).with_group();
    let machine = Machine::with_password(&azure, VM);
    run(async {
        let greedy = sign_in(&azure, &machine).await.expect("signed in");
        let mut channels = Vec::new();
        let refused = loop {
            match greedy.channel_open_session().await {
                Ok(channel) => channels.push(channel),
                Err(error) => break error,
            }
            assert!(channels.len() <= 64, "no end of channels");
        };
        assert!(
            refused.to_string().contains("ResourceShortage"),
            "{refused}"
        );
        assert_eq!(channels.len(), 64);
        let other = sign_in(&azure, &machine).await.expect("signed in");
        assert_eq!(says(&other, "echo here").await, "here\n");
        // One that is given back can be had again.
        channels
            .pop()
            .expect("a channel")
            .close()
            .await
            .expect("sent");
        drop(channels);
        assert_eq!(says(&greedy, "echo again").await, "again\n");
    });
}

#[test]
fn a_machine_runs_so_many_programs_and_the_others_run_theirs() {
    let azure = Azure::with(&[]).with_group();
    let machine = Machine::with_password(&azure, VM);
    let neighbour = Machine::with_password(&azure, "neighbour");
    run(async {
        let mut handles = Vec::new();
        let mut channels = Vec::new();
        let mut refused = 0;
        for _ in 0..3 {
            let handle = sign_in(&azure, &machine).await.expect("signed in");
            for _ in 0..50 {
                let mut channel = handle.channel_open_session().await.expect("a channel");
                channel.exec(true, "exec sleep 1000").await.expect("sent");
                match accepted(&mut channel).await {
                    true => channels.push(channel),
                    false => refused += 1,
                }
            }
            handles.push(handle);
        }
        assert_eq!((channels.len(), refused), (128, 22));
        let other = sign_in(&azure, &neighbour).await.expect("signed in");
        assert_eq!(says(&other, "echo here").await, "here\n");
    });
}

#[test]
fn those_who_do_not_sign_in_keep_nobody_out() {
    let azure = Azure::with(&[]).with_group();
    let machine = Machine::with_password(&azure, VM);
    run(async {
        let mut silent = Vec::new();
        for _ in 0..250 {
            silent.push(tunnel(&azure, &machine).await);
        }
        let signed_in = tokio::time::timeout(IN_TIME, sign_in(&azure, &machine)).await;
        let handle = signed_in.expect("in time").expect("signed in");
        assert_eq!(says(&handle, "echo here").await, "here\n");
        // Those who were there first have gone.
        let mut first = silent.remove(0);
        let end = tokio::time::timeout(IN_TIME, first.read_to_end(&mut Vec::new())).await;
        assert!(end.is_ok(), "the first one is still there");
    });
}

#[test]
fn so_many_are_signed_in_to_a_machine_at_a_time() {
    let azure = Azure::with(&[]).with_group();
    let machine = Machine::with_password(&azure, VM);
    run(async {
        let mut handles = Vec::new();
        for _ in 0..64 {
            handles.push(sign_in(&azure, &machine).await.expect("signed in"));
        }
        let more = sign_in(&azure, &machine).await.expect("signed in");
        let ended = tokio::time::timeout(IN_TIME, more.channel_open_session()).await;
        assert!(ended.expect("in time").is_err(), "one too many");
        drop(handles.pop());
        // It is noticed when its connection ends.
        let deadline = Instant::now() + IN_TIME;
        let handle = loop {
            let handle = sign_in(&azure, &machine).await.expect("signed in");
            if handle.channel_open_session().await.is_ok() {
                break handle;
            }
            assert!(Instant::now() < deadline, "no place was given back");
        };
        assert_eq!(says(&handle, "echo here").await, "here\n");
    });
}

#[test]
fn neither_input_that_nobody_reads_nor_output_that_nobody_takes_fills_the_servers_memory() {
    let azure = Azure::with(&[]).with_group();
    let machine = Machine::with_password(&azure, VM);
    run(async {
        let handle = sign_in(&azure, &machine).await.expect("signed in");
        let before = memory(&azure);
        let mut channels = Vec::new();
        for _ in 0..30 {
            let mut channel = handle.channel_open_session().await.expect("a channel");
            channel.exec(true, "exec sleep 1000").await.expect("sent");
            assert!(accepted(&mut channel).await);
            channels.push(channel);
        }
        // As much as the server lets in.
        let block = vec![b'x'; 32 * 1024];
        for channel in &channels {
            let fill = async {
                for _ in 0..200 {
                    channel.data(block.as_slice()).await.expect("sent");
                }
            };
            // It waits for a window that does not open.
            let _ = tokio::time::timeout(Duration::from_millis(200), fill).await;
        }
        // Last, as this client reads nothing any more from then on.
        for _ in 0..30 {
            let channel = handle.channel_open_session().await.expect("a channel");
            channels.push(channel);
        }
        for channel in &channels[30..] {
            channel.exec(false, "exec yes").await.expect("sent");
        }
        let other = sign_in(&azure, &machine).await.expect("signed in");
        assert_eq!(
            says(&other, "yes | head -n 1000000 | tail -n 1").await,
            "y\n"
        );
        let grown = memory(&azure).saturating_sub(before);
        assert!(grown < 100 * 1024 * 1024, "{} MB more", grown / 1024 / 1024);
    });
}

#[test]
fn requests_without_end_are_answered_and_kept_by_nobody() {
    let azure = Azure::with(&[]).with_group();
    let machine = Machine::with_password(&azure, VM);
    run(async {
        let handle = sign_in(&azure, &machine).await.expect("signed in");
        let before = memory(&azure);
        let mut channel = handle.channel_open_session().await.expect("a channel");
        let value = "x".repeat(30_000);
        for number in 0..2_000 {
            channel
                .set_env(true, format!("V{number}"), value.as_str())
                .await
                .expect("sent");
            let taken = accepted(&mut channel).await;
            // 64 KiB together, and then none.
            assert_eq!(taken, number < 2, "{number}");
        }
        let grown = memory(&azure).saturating_sub(before);
        assert!(grown < 50 * 1024 * 1024, "{} MB more", grown / 1024 / 1024);
        assert_eq!(says(&handle, "echo here").await, "here\n");
    });
}
