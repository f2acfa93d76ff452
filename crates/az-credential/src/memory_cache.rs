//! Tokens in memory: one for each question, asked for once however many want it, renewed before it expires.

use crate::{asked::Asked, clock::Clock, issued::Issued};
use azure_core::{
    Error,
    credentials::AccessToken,
    time::{Duration, OffsetDateTime},
};
use std::{
    collections::HashMap,
    error::Error as StdError,
    fmt,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use zeroize::Zeroizing;

/// A token is renewed this long before it expires, where nothing says otherwise; `azure_core` asks for a new one then.
const BEFORE_EXPIRY: Duration = Duration::minutes(5);

/// From this lifetime on a token is renewed at half of it, as MSAL does where an answer has no `refresh_in`:
/// `authResultFromToken` in `apps/managedidentity/managedidentity.go` of microsoft-authentication-library-for-go 1.10.
const LONG_LIFE: Duration = Duration::hours(2);

/// After a renewal that failed, the token that is still good serves this long before the next try: Azure's SDK for Go
/// waits as long (`sdk/internal/temporal/resource.go`, `backoff`).
const BETWEEN_TRIES: Duration = Duration::seconds(30);

/// Where a renewal is under way and the token is good for less than this, callers wait for the new one.
const TOO_SHORT: Duration = Duration::seconds(30);

/// So many questions are remembered before those whose tokens have expired are forgotten: each challenge's claims are a
/// question of their own.
const MANY: usize = 64;

/// The tokens of one credential.
pub(crate) struct MemoryCache {
    slots: Mutex<Slots>,
    clock: Arc<dyn Clock>,
}

/// The questions that are remembered.
struct Slots {
    of: HashMap<Asked, Arc<Slot>>,
    /// With so many, those that are of no more use are looked for. It grows with what is left, so that a question costs
    /// the same however many there are.
    sweep_at: usize,
}

/// One question's token.
#[derive(Default)]
struct Slot {
    state: Mutex<State>,
    /// Who holds it asks; the others wait.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    kept: Option<Kept>,
    /// How many times somebody asked and got an answer, good or bad.
    answers: u64,
    /// The number of the latest answer that was bad, and what it was.
    failure: Option<(u64, Arc<Error>)>,
}

/// A token, wiped from memory when it is replaced.
struct Kept {
    secret: Zeroizing<String>,
    expires_on: OffsetDateTime,
    refresh_on: OffsetDateTime,
}

/// What a slot holds at one moment.
enum Found {
    Fresh(AccessToken),
    /// Good, and to be renewed.
    Due(AccessToken),
    Nothing,
}

impl MemoryCache {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        MemoryCache {
            slots: Mutex::new(Slots {
                of: HashMap::new(),
                sweep_at: MANY,
            }),
            clock,
        }
    }

    /// The token that is kept, else the one that `ask` gets.
    ///
    /// While a token is renewed, who wants one gets the old one; where there is none, all wait for the one who asks, and
    /// share the answer, be it an error.
    pub(crate) async fn get<F, A>(&self, asked: &Asked, ask: A) -> azure_core::Result<AccessToken>
    where
        A: FnOnce() -> F,
        F: Future<Output = azure_core::Result<Issued>>,
    {
        let slot = self.slot(asked);
        let seen = slot.state().answers;
        let (old, turn) = match slot.find(self.clock.now()) {
            Found::Fresh(token) => return Ok(token),
            Found::Due(old) => match slot.turn.try_lock() {
                Ok(turn) => (Some(old), turn),
                Err(_) if old.expires_on > self.clock.now() + TOO_SHORT => return Ok(old),
                Err(_) => (Some(old), slot.turn.lock().await),
            },
            Found::Nothing => (None, slot.turn.lock().await),
        };
        // Somebody may have been faster. What came while this one waited is new, also where the computer's clock is off and
        // takes it for expired.
        if let Found::Fresh(token) = slot.find(self.clock.now()) {
            return Ok(token);
        }
        if let Some(token) = slot.token_since(seen) {
            return Ok(token);
        }
        let failed = slot.failure_since(seen);
        let answer = match failed {
            Some(error) => Err(shared(error)),
            None => match ask().await {
                Ok(issued) => {
                    let token = issued.token.clone();
                    self.keep(asked, &slot, issued);
                    Ok(token)
                }
                Err(error) => Err(slot.fail(error, self.clock.now())),
            },
        };
        drop(turn);
        match (answer, old) {
            (Err(error), Some(old)) if old.expires_on > self.clock.now() => {
                tracing::warn!(%error, "the token could not be renewed; the old one is still good");
                Ok(old)
            }
            (answer, _) => answer,
        }
    }

    /// With how many questions those of no more use are looked for next.
    #[cfg(test)]
    pub(crate) fn sweep_at(&self) -> usize {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.sweep_at
    }

    /// How many questions are remembered.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.of.len()
    }

    fn keep(&self, asked: &Asked, slot: &Slot, issued: Issued) {
        let now = self.clock.now();
        // A resource that asks for claims takes the former token no more.
        if let Some(plain) = asked.without_claims() {
            self.slot(&plain).keep(&issued, now);
        }
        slot.keep(&issued, now);
    }

    fn slot(&self, asked: &Asked) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.of.get(asked) {
            return slot.clone();
        }
        if slots.of.len() >= slots.sweep_at {
            let now = self.clock.now();
            slots
                .of
                .retain(|_, slot| Arc::strong_count(slot) > 1 || slot.is_good(now));
            slots.sweep_at = MANY.max(2 * slots.of.len());
        }
        slots.of.entry(asked.clone()).or_default().clone()
    }
}

impl Slot {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, now: OffsetDateTime) -> Found {
        let state = self.state();
        let Some(kept) = state.kept.as_ref().filter(|kept| kept.expires_on > now) else {
            return Found::Nothing;
        };
        let token = AccessToken::new(kept.secret.as_str().to_owned(), kept.expires_on);
        if kept.refresh_on > now {
            Found::Fresh(token)
        } else {
            Found::Due(token)
        }
    }

    fn is_good(&self, now: OffsetDateTime) -> bool {
        let state = self.state();
        state
            .kept
            .as_ref()
            .is_some_and(|kept| kept.expires_on > now)
    }

    fn keep(&self, issued: &Issued, now: OffsetDateTime) {
        let expires_on = issued.token.expires_on;
        let mut state = self.state();
        state.answers += 1;
        state.failure = None;
        state.kept = Some(Kept {
            secret: Zeroizing::new(issued.token.token.secret().to_owned()),
            expires_on,
            refresh_on: refresh_on(now, expires_on, issued.refresh_on),
        });
    }

    /// Notes a failure; the error comes back for the one who asked.
    fn fail(&self, error: Error, now: OffsetDateTime) -> Error {
        let mut state = self.state();
        state.answers += 1;
        let error = Arc::new(error);
        state.failure = Some((state.answers, error.clone()));
        if let Some(kept) = &mut state.kept {
            kept.refresh_on = now + BETWEEN_TRIES;
        }
        shared(error)
    }

    /// The token of a question that was answered after the first `seen`.
    fn token_since(&self, seen: u64) -> Option<AccessToken> {
        let state = self.state();
        let kept = state.kept.as_ref()?;
        let answered = state.answers > seen && state.failure.is_none();
        answered.then(|| AccessToken::new(kept.secret.as_str().to_owned(), kept.expires_on))
    }

    /// What came of a question that was answered after the first `seen`, if it was no token.
    fn failure_since(&self, seen: u64) -> Option<Arc<Error>> {
        let state = self.state();
        let (number, error) = state.failure.as_ref()?;
        (*number > seen).then(|| error.clone())
    }
}

/// When a token is to be renewed: when the answer says, else by its lifetime; always before it expires.
fn refresh_on(
    now: OffsetDateTime,
    expires_on: OffsetDateTime,
    said: Option<OffsetDateTime>,
) -> OffsetDateTime {
    let lifetime = expires_on - now;
    // One that lives for minutes only is not asked for again at once.
    let latest = expires_on - BEFORE_EXPIRY.min(lifetime / 2);
    match said {
        Some(said) => said.min(latest),
        None if lifetime > LONG_LIFE => now + lifetime / 2,
        None => latest,
    }
}

/// An error that several callers get.
#[derive(Debug)]
struct Shared(Arc<Error>);

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Its source is the error itself, so that whoever looks for its type finds it.
impl StdError for Shared {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(self.0.as_ref())
    }
}

/// The same kind of error, of which there can be several.
fn shared(error: Arc<Error>) -> Error {
    Error::new(error.kind().clone(), Shared(error))
}

impl fmt::Debug for MemoryCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryCache").finish_non_exhaustive()
    }
}
