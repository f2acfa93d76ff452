//! A bounded number of threads for work that blocks: requests wait for one, in order.
//!
//! The thread that became idle last works next, so that few clients are served by few threads, whose memory is warm,
//! and the others end. A runtime's own pool for such work takes turns through all that it has.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// Threads for each core: some of them wait for the one that writes.
const PER_CORE: usize = 4;

/// How long a thread waits for work before it ends.
const IDLE: Duration = Duration::from_secs(5);

type Job = Box<dyn FnOnce() + Send>;

/// Who does what requests need to have done.
pub(crate) struct Workers {
    pool: Arc<Pool>,
}

struct Pool {
    most: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// How many there are.
    threads: usize,
    /// How many there were: the next one's number.
    started: u64,
    /// Who waits for work, by number; the last one is asked first.
    idle: Vec<(u64, SyncSender<Job>)>,
    /// Work that waits for a thread.
    waiting: VecDeque<Job>,
    ending: bool,
}

impl Default for Workers {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Workers::new(cores * PER_CORE)
    }
}

impl Workers {
    fn new(most: usize) -> Self {
        let state = Mutex::default();
        Workers {
            pool: Arc::new(Pool { most, state }),
        }
    }

    /// Runs `work` on a thread as soon as one is free. None where it panicked, or there was no thread for it. Nothing is
    /// run for who has gone away before it began.
    pub(crate) async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Option<R> {
        let (tell, told) = oneshot::channel();
        self.pool.take(Box::new(move || {
            if !tell.is_closed() {
                let _ = tell.send(work());
            }
        }));
        told.await.ok()
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        let mut state = lock(&self.pool.state);
        state.ending = true;
        // Whoever waits notices that nobody can ask any more.
        state.idle.clear();
    }
}

impl Pool {
    fn take(self: &Arc<Self>, job: Job) {
        let mut state = lock(&self.state);
        if let Some((_, thread)) = state.idle.pop() {
            // One that is asked is there: it goes only after it has taken itself off the list.
            let _ = thread.send(job);
            return;
        }
        state.waiting.push_back(job);
        if state.threads == self.most {
            return;
        }
        state.threads += 1;
        state.started += 1;
        let number = state.started;
        drop(state);
        let pool = Arc::clone(self);
        let spawned = std::thread::Builder::new()
            .name("worker".to_owned())
            .spawn(move || pool.work(number));
        if spawned.is_err() {
            let mut state = lock(&self.state);
            state.threads -= 1;
            // Where other threads are, one of them takes it. Where none is, nobody would.
            if state.threads == 0 {
                state.waiting.clear();
            }
        }
    }

    /// A thread's life.
    fn work(&self, number: u64) {
        while let Some(job) = self.next(number) {
            // It has been said on standard error, and whoever waits for the result notices that there is none.
            let _ = catch_unwind(AssertUnwindSafe(job));
        }
    }

    /// The next job, or none if the thread is to end.
    fn next(&self, number: u64) -> Option<Job> {
        let mut state = lock(&self.state);
        if let Some(job) = state.waiting.pop_front() {
            return Some(job);
        }
        if state.ending {
            return None;
        }
        let (give, given) = mpsc::sync_channel(1);
        state.idle.push((number, give));
        drop(state);
        match given.recv_timeout(IDLE) {
            Ok(job) => return Some(job),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => {}
        }
        let mut state = lock(&self.state);
        match state.idle.iter().position(|(one, _)| *one == number) {
            Some(at) => {
                state.idle.remove(at);
                state.threads -= 1;
                None
            }
            // It was asked just now, or all is ending.
            None => {
                drop(state);
                given.recv().ok()
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::sync::Barrier;
    use std::thread::ThreadId;
    use tokio::task::JoinSet;

    async fn who(workers: &Workers) -> ThreadId {
        let told = workers.run(|| std::thread::current().id()).await;
        told.expect("a thread")
    }

    #[tokio::test]
    async fn one_thread_serves_what_comes_one_by_one_also_after_many() {
        let workers = Arc::new(Workers::new(8));
        let (together, mut running) = (Arc::new(Barrier::new(8)), JoinSet::new());
        for _ in 0..8 {
            let (workers, together) = (Arc::clone(&workers), Arc::clone(&together));
            running.spawn(async move { workers.run(move || together.wait()).await });
        }
        while running.join_next().await.is_some() {}
        // The answer comes a moment before the thread is idle, so that a few may take turns.
        let mut threads = HashSet::new();
        for _ in 0..100 {
            threads.insert(who(&workers).await);
        }
        assert!(threads.len() < 5, "{threads:?}");
    }

    #[tokio::test]
    async fn there_are_never_more_threads_than_the_most_and_all_work_is_done() {
        let workers = Arc::new(Workers::new(3));
        let mut running = JoinSet::new();
        for number in 0..1000 {
            let workers = Arc::clone(&workers);
            running.spawn(async move {
                let work = move || (number, std::thread::current().id());
                workers.run(work).await.expect("a thread")
            });
        }
        let (mut numbers, mut threads) = (HashSet::new(), HashSet::new());
        while let Some(done) = running.join_next().await {
            let (number, thread) = done.expect("no panic");
            numbers.insert(number);
            threads.insert(thread);
        }
        assert_eq!(numbers.len(), 1000);
        assert!(threads.len() <= 3, "{threads:?}");
    }

    #[tokio::test]
    async fn a_panic_is_no_answer_and_the_thread_goes_on() {
        let workers = Workers::new(1);
        let before = who(&workers).await;
        assert!(workers.run(|| panic!("on purpose")).await.is_none());
        assert_eq!(who(&workers).await, before);
    }

    #[tokio::test]
    async fn nothing_begins_for_who_has_gone() {
        let workers = Arc::new(Workers::new(1));
        let (go, wait) = mpsc::channel::<()>();
        let (taken, is_taken) = oneshot::channel();
        let busy = Arc::clone(&workers);
        let first = tokio::spawn(async move {
            let work = move || (taken.send(()), wait.recv());
            busy.run(work).await
        });
        is_taken.await.expect("a thread");
        let (begun, begins) = mpsc::channel();
        let mut second = Box::pin(workers.run(move || begun.send(())));
        // It waits in line from here on.
        assert!(is_pending(second.as_mut()).await);
        drop(second);
        go.send(()).expect("it waits");
        assert!(first.await.expect("no panic").is_some());
        who(&workers).await;
        assert!(begins.try_recv().is_err());
    }

    /// Polls once; says whether it is still pending.
    async fn is_pending<F: Future + Unpin>(mut future: F) -> bool {
        std::future::poll_fn(|cx| {
            std::task::Poll::Ready(std::pin::Pin::new(&mut future).poll(cx).is_pending())
        })
        .await
    }

    #[tokio::test]
    async fn its_threads_end_with_it() {
        let workers = Workers::new(2);
        who(&workers).await;
        let pool = Arc::downgrade(&workers.pool);
        drop(workers);
        // The threads hold the pool as long as they are there.
        while pool.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    }
}
