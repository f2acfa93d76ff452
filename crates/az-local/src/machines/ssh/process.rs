//! One program on a machine for one channel: its input and output, its signals, its end.

use super::terminal::{EndOf, TerminalEnd, Wanted};
use super::unread;
use crate::ground::folder::FolderError;
use crate::ground::quota::Taken;
use crate::machines::place::Place;
use crate::machines::programs::{Surroundings, shell};
use az_machine::{Executable, Machine};
use pty_process::{OwnedWritePty, Size};
use russh::server::{Handle, Msg};
use russh::{ChannelId, ChannelWriteHalf, Sig};
use rustix::process::{Pid, Signal, kill_process_group};
use std::ffi::OsString;
use std::io;
use std::mem::discriminant;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};

/// Bytes that are read from a program at once: a packet's worth.
const CHUNK: usize = 32 * 1024;

/// How long a program that was hung up on has to end by itself.
const GRACE: Duration = Duration::from_secs(1);

/// How long a terminal that somebody in the background still holds is listened to after its program's end.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// What a client asks for.
pub(super) enum Program {
    /// The login shell.
    Shell,
    /// A command line for the shell.
    Line(OsString),
    /// The file transfer server.
    Sftp,
}

/// Why a program was not started.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Terminal(#[from] pty_process::Error),
    #[error("{0}")]
    Spawn(#[from] io::Error),
    #[error(
        "whoever started this local Azure named no az-local program, which file transfers need"
    )]
    NoSftp,
}

enum Input {
    Bytes(Vec<u8>),
    Resize(Size),
    End,
}

/// A program that runs. When this is dropped, the line to it is cut: it is hung up on, and does not stay.
pub(super) struct Process {
    input: mpsc::UnboundedSender<Input>,
    queued: Arc<AtomicUsize>,
    /// None once it has ended: its number is then anybody's.
    group: Arc<Mutex<Option<Group>>>,
    _line: oneshot::Sender<()>,
}

/// A program's command line, folder and variables.
fn prepare(
    surroundings: &Surroundings,
    program: &Program,
    variables: &[(String, String)],
    terminal: Option<&Wanted>,
) -> Result<std::process::Command, StartError> {
    let mut command = match program {
        // What a fuzzer makes up is not run: what gives back what it is sent stands in for it.
        _ if cfg!(feature = "fuzzing") => surroundings.command("cat")?,
        Program::Sftp => {
            let az_local = surroundings.az_local()?.ok_or(StartError::NoSftp)?;
            let mut command = surroundings.command(az_local)?;
            command.arg("sftp-server");
            command
        }
        Program::Shell => {
            let mut command = surroundings.command(shell())?;
            // A leading dash makes it a login shell.
            let name = shell().file_name().unwrap_or_default();
            let mut login = OsString::from("-");
            login.push(name);
            command.arg0(login);
            command
        }
        Program::Line(line) => {
            let mut command = surroundings.command(shell())?;
            command.arg("-c").arg(line);
            command
        }
    };
    // What a client sends is for what is not set yet: a machine's own variables stay.
    for (name, value) in variables {
        if !command.get_envs().any(|(own, _)| own == name.as_str()) {
            command.env(name, value);
        }
    }
    if let Some(terminal) = terminal {
        command.env("TERM", &terminal.name);
    }
    Ok(command)
}

/// What a client has asked for.
pub(super) struct Asked<'a> {
    pub(super) program: Program,
    /// Who has signed in.
    pub(super) user: &'a str,
    pub(super) variables: &'a [(String, String)],
    pub(super) terminal: Option<&'a Wanted>,
}

impl Process {
    /// Starts a program. Its output goes to the line's channel, which is closed after its end.
    pub(super) async fn start(
        place: &Place,
        asked: Asked<'_>,
        to: Line,
    ) -> Result<Self, StartError> {
        match place {
            Place::Here(surroundings) => Process::start_here(surroundings, &asked, to),
            Place::Apart(machine) => Process::start_apart(machine, asked, to).await,
        }
    }

    fn start_here(
        surroundings: &Surroundings,
        asked: &Asked<'_>,
        to: Line,
    ) -> Result<Self, StartError> {
        let terminal = asked.terminal;
        let command = prepare(surroundings, &asked.program, asked.variables, terminal)?;
        let (sender, receiver) = mpsc::unbounded_channel();
        let queued = Arc::new(AtomicUsize::new(0));
        let (line, cut) = oneshot::channel();
        let (child, output, feeding) = match terminal {
            Some(terminal) => {
                let (pty, pts) = pty_process::open()?;
                pty.resize(terminal.size)?;
                // A mode that this system does not have is no reason to have no terminal.
                let _ = terminal.apply(&pts);
                let child = pty_process::Command::from(Command::from(command)).spawn(pts)?;
                let (read, write) = pty.into_split();
                let resize = |write: &OwnedWritePty, size| {
                    let _ = write.resize(size);
                };
                let feeding = feed_terminal(write, resize, receiver, Arc::clone(&queued));
                (
                    child,
                    Output::Terminal(Box::new(read)),
                    tokio::spawn(feeding),
                )
            }
            None => {
                let mut child = Command::from(command)
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .process_group(0)
                    .spawn()?;
                let feeding = feed_pipe(child.stdin.take(), receiver, Arc::clone(&queued));
                let output = Output::Pipes(boxed(child.stdout.take()), boxed(child.stderr.take()));
                (child, output, tokio::spawn(feeding))
            }
        };
        let group = child
            .id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?))
            .map(Group::Here);
        let group = Arc::new(Mutex::new(group));
        let ending = Arc::clone(&group);
        tokio::spawn(async move {
            attend(Running::Here(child), &ending, output, to, cut).await;
            // It may wait for a terminal that nobody reads, and would keep that open.
            feeding.abort();
        });
        Ok(Process {
            input: sender,
            queued,
            group,
            _line: line,
        })
    }

    async fn start_apart(
        machine: &Arc<Machine>,
        asked: Asked<'_>,
        to: Line,
    ) -> Result<Self, StartError> {
        let terminal = asked.terminal;
        let running = machine.run(&there(asked)).await?;
        let id = running.id;
        let (sender, receiver) = mpsc::unbounded_channel();
        let queued = Arc::new(AtomicUsize::new(0));
        let (line, cut) = oneshot::channel();
        let (output, feeding) = match terminal {
            Some(terminal) => {
                let end = Arc::new(TerminalEnd::of(running.output)?);
                let _ = end.resize(&terminal.size);
                // A mode that this system does not have is no reason to have no terminal.
                let _ = terminal.apply(&*end);
                let resize = |end: &EndOf, size| {
                    let _ = end.0.resize(&size);
                };
                let write = EndOf(Arc::clone(&end));
                let feeding = feed_terminal(write, resize, receiver, Arc::clone(&queued));
                let output = Output::Terminal(Box::new(EndOf(end)));
                (output, tokio::spawn(feeding))
            }
            None => {
                let input = running.input.map(pipe::Sender::from_owned_fd).transpose()?;
                let errors = running.errors.map(pipe::Receiver::from_owned_fd);
                let stdout = pipe::Receiver::from_owned_fd(running.output)?;
                let feeding = feed_pipe(input, receiver, Arc::clone(&queued));
                let output = Output::Pipes(boxed(Some(stdout)), boxed(errors.transpose()?));
                (output, tokio::spawn(feeding))
            }
        };
        let group = Group::Apart(Arc::clone(machine), id);
        let group = Arc::new(Mutex::new(Some(group)));
        let ending = Arc::clone(&group);
        tokio::spawn(async move {
            attend(Running::Apart(running.ended), &ending, output, to, cut).await;
            feeding.abort();
        });
        Ok(Process {
            input: sender,
            queued,
            group,
            _line: line,
        })
    }

    /// Bytes that the program has not read yet.
    pub(super) fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    /// Hands input to the program.
    pub(super) fn write(&self, bytes: &[u8]) {
        self.queued.fetch_add(bytes.len(), Ordering::Relaxed);
        // One that has ended reads nothing any more.
        let _ = self.input.send(Input::Bytes(bytes.to_vec()));
    }

    /// Ends the program's input. A terminal's input has no end.
    pub(super) fn end_input(&self) {
        let _ = self.input.send(Input::End);
    }

    pub(super) fn resize(&self, size: Size) {
        let _ = self.input.send(Input::Resize(size));
    }

    /// Sends a signal to the program and those that it started.
    pub(super) fn signal(&self, signal: &Sig) {
        if let (Some(group), Some(signal)) = (&*lock(&self.group), number(signal)) {
            group.signal(signal);
        }
    }
}

/// A program and those that it started.
enum Group {
    Here(Pid),
    Apart(Arc<Machine>, u64),
}

impl Group {
    fn signal(&self, signal: Signal) {
        // One that has ended needs none.
        match self {
            Group::Here(group) => {
                let _ = kill_process_group(*group, signal);
            }
            Group::Apart(machine, id) => {
                let _ = machine.signal(*id, signal.as_raw());
            }
        }
    }
}

/// A program that runs.
enum Running {
    Here(Child),
    Apart(oneshot::Receiver<az_machine::Ended>),
}

/// How a program ended.
#[derive(Clone, Copy)]
enum Status {
    Code(i32),
    /// And whether its memory was dumped.
    Signal(i32, bool),
}

impl Running {
    async fn wait(&mut self) -> io::Result<Status> {
        match self {
            Running::Here(child) => {
                let status = child.wait().await?;
                Ok(match (status.code(), status.signal()) {
                    (None, Some(signal)) => Status::Signal(signal, status.core_dumped()),
                    (code, _) => Status::Code(code.unwrap_or_default()),
                })
            }
            Running::Apart(ended) => Ok(match ended.await {
                Ok(az_machine::Ended::Status(code)) => Status::Code(code),
                Ok(az_machine::Ended::Signal(signal, dumped)) => Status::Signal(signal, dumped),
                Ok(az_machine::Ended::WithTheMachine) | Err(_) => {
                    Status::Signal(Signal::KILL.as_raw(), false)
                }
            }),
        }
    }
}

/// What a program on a machine apart is told.
fn there(asked: Asked<'_>) -> az_machine::Program {
    let (line, file) = match asked.program {
        // What a fuzzer makes up is not run: what gives back what it is sent stands in for it.
        _ if cfg!(feature = "fuzzing") => (vec!["cat".into()], Executable::There),
        Program::Shell => (Vec::new(), Executable::There),
        Program::Line(line) => {
            let words = vec![shell().into(), "-c".into(), line];
            (words, Executable::There)
        }
        Program::Sftp => (vec!["sftp-server".into()], Executable::Own),
    };
    let variables = asked.variables.iter();
    let mut variables: Vec<(OsString, OsString)> = variables
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    if let Some(terminal) = asked.terminal {
        variables.retain(|(name, _)| name != "TERM");
        variables.push(("TERM".into(), (&terminal.name).into()));
    }
    az_machine::Program {
        line,
        file,
        user: az_machine::User::Named {
            name: asked.user.to_owned(),
            administers: true,
        },
        variables,
        folder: None,
        stdio: match asked.terminal {
            None => az_machine::Stdio::Pipes,
            // Its size is set before anything is written.
            Some(_) => az_machine::Stdio::Terminal(az_machine::Terminal {
                rows: 24,
                columns: 80,
            }),
        },
    }
}

fn lock(group: &Mutex<Option<Group>>) -> MutexGuard<'_, Option<Group>> {
    group.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A program's line to its client.
pub(super) struct Line {
    pub(super) channel: ChannelWriteHalf<Msg>,
    pub(super) handle: Handle,
    pub(super) shared: Arc<unread::Output>,
    /// The program's among those that may be there, until it has ended.
    pub(super) _place: Taken,
}

/// What a program writes.
type Reading = Box<dyn AsyncRead + Send + Unpin>;

enum Output {
    Terminal(Reading),
    Pipes(Option<Reading>, Option<Reading>),
}

fn boxed(from: Option<impl AsyncRead + Send + Unpin + 'static>) -> Option<Reading> {
    from.map(|from| Box::new(from) as Reading)
}

async fn feed_pipe(
    mut pipe: Option<impl AsyncWrite + Unpin>,
    mut input: mpsc::UnboundedReceiver<Input>,
    queued: Arc<AtomicUsize>,
) {
    while let Some(next) = input.recv().await {
        match next {
            Input::Bytes(bytes) => {
                if let Some(open) = &mut pipe
                    && open.write_all(&bytes).await.is_err()
                {
                    pipe = None;
                }
                queued.fetch_sub(bytes.len(), Ordering::Relaxed);
            }
            Input::End => pipe = None,
            Input::Resize(_) => {}
        }
    }
}

async fn feed_terminal<W: AsyncWrite + Unpin>(
    mut terminal: W,
    resize: impl Fn(&W, Size),
    mut input: mpsc::UnboundedReceiver<Input>,
    queued: Arc<AtomicUsize>,
) {
    while let Some(next) = input.recv().await {
        match next {
            Input::Bytes(bytes) => {
                let _ = terminal.write_all(&bytes).await;
                queued.fetch_sub(bytes.len(), Ordering::Relaxed);
            }
            Input::Resize(size) => {
                resize(&terminal, size);
            }
            Input::End => {}
        }
    }
}

/// Carries a program's output until its end, and reports how it ended; or hangs up on it when the line is cut.
async fn attend(
    mut child: Running,
    group: &Mutex<Option<Group>>,
    output: Output,
    to: Line,
    cut: oneshot::Receiver<()>,
) {
    let ended = tokio::select! {
        ended = carry(&mut child, output, &to) => Some(ended),
        _ = cut => None,
    };
    let group = lock(group).take();
    let status = match ended {
        None => {
            // Nobody is left to be told.
            let _ = hang_up(child, group).await;
            return;
        }
        Some(Ended::Unread) => hang_up(child, group).await,
        Some(Ended::Itself(status)) => status,
    };
    let Line {
        channel, handle, ..
    } = to;
    // A client that has gone does not hear it.
    let id = channel.id();
    let _ = match status {
        Ok(status) => report(&handle, id, status).await,
        Err(_) => Ok(()),
    };
    let _ = channel.eof().await;
    let _ = channel.close().await;
}

/// How the carrying of output ended.
enum Ended {
    /// With the program.
    Itself(io::Result<Status>),
    /// With the client, who does not look at the program's terminal any more.
    Unread,
}

async fn carry(child: &mut Running, output: Output, to: &Line) -> Ended {
    let (channel, shared) = (&to.channel, &to.shared);
    match output {
        Output::Pipes(stdout, stderr) => {
            // As with sshd, a program in the background that keeps the output open keeps the session open.
            let errors = channel.make_writer_ext(Some(STANDARD_ERROR));
            let read = async {
                // What nobody reads is closed, and the program finds that out when it goes on writing, as with sshd.
                tokio::select! {
                    () = pump(stdout, channel.make_writer(), Some(shared)) => {}
                    () = shared.unread.notified() => {}
                }
            };
            let (status, (), ()) = tokio::join!(child.wait(), read, pump(stderr, errors, None));
            Ended::Itself(status)
        }
        Output::Terminal(terminal) => {
            let pumping = pump(Some(terminal), channel.make_writer(), Some(shared));
            tokio::pin!(pumping);
            let mut drained = false;
            let status = loop {
                tokio::select! {
                    () = &mut pumping, if !drained => drained = true,
                    status = child.wait() => break status,
                    () = shared.unread.notified() => return Ended::Unread,
                }
            };
            if !drained {
                let _ = tokio::time::timeout(LAST_WORDS, pumping).await;
            }
            Ended::Itself(status)
        }
    }
}

/// `SSH_EXTENDED_DATA_STDERR` (RFC 4254, 5.2)
const STANDARD_ERROR: u32 = 1;

/// Copies until the end; a terminal's end is an error to its reader.
async fn pump(
    from: Option<impl AsyncRead + Unpin>,
    mut to: impl AsyncWrite + Unpin,
    shared: Option<&unread::Output>,
) {
    if let Some(from) = from {
        let mut from = BufReader::with_capacity(CHUNK, from);
        if let Some(shared) = shared
            && from.fill_buf().await.is_ok_and(|read| !read.is_empty())
        {
            shared.begun.store(true, Ordering::Relaxed);
        }
        let _ = tokio::io::copy_buf(&mut from, &mut to).await;
    }
}

async fn hang_up(mut child: Running, group: Option<Group>) -> io::Result<Status> {
    let signal = |signal| {
        if let Some(group) = &group {
            group.signal(signal);
        }
    };
    signal(Signal::HUP);
    // One that was stopped hears nothing before it goes on.
    signal(Signal::CONT);
    let ended = tokio::time::timeout(GRACE, child.wait()).await;
    // Those that it started and that did not listen.
    signal(Signal::KILL);
    match ended {
        Ok(status) => status,
        Err(_) => child.wait().await,
    }
}

async fn report(handle: &Handle, id: ChannelId, status: Status) -> Result<(), ()> {
    match status {
        Status::Code(code) => handle.exit_status_request(id, code as u32).await,
        Status::Signal(signal, dumped) => {
            handle
                .exit_signal_request(id, name(signal), dumped, String::new(), String::new())
                .await
        }
    }
}

/// The signals that SSH has a name for (RFC 4254, 6.10), with the numbers of this system.
fn known() -> [(Sig, Signal); 12] {
    [
        (Sig::ABRT, Signal::ABORT),
        (Sig::ALRM, Signal::ALARM),
        (Sig::FPE, Signal::FPE),
        (Sig::HUP, Signal::HUP),
        (Sig::ILL, Signal::ILL),
        (Sig::INT, Signal::INT),
        (Sig::KILL, Signal::KILL),
        (Sig::PIPE, Signal::PIPE),
        (Sig::QUIT, Signal::QUIT),
        (Sig::SEGV, Signal::SEGV),
        (Sig::TERM, Signal::TERM),
        (Sig::USR1, Signal::USR1),
    ]
}

fn name(number: i32) -> Sig {
    known()
        .into_iter()
        .find(|(_, signal)| signal.as_raw() == number)
        .map_or_else(
            || match Signal::from_named_raw(number) {
                Some(Signal::USR2) => Sig::Custom("USR2".to_owned()),
                _ => Sig::Custom("SIG@openssh.com".to_owned()),
            },
            |(name, _)| name,
        )
}

fn number(name: &Sig) -> Option<Signal> {
    match name {
        Sig::Custom(name) if name == "USR2" => Some(Signal::USR2),
        _ => known()
            .into_iter()
            .find(|(known, _)| discriminant(known) == discriminant(name))
            .map(|(_, signal)| signal),
    }
}
