//! Programs on a machine that runs apart, for somebody at the desk: on that one's own standard input, output and errors.

use super::refusal::{refusal, refused};
use super::reports::{self, ReportError};
use super::{Answer, Entry, Refusal, Said, Word};
use crate::instance::Instance;
use crate::machines::apart;
use crate::state::Resource;
use crate::state::machine::VirtualMachine;
use az_machine::{Ended, Executable, Program, Stdio, User};
use rustix::cmsg_space;
use rustix::io::IoSliceMut;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Interest};
use tokio::net::UnixStream;

/// Serves one program from its start to its end.
pub(super) async fn serve(
    instance: &Arc<Instance>,
    entry: Entry,
    reader: &mut BufReader<&mut UnixStream>,
) -> io::Result<()> {
    let (looking, asked) = (Arc::clone(instance), entry.clone());
    let found = tokio::task::spawn_blocking(move || {
        reports::running(
            &looking,
            asked.subscription.as_deref(),
            &asked.group,
            &asked.name,
        )
    });
    let found: Result<Resource, ReportError> = match found.await {
        Ok(found) => found,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    };
    let machine = match found {
        Ok(machine) => machine,
        Err(error) => return say(reader, &refusal(error)).await,
    };
    let booted = match apart::machine(instance, &machine).await {
        Ok(Some(booted)) => booted,
        Ok(None) => return say(reader, &failed("the machine does not run apart")).await,
        Err(error) => return say(reader, &failed(&error.to_string())).await,
    };
    // Now the files may come: nothing else is read before them.
    say(reader, &Answer::Done(serde_json::Value::Null)).await?;
    let files = receive(reader.get_mut()).await?;
    let admin = VirtualMachine::of(&machine).admin().unwrap_or("root");
    let program = Program {
        line: entry.line.into_iter().map(Into::into).collect(),
        file: match files.len() {
            3 => Executable::There,
            _ => Executable::Given,
        },
        user: User::Named {
            name: admin.to_owned(),
            administers: true,
        },
        variables: entry
            .variables
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect(),
        folder: None,
        stdio: Stdio::Files,
    };
    let mut running = match booted.run_on(&program, files).await {
        Ok(running) => running,
        Err(error) => return say(reader, &failed(&error.to_string())).await,
    };
    let mut line = String::new();
    let ended = loop {
        tokio::select! {
            ended = &mut running.ended => break ended.unwrap_or(Ended::WithTheMachine),
            read = reader.read_line(&mut line) => {
                match read {
                    Ok(read) if read > 0 => {
                        if let Ok(Word::Signal(signal)) = serde_json::from_str(&line) {
                            let _ = booted.signal(running.id, signal);
                        }
                        line.clear();
                    }
                    // Whoever asked is gone: its program is hung up on.
                    _ => {
                        let hang_up = rustix::process::Signal::HUP;
                        let _ = booted.signal(running.id, hang_up.as_raw());
                        return Ok(());
                    }
                }
            }
        }
    };
    let said = match ended {
        Ended::Status(code) => Said::Status(code),
        Ended::Signal(signal, _) => Said::Signal(signal),
        Ended::WithTheMachine => Said::Signal(rustix::process::Signal::KILL.as_raw()),
    };
    let said = serde_json::to_value(said).unwrap_or_default();
    say(reader, &Answer::Done(said)).await
}

fn failed(message: &str) -> Answer {
    refused(Refusal::Failed, message)
}

async fn say(reader: &mut BufReader<&mut UnixStream>, answer: &Answer) -> io::Result<()> {
    let mut text = serde_json::to_string(answer)?;
    text.push('\n');
    reader.get_mut().write_all(text.as_bytes()).await
}

/// Receives one byte and the files that come along with it: three to read and to write, and the program's own where the
/// machine has no such program.
async fn receive(stream: &mut UnixStream) -> io::Result<Vec<OwnedFd>> {
    loop {
        stream.readable().await?;
        let received = stream.try_io(Interest::READABLE, || {
            let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(4))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let mut byte = [0];
            let mut bytes = [IoSliceMut::new(&mut byte)];
            let flags = RecvFlags::CMSG_CLOEXEC;
            recvmsg(stream.as_fd(), &mut bytes, &mut control, flags)?;
            let rights = control.drain().filter_map(|message| match message {
                RecvAncillaryMessage::ScmRights(rights) => Some(rights),
                _ => None,
            });
            Ok(rights.flatten().collect::<Vec<_>>())
        });
        match received {
            Ok(files) if (3..=4).contains(&files.len()) => return Ok(files),
            Ok(_) => return Err(io::ErrorKind::InvalidData.into()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}
