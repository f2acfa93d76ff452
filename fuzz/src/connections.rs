//! What the local Azure reads of connections: each is a pipe in memory, served by the code that serves a socket.

use crate::local::AZURE;
use az_local::fuzzing;
use std::{
    path::{Component, Path, PathBuf},
    sync::LazyLock,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    runtime::{Builder, Runtime},
};

/// Room for all that is sent and answered (bytes): nobody waits for the other.
const ROOM: usize = 4 << 20;

thread_local! {
    /// Its clock jumps to the next thing that is waited for, so that no pause takes time.
    static RUNTIME: Runtime = Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime");
}

/// Sends all bytes through one end of a pipe while the other is served, and gives what came back.
fn exchange<F: Future<Output = ()>>(
    bytes: &[u8],
    serve: impl FnOnce(DuplexStream) -> F,
) -> Vec<u8> {
    let (mut near, far) = duplex(ROOM);
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let ask = async {
                let mut answer = Vec::new();
                // One that has heard enough closes its end early.
                let _ = near.write_all(bytes).await;
                let _ = near.shutdown().await;
                let _ = near.read_to_end(&mut answer).await;
                answer
            };
            tokio::join!(ask, serve(far)).0
        })
    })
}

/// Replaces each `from` by `to`.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        if let Some(after) = rest.strip_prefix(from) {
            out.extend_from_slice(to);
            rest = after;
        } else {
            out.push(*first);
            rest = &rest[1..];
        }
    }
    out
}

/// What comes to the proxy, as it comes. `$D` and `$M` stand for the credentials of the desk and of a machine, which are
/// others each time.
pub fn proxy(data: &[u8]) {
    let [desk, machine] = AZURE.logins();
    let sent = replaced(data, b"$D", desk.as_bytes());
    let sent = replaced(&sent, b"$M", machine.as_bytes());
    let is_known = sent.len() > data.len();
    let answer = exchange(&sent, |stream| AZURE.proxy(stream));
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1."),
        "{answer}"
    );
    assert!(!answer.contains("HTTP/1.1 500"), "{answer}");
    assert!(is_known || !answer.contains("HTTP/1.1 2"), "{answer}");
}

/// What comes to a machine's SSH server, as it comes: before the keys are agreed on.
pub fn ssh(data: &[u8]) {
    let answer = exchange(data, |stream| AZURE.ssh(stream));
    assert!(answer.is_empty() || answer.starts_with(b"SSH-2.0-OpenSSH_for_az-local"));
}

/// One packet without a cipher (RFC 4253, 6).
fn packet(payload: &[u8], out: &mut Vec<u8>) {
    let mut padding = 8 - (5 + payload.len()) % 8;
    if padding < 4 {
        padding += 8;
    }
    out.extend(((1 + payload.len() + padding) as u32).to_be_bytes());
    out.push(padding as u8);
    out.extend_from_slice(payload);
    out.resize(out.len() + padding, 0);
}

fn string(text: &str, out: &mut Vec<u8>) {
    out.extend((text.len() as u32).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// A client's opening, with no keys and no cipher.
static OPENING: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut out = b"SSH-2.0-fuzz\r\n".to_vec();
    let mut init = vec![20];
    init.extend([0; 16]);
    for list in [
        "none",
        "ssh-ed25519",
        "none",
        "none",
        "none",
        "none",
        "none",
        "none",
        "",
        "",
    ] {
        string(list, &mut init);
    }
    init.extend([0; 5]);
    packet(&init, &mut out);
    packet(&[21], &mut out);
    let mut service = vec![5];
    string("ssh-userauth", &mut service);
    packet(&service, &mut out);
    out
});

/// A client's opening, and how it signs in.
static SIGNED_IN: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut out = OPENING.clone();
    let mut request = vec![50];
    for text in [fuzzing::LOGIN.0, "ssh-connection", "password"] {
        string(text, &mut request);
    }
    request.push(0);
    string(fuzzing::LOGIN.1, &mut request);
    packet(&request, &mut out);
    out
});

/// What an SSH client sends in packets. The first byte says whether it has signed in before; each packet has its length
/// in two bytes before it.
pub fn ssh_session(data: &[u8]) {
    let Some((first, mut rest)) = data.split_first() else {
        return;
    };
    let is_in = first % 4 != 0;
    let mut sent = if is_in {
        SIGNED_IN.clone()
    } else {
        OPENING.clone()
    };
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(after.len());
        let (payload, after) = after.split_at(length);
        packet(payload, &mut sent);
        rest = after;
    }
    sent.extend_from_slice(rest);
    let answer = exchange(&sent, |stream| AZURE.ssh(stream));
    assert!(answer.starts_with(b"SSH-2.0-OpenSSH_for_az-local"));
}

/// What a client of the file transfer server sends, each packet with its length in two bytes before it. Paths lead to no
/// other folder here, although the server has no such bound, as sshd's has none: it does what its user may.
pub fn sftp(data: &[u8]) {
    paths(data);
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().canonicalize().expect("a path").join("a/home");
    std::fs::create_dir_all(&home).expect("a folder");
    std::fs::write(home.join("f"), "text").expect("a file");
    // Neither leads out.
    let data = replaced(&replaced(data, b"/", b"_"), b"..", b"._");
    let mut sent = Vec::new();
    let mut rest = data.as_slice();
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(after.len());
        let (payload, after) = after.split_at(length);
        sent.extend((length as u32).to_be_bytes());
        sent.extend_from_slice(payload);
        rest = after;
    }
    let answer = exchange(&sent, |stream| fuzzing::sftp(home.clone(), stream));
    // An answer to each packet, of the length that it says.
    let mut left = answer.as_slice();
    while let Some((length, after)) = left.split_first_chunk::<4>() {
        left = after
            .get(u32::from_be_bytes(*length) as usize..)
            .expect("the answer is whole");
    }
    assert!(left.is_empty());
    let beside = std::fs::read_dir(folder.path().join("a"))
        .expect("a folder")
        .count();
    assert!(beside == 1 && home.is_dir(), "nothing leaves the folder");
    open_up(&folder, &home);
}

/// A folder that its owner may not enter could not be removed.
fn open_up(folder: &TempDir, home: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let _ = std::fs::set_permissions(home, std::fs::Permissions::from_mode(0o700));
    let _ = std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700));
}

/// Whatever path a client names, its real one is absolute and has no dots.
fn paths(data: &[u8]) {
    let Some(text) = crate::text(data) else {
        return;
    };
    let real: PathBuf = fuzzing::real_path(&Path::new("/nowhere/at/all").join(text));
    assert!(real.is_absolute());
    let is_plain = |part| matches!(part, Component::RootDir | Component::Normal(_));
    assert!(real.components().all(is_plain), "{}", real.display());
}
