//! A bounded number of threads for work that blocks: requests wait for one, in order.

use std::sync::Arc;
use tokio::sync::Semaphore;

/// Threads for each core: some of them wait for the one that writes.
const PER_CORE: usize = 4;

/// Who does what requests need to have done.
pub(crate) struct Workers {
    free: Arc<Semaphore>,
}

impl Default for Workers {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Workers {
            free: Arc::new(Semaphore::new(cores * PER_CORE)),
        }
    }
}

impl Workers {
    /// Runs `work` on a thread as soon as one is free. None where it panicked, or the runtime is ending.
    pub(crate) async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Option<R> {
        let permit = Arc::clone(&self.free).acquire_owned().await.ok()?;
        let running = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(permit);
            result
        });
        running.await.ok()
    }
}
