//! A terminal as an SSH client asks for it (RFC 4254, 6.2 and 8).

use crate::ground::watched::watched;
use pty_process::Size;
use russh::Pty;
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, OutputModes, SpecialCodeIndex, Winsize, tcgetattr,
    tcsetattr, tcsetwinsize,
};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a client wants of a terminal.
#[derive(Clone)]
pub(super) struct Wanted {
    /// `TERM`
    pub(super) name: String,
    pub(super) size: Size,
    modes: Vec<(Pty, u32)>,
}

/// Columns and rows (and pixels, where a client knows them) as a terminal's size.
pub(super) fn size(columns: u32, rows: u32, width: u32, height: u32) -> Size {
    let short = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
    Size::new_with_pixel(short(rows), short(columns), short(width), short(height))
}

impl Wanted {
    pub(super) fn new(name: &str, size: Size, modes: &[(Pty, u32)]) -> Self {
        Wanted {
            name: name.to_owned(),
            size,
            modes: modes.to_vec(),
        }
    }

    /// Sets the modes that the client's own terminal has. A terminal that takes none of them still works.
    pub(super) fn apply(&self, terminal: impl AsFd) -> rustix::io::Result<()> {
        let mut termios = tcgetattr(&terminal)?;
        for (mode, value) in &self.modes {
            if let Some(index) = special_code(*mode) {
                // 255 is "none" (RFC 4254, 8).
                let code = u8::try_from(*value).unwrap_or(u8::MAX);
                termios.special_codes[index] = if code == u8::MAX { 0 } else { code };
            } else if let Some(flag) = input_mode(*mode) {
                termios.input_modes.set(flag, *value != 0);
            } else if let Some(flag) = local_mode(*mode) {
                termios.local_modes.set(flag, *value != 0);
            } else if let Some(flag) = output_mode(*mode) {
                termios.output_modes.set(flag, *value != 0);
            }
        }
        tcsetattr(terminal, OptionalActions::Now, &termios)
    }
}

fn special_code(mode: Pty) -> Option<SpecialCodeIndex> {
    Some(match mode {
        Pty::VINTR => SpecialCodeIndex::VINTR,
        Pty::VQUIT => SpecialCodeIndex::VQUIT,
        Pty::VERASE => SpecialCodeIndex::VERASE,
        Pty::VKILL => SpecialCodeIndex::VKILL,
        Pty::VEOF => SpecialCodeIndex::VEOF,
        Pty::VEOL => SpecialCodeIndex::VEOL,
        Pty::VEOL2 => SpecialCodeIndex::VEOL2,
        Pty::VSTART => SpecialCodeIndex::VSTART,
        Pty::VSTOP => SpecialCodeIndex::VSTOP,
        Pty::VSUSP => SpecialCodeIndex::VSUSP,
        Pty::VREPRINT => SpecialCodeIndex::VREPRINT,
        Pty::VWERASE => SpecialCodeIndex::VWERASE,
        Pty::VLNEXT => SpecialCodeIndex::VLNEXT,
        Pty::VDISCARD => SpecialCodeIndex::VDISCARD,
        _ => return None,
    })
}

fn input_mode(mode: Pty) -> Option<InputModes> {
    Some(match mode {
        Pty::IGNPAR => InputModes::IGNPAR,
        Pty::PARMRK => InputModes::PARMRK,
        Pty::INPCK => InputModes::INPCK,
        Pty::ISTRIP => InputModes::ISTRIP,
        Pty::INLCR => InputModes::INLCR,
        Pty::IGNCR => InputModes::IGNCR,
        Pty::ICRNL => InputModes::ICRNL,
        Pty::IXON => InputModes::IXON,
        Pty::IXANY => InputModes::IXANY,
        Pty::IXOFF => InputModes::IXOFF,
        Pty::IMAXBEL => InputModes::IMAXBEL,
        #[cfg(any(target_os = "linux", target_os = "macos"))]
        Pty::IUTF8 => InputModes::IUTF8,
        _ => return None,
    })
}

fn local_mode(mode: Pty) -> Option<LocalModes> {
    Some(match mode {
        Pty::ISIG => LocalModes::ISIG,
        Pty::ICANON => LocalModes::ICANON,
        Pty::ECHO => LocalModes::ECHO,
        Pty::ECHOE => LocalModes::ECHOE,
        Pty::ECHOK => LocalModes::ECHOK,
        Pty::ECHONL => LocalModes::ECHONL,
        Pty::NOFLSH => LocalModes::NOFLSH,
        Pty::TOSTOP => LocalModes::TOSTOP,
        Pty::IEXTEN => LocalModes::IEXTEN,
        Pty::ECHOCTL => LocalModes::ECHOCTL,
        Pty::ECHOKE => LocalModes::ECHOKE,
        Pty::PENDIN => LocalModes::PENDIN,
        _ => return None,
    })
}

fn output_mode(mode: Pty) -> Option<OutputModes> {
    Some(match mode {
        Pty::OPOST => OutputModes::OPOST,
        Pty::ONLCR => OutputModes::ONLCR,
        Pty::OCRNL => OutputModes::OCRNL,
        Pty::ONOCR => OutputModes::ONOCR,
        Pty::ONLRET => OutputModes::ONLRET,
        _ => return None,
    })
}

/// The other end of a terminal that a machine apart has.
pub(super) struct TerminalEnd(AsyncFd<OwnedFd>);

/// One that reads from it or writes to it.
pub(super) struct EndOf(pub(super) Arc<TerminalEnd>);

impl TerminalEnd {
    pub(super) fn of(end: OwnedFd) -> io::Result<Self> {
        let flags = rustix::fs::fcntl_getfl(&end)?;
        rustix::fs::fcntl_setfl(&end, flags | rustix::fs::OFlags::NONBLOCK)?;
        watched(end).map(TerminalEnd)
    }

    pub(super) fn resize(&self, size: &Size) -> io::Result<()> {
        Ok(tcsetwinsize(self, Winsize::from(*size))?)
    }
}

impl AsFd for TerminalEnd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.get_ref().as_fd()
    }
}

impl AsyncRead for EndOf {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let end = &self.0.0;
        loop {
            let mut ready = ready!(end.poll_read_ready(cx))?;
            let unfilled = buffer.initialize_unfilled();
            match ready.try_io(|end| Ok(rustix::io::read(end, &mut *unfilled)?)) {
                Ok(Ok(length)) => {
                    buffer.advance(length);
                    return Poll::Ready(Ok(()));
                }
                Ok(Err(error)) => return Poll::Ready(Err(error)),
                Err(_) => {}
            }
        }
    }
}

impl AsyncWrite for EndOf {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let end = &self.0.0;
        loop {
            let mut ready = ready!(end.poll_write_ready(cx))?;
            if let Ok(written) = ready.try_io(|end| Ok(rustix::io::write(end, bytes)?)) {
                return Poll::Ready(written);
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
