//! Files that are waited for.

use std::io;
use std::os::fd::OwnedFd;
use tokio::io::unix::AsyncFd;

/// A file that does not block, with the runtime's watch over it.
#[expect(
    deprecated,
    reason = "what takes its place is unsafe, for files that others may close; nobody closes one that is owned"
)]
pub(crate) fn watched(file: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(file)
}
