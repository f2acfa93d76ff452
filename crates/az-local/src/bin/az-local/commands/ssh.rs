//! What OpenSSH's client and a machine's SSH server need of the command line.

use super::shared::print;
use crate::failure::Failure;
use az_local::Client;
use az_local::Command as Ask;
use az_local::Environment;
use az_local::{client_config, sftp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use rustix::fd::AsFd;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde_json::Value;
use std::io::{self, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use url::Url;

/// `az-local ssh-config`: the configuration of the instance that runs.
pub(super) fn config(client: &Client) -> Result<ExitCode, Failure> {
    let path = client_config::path(client.folder());
    let text = std::fs::read_to_string(&path).map_err(|source| Failure::File { path, source })?;
    print(&text)
}

/// Connects to a machine's address and hands the connection to the `ssh` that asked for it (its `ProxyUseFdpass`).
///
/// `proxy` is the environment's: a program on a machine connects as that machine, anything else as the desk.
pub(super) fn proxy(
    client: &Client,
    proxy: Option<&str>,
    host: &str,
    port: u16,
) -> Result<ExitCode, Failure> {
    let own = |url: &Url| url.port() == Some(client.port()) && !url.username().is_empty();
    let url = match proxy.and_then(|text| Url::parse(text).ok()).filter(own) {
        Some(url) => url,
        None => {
            let desk: Environment = client.ask(Ask::Environment { tenant: 1 })?;
            let text = desk.get("HTTPS_PROXY").unwrap_or_default().to_owned();
            Url::parse(&text).map_err(|_| Failure::NoProxy)?
        }
    };
    let stream = open(&url, host, port).map_err(|source| Failure::Connection {
        host: host.to_owned(),
        source,
    })?;
    hand_over(&stream).map_err(Failure::HandOver)?;
    Ok(ExitCode::SUCCESS)
}

/// Asks the proxy for a tunnel (RFC 9110, 9.3.6).
fn open(proxy: &Url, host: &str, port: u16) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port().unwrap_or_default()))?;
    stream.set_nodelay(true)?;
    let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let credentials = format!(
        "{}:{}",
        plain(proxy.username()),
        plain(proxy.password().unwrap_or_default())
    );
    let request = format!(
        "CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\nProxy-Authorization: Basic {}\r\n\r\n",
        STANDARD.encode(credentials)
    );
    stream.write_all(request.as_bytes())?;
    // Byte by byte: what follows the answer's head is for whoever gets the connection.
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < LONGEST_HEAD {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head);
    if head.split(' ').nth(1) == Some("200") {
        return Ok(stream);
    }
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<u64>().ok())
        .unwrap_or_default();
    let mut body = Vec::new();
    stream.take(length).read_to_end(&mut body)?;
    let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
    let reason = answer["error"]["message"].as_str().map(str::to_owned);
    Err(io::Error::other(reason.unwrap_or_else(|| {
        head.lines().next().unwrap_or_default().to_owned()
    })))
}

/// Longest head of an answer that is read (bytes).
const LONGEST_HEAD: usize = 16 * 1024;

/// Sends the connection itself through standard output, which is a socket then (`unix(7)`, SCM_RIGHTS).
fn hand_over(stream: &TcpStream) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = [stream.as_fd()];
    if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    // A message holds a byte at least.
    let message = [IoSlice::new(&[0])];
    sendmsg(io::stdout(), &message, &mut control, SendFlags::empty())?;
    Ok(())
}

/// Serves file transfers on standard input and output.
pub(super) fn serve_files(home: Option<&Path>) -> Result<ExitCode, Failure> {
    let home = home.map_or_else(|| PathBuf::from("/"), Path::to_owned);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::Spawn)?;
    runtime.block_on(sftp::serve(home));
    // A read of standard input that waits on a thread of its own is not waited for.
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}
