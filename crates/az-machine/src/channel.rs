//! Messages between the caller and the agent: a length, JSON, and the files that come along with it.

use rustix::io::{Errno, IoSlice, IoSliceMut, retry_on_intr};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Most that one message may be (bytes): command lines and variables are less.
const LONGEST: usize = 64 * 1024 * 1024;

/// Most files that come along with one message.
const MOST_FILES: usize = 4;

/// Sends a message and the files that belong to it.
pub(crate) fn send(
    socket: impl AsFd,
    message: &impl Serialize,
    files: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let body = serde_json::to_vec(message)?;
    if body.len() > LONGEST || files.len() > MOST_FILES {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut bytes = u32::try_from(body.len())
        .map_err(|_| io::ErrorKind::InvalidInput)?
        .to_be_bytes()
        .to_vec();
    bytes.extend(body);
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FILES))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !files.is_empty() && !control.push(SendAncillaryMessage::ScmRights(files)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // The files belong to the first byte.
    let mut sent = 0;
    while sent < bytes.len() {
        let left = [IoSlice::new(&bytes[sent..])];
        sent += retry_on_intr(|| sendmsg(&socket, &left, &mut control, SendFlags::NOSIGNAL))?;
        control.clear();
    }
    Ok(())
}

/// Receives the next message and its files; none where the other side has closed.
pub(crate) fn receive<M: DeserializeOwned>(
    socket: impl AsFd,
) -> io::Result<Option<(M, Vec<OwnedFd>)>> {
    let mut files = Vec::new();
    let mut length = [0; 4];
    if !fill(&socket, &mut length, &mut files)? {
        return Ok(None);
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut body = vec![0; length];
    if !fill(&socket, &mut body, &mut files)? {
        return Ok(None);
    }
    Ok(Some((serde_json::from_slice(&body)?, files)))
}

/// Reads until the buffer is full; false where the other side has closed before.
fn fill(socket: impl AsFd, buffer: &mut [u8], files: &mut Vec<OwnedFd>) -> io::Result<bool> {
    let mut read = 0;
    while read < buffer.len() {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FILES))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut rest = [IoSliceMut::new(&mut buffer[read..])];
        let received = recvmsg(&socket, &mut rest, &mut control, RecvFlags::CMSG_CLOEXEC);
        let received = match received {
            Err(Errno::INTR) => continue,
            Err(Errno::CONNRESET) => return Ok(false),
            received => received?,
        };
        if received.flags.contains(ReturnFlags::CTRUNC) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                files.extend(rights);
            }
        }
        if received.bytes == 0 {
            return Ok(false);
        }
        read += received.bytes;
    }
    Ok(true)
}
