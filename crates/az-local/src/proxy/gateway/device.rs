//! A machine's network device, as packets to read and to write.

use crate::ground::watched::watched;
use rustix::io::{read, write};
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;

/// The device's other end.
pub(super) struct Device {
    packets: AsyncFd<OwnedFd>,
    /// Told when the machine is gone.
    gone: watch::Sender<bool>,
}

impl Device {
    /// Takes a device, which does not block, and says when its machine is gone.
    pub(super) fn new(packets: OwnedFd) -> io::Result<(Self, watch::Receiver<bool>)> {
        let (gone, is_gone) = watch::channel(false);
        let packets = watched(packets)?;
        Ok((Device { packets, gone }, is_gone))
    }
}

impl AsyncRead for Device {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut ready = ready!(self.packets.poll_read_ready(cx))?;
            let unfilled = buffer.initialize_unfilled();
            match ready.try_io(|packets| Ok(read(packets, &mut *unfilled)?)) {
                Ok(Ok(length)) => {
                    buffer.advance(length);
                    return Poll::Ready(Ok(()));
                }
                Ok(Err(_)) => {
                    // The device goes with its namespace. Its reader would ask again at once, without end.
                    let _ = self.gone.send(true);
                    return Poll::Pending;
                }
                Err(_) => {}
            }
        }
    }
}

impl AsyncWrite for Device {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        packet: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut ready = ready!(self.packets.poll_write_ready(cx))?;
            match ready.try_io(|packets| Ok(write(packets, packet)?)) {
                // What the machine does not take is lost, as on any network.
                Ok(_) => return Poll::Ready(Ok(packet.len())),
                Err(_) => {}
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
