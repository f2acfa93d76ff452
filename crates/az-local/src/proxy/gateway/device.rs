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

/// Packets that are passed on before others have their turn.
const AT_ONCE: usize = 64;

/// Whether a packet is somebody else's, who has it then.
pub(super) type Taken = Box<dyn Fn(&[u8]) -> bool + Send>;

/// The device's other end, for what nobody else takes.
pub(super) struct Device {
    packets: AsyncFd<OwnedFd>,
    taken: Taken,
    /// Told when the machine is gone.
    gone: watch::Sender<bool>,
}

impl Device {
    /// Takes a device, which does not block, and says when its machine is gone.
    pub(super) fn new(packets: OwnedFd, taken: Taken) -> io::Result<(Self, watch::Receiver<bool>)> {
        let (gone, is_gone) = watch::channel(false);
        let packets = watched(packets)?;
        let device = Device {
            packets,
            taken,
            gone,
        };
        Ok((device, is_gone))
    }
}

impl AsyncRead for Device {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        for _ in 0..AT_ONCE {
            let mut ready = ready!(self.packets.poll_read_ready(cx))?;
            let unfilled = buffer.initialize_unfilled();
            match ready.try_io(|packets| Ok(read(packets, &mut *unfilled)?)) {
                Ok(Ok(length)) => {
                    if (self.taken)(&buffer.initialize_unfilled()[..length]) {
                        continue;
                    }
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
        // Others are to have their turn.
        cx.waker().wake_by_ref();
        Poll::Pending
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
            // What the machine does not take is lost, as on any network.
            let written = ready.try_io(|packets| Ok(write(packets, packet)?));
            if written.is_ok() {
                return Poll::Ready(Ok(packet.len()));
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
