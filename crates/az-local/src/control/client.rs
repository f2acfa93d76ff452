//! Asking a running instance.

use super::{Answer, Command, Contact, Entry, Envelope, Refusal, Said, Word};
use crate::ground::folder::{FolderError, check_own};
use rustix::io::IoSlice;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde::de::DeserializeOwned;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why there was no good answer.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message says what it is")]
pub enum ControlError {
    #[error("no az-local runs on {}; start one with `az-local start`", .0.display())]
    NotRunning(PathBuf),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error("the az-local on {} does not answer: {source}", folder.display())]
    Io { folder: PathBuf, source: io::Error },
    #[error("the az-local on {} answers what this version does not understand: {source}", folder.display())]
    Unreadable {
        folder: PathBuf,
        source: serde_json::Error,
    },
    #[error(
        "the az-local on {} (process {pid}) is there and says nothing. If it was stopped, `kill -CONT {pid}` lets it go on; \
         `kill -9 {pid}` ends it, and what was acknowledged is kept with --data-dir",
        folder.display()
    )]
    Silent { folder: PathBuf, pid: u32 },
    #[error("{message}")]
    Refused { reason: Refusal, message: String },
}

/// How long an answer may take; most come within milliseconds, making a key takes seconds on a busy computer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// A running instance, by its folder.
pub struct Client {
    folder: PathBuf,
    contact: Contact,
}

/// A program that runs on a machine apart. Readable when it has ended.
pub struct Entered {
    folder: PathBuf,
    stream: UnixStream,
}

impl Entered {
    /// Sends it a signal, by its number.
    pub fn signal(&mut self, signal: i32) -> io::Result<()> {
        let mut line = serde_json::to_string(&Word::Signal(signal))?;
        line.push('\n');
        self.stream.write_all(line.as_bytes())
    }

    /// Waits for its end.
    pub fn ended(self) -> Result<Said, ControlError> {
        let mut line = String::new();
        let read = BufReader::new(&self.stream).read_line(&mut line);
        let folder = self.folder;
        match read {
            Ok(0) => return Err(ControlError::NotRunning(folder)),
            Err(source) => return Err(ControlError::Io { folder, source }),
            Ok(_) => {}
        }
        match serde_json::from_str(&line).map_err(|source| ControlError::Unreadable {
            folder: folder.clone(),
            source,
        })? {
            Answer::Done(value) => serde_json::from_value(value)
                .map_err(|source| ControlError::Unreadable { folder, source }),
            Answer::Refused { reason, message } => Err(ControlError::Refused { reason, message }),
        }
    }
}

impl AsFd for Entered {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl Client {
    /// Finds the instance that runs on a folder.
    pub fn find(folder: &Path) -> Result<Self, ControlError> {
        check_own(folder)?;
        let not_running = || ControlError::NotRunning(folder.to_owned());
        let content = std::fs::read(folder.join(Contact::FILE)).map_err(|_| not_running())?;
        let contact: Contact = serde_json::from_slice(&content).map_err(|_| not_running())?;
        let client = Client {
            folder: folder.to_owned(),
            contact,
        };
        // The file outlives a process that was killed; its socket then refuses.
        client.connect()?;
        Ok(client)
    }

    /// Asks for something and reads the answer.
    pub fn ask<T: DeserializeOwned>(&self, request: Command) -> Result<T, ControlError> {
        self.ask_on(&mut self.connect()?, request)
    }

    fn ask_on<T: DeserializeOwned>(
        &self,
        stream: &mut UnixStream,
        request: Command,
    ) -> Result<T, ControlError> {
        let line = self
            .send(stream, request)
            .map_err(|source| self.io(source))?;
        let unreadable = |source| ControlError::Unreadable {
            folder: self.folder.clone(),
            source,
        };
        match serde_json::from_str(&line).map_err(unreadable)? {
            Answer::Done(value) => serde_json::from_value(value).map_err(unreadable),
            Answer::Refused { reason, message } => Err(ControlError::Refused { reason, message }),
        }
    }

    /// Asks for something that is there as long as the connection, which comes with the answer.
    pub fn hold<T: DeserializeOwned>(
        &self,
        request: Command,
    ) -> Result<(T, UnixStream), ControlError> {
        let mut stream = self.connect()?;
        let answer = self.ask_on(&mut stream, request)?;
        // From here on it is only held.
        stream
            .set_read_timeout(None)
            .map_err(|source| self.io(source))?;
        Ok((answer, stream))
    }

    /// Runs a program on a machine that runs apart, on these files: its standard input, output and errors, and the program's
    /// own where the machine has no such program.
    pub fn enter(&self, entry: Entry, files: &[BorrowedFd<'_>]) -> Result<Entered, ControlError> {
        let (_, stream) = self.hold::<serde_json::Value>(Command::Enter(entry))?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(files));
        let byte = [IoSlice::new(b"\n")];
        sendmsg(&stream, &byte, &mut control, SendFlags::empty())
            .map_err(|error| self.io(error.into()))?;
        Ok(Entered {
            folder: self.folder.clone(),
            stream,
        })
    }

    /// The instance's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The port of its proxy.
    pub fn port(&self) -> u16 {
        self.contact.port
    }

    /// Ends the instance and waits until its process has let go of everything.
    pub fn stop(&self) -> Result<(), ControlError> {
        let mut stream = self.connect()?;
        let waited = self
            .send(&mut stream, Command::Stop)
            .and_then(|_| stream.read_to_end(&mut Vec::new()).map(drop));
        match waited {
            // A process that is gone may close its socket rudely; gone is what was asked for.
            Err(error) if error.kind() != io::ErrorKind::ConnectionReset => Err(self.io(error)),
            _ => Ok(()),
        }
    }

    fn send(&self, stream: &mut UnixStream, request: Command) -> io::Result<String> {
        let envelope = Envelope {
            token: self.contact.token.clone(),
            request,
        };
        let mut line = serde_json::to_string(&envelope)?;
        line.push('\n');
        stream.write_all(line.as_bytes())?;
        let mut answer = String::new();
        match BufReader::new(&*stream).read_line(&mut answer)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(answer),
        }
    }

    fn connect(&self) -> Result<UnixStream, ControlError> {
        let stream = UnixStream::connect(&self.contact.socket)
            .map_err(|_| ControlError::NotRunning(self.folder.clone()))?;
        let limit = Some(ANSWER_TIMEOUT);
        let limited = stream
            .set_read_timeout(limit)
            .and_then(|()| stream.set_write_timeout(limit));
        limited.map_err(|source| self.io(source))?;
        Ok(stream)
    }

    fn io(&self, source: io::Error) -> ControlError {
        use io::ErrorKind::{BrokenPipe, ConnectionReset, TimedOut, UnexpectedEof, WouldBlock};
        let folder = self.folder.clone();
        match source.kind() {
            // It has just been killed, and its socket went with it.
            BrokenPipe | ConnectionReset | UnexpectedEof => ControlError::NotRunning(folder),
            TimedOut | WouldBlock => ControlError::Silent {
                folder,
                pid: self.contact.pid,
            },
            _ => ControlError::Io { folder, source },
        }
    }
}
