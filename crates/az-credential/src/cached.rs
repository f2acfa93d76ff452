//! A credential with its tokens in memory.

use crate::{
    asked::{Asked, context},
    clock::{Clock, SystemClock},
    issued::{Issued, TokenSource},
    memory_cache::MemoryCache,
};
use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    http::{ClientMethodOptions, Context},
};
use std::{fmt, sync::Arc};

/// A source of tokens that is asked only for those that are not there.
pub(crate) struct Cached<S> {
    source: S,
    tokens: MemoryCache,
}

impl<S: TokenSource> Cached<S> {
    pub(crate) fn new(source: S, clock: Arc<dyn Clock>) -> Self {
        Cached {
            source,
            tokens: MemoryCache::new(clock),
        }
    }
}

#[async_trait::async_trait]
impl<S: TokenSource> TokenCredential for Cached<S> {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let asked = Asked::of(scopes, options.as_ref());
        let context = context(options);
        self.tokens
            .get(&asked, || self.source.issue(&asked, &context))
            .await
    }
}

impl<S: fmt::Debug> fmt::Debug for Cached<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cached").field(&self.source).finish()
    }
}

/// Any credential, with its tokens kept in memory: for one that asks anew for every call, or that asks several times
/// when several want a token at the same time.
///
/// One token is kept for each question (scopes, [tenant](crate::TenantId), [claims](crate::Claims)). However many callers
/// want it at the same time, the credential is asked once, and an error goes to all who waited for it. A token that lives
/// for more than two hours is renewed at half of its life, another one five minutes before it expires; meanwhile, and
/// when the renewal fails, callers get the old one as long as it is good. Kept tokens are wiped when they are replaced;
/// those that were handed out cannot be, [`AccessToken`] being what it is.
///
/// The credentials of this crate need none around them: each has its own.
///
/// ```
/// use az_credential::CachedTokenCredential;
/// use azure_core::credentials::TokenCredential;
/// use std::sync::Arc;
///
/// fn kept(own: Arc<dyn TokenCredential>) -> Arc<dyn TokenCredential> {
///     CachedTokenCredential::around(own)
/// }
/// ```
pub struct CachedTokenCredential(Cached<Foreign>);

impl CachedTokenCredential {
    /// Keeps the tokens of a credential.
    pub fn around(credential: Arc<dyn TokenCredential>) -> Arc<Self> {
        CachedTokenCredential::with_clock(credential, Arc::new(SystemClock))
    }

    /// The same by another clock; for tests.
    pub fn with_clock(credential: Arc<dyn TokenCredential>, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(CachedTokenCredential(Cached::new(
            Foreign(credential),
            clock,
        )))
    }
}

#[async_trait::async_trait]
impl TokenCredential for CachedTokenCredential {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        self.0.get_token(scopes, options).await
    }
}

impl fmt::Debug for CachedTokenCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CachedTokenCredential")
            .field(&self.0.source.0)
            .finish()
    }
}

/// A credential that does not say when its tokens are to be renewed.
#[derive(Debug)]
struct Foreign(Arc<dyn TokenCredential>);

#[async_trait::async_trait]
impl TokenSource for Foreign {
    async fn issue(&self, asked: &Asked, context: &Context<'_>) -> azure_core::Result<Issued> {
        let options = TokenRequestOptions {
            method_options: ClientMethodOptions {
                context: context.to_borrowed(),
            },
        };
        let token = self.0.get_token(&asked.scopes(), Some(options)).await?;
        Ok(Issued {
            token,
            refresh_on: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{asked::Claims, testing::TestClock};
    use azure_core::{error::ErrorKind, time::Duration};
    use futures::future::join_all;
    use std::sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    };

    /// Gives tokens that are numbered, or refuses.
    #[derive(Debug)]
    struct Numbers {
        asked: AtomicUsize,
        lifetime: Mutex<Duration>,
        refuses: Mutex<bool>,
        clock: Arc<TestClock>,
    }

    #[async_trait::async_trait]
    impl TokenCredential for Numbers {
        async fn get_token(
            &self,
            scopes: &[&str],
            _: Option<TokenRequestOptions<'_>>,
        ) -> azure_core::Result<AccessToken> {
            let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
            // as a network does, so that the others come meanwhile
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            if *self.refuses.lock().expect("lock") {
                return Err(azure_core::Error::with_message(
                    ErrorKind::Credential,
                    format!("refusal {number}"),
                ));
            }
            let expires_on = self.clock.now() + *self.lifetime.lock().expect("lock");
            Ok(AccessToken::new(
                format!("{}{number}", scopes.join(" ")),
                expires_on,
            ))
        }
    }

    struct Fixture {
        numbers: Arc<Numbers>,
        clock: Arc<TestClock>,
        cached: Arc<CachedTokenCredential>,
    }

    impl Fixture {
        fn new(lifetime: Duration) -> Self {
            let clock = Arc::new(TestClock::default());
            let numbers = Arc::new(Numbers {
                asked: AtomicUsize::default(),
                lifetime: Mutex::new(lifetime),
                refuses: Mutex::default(),
                clock: clock.clone(),
            });
            Fixture {
                cached: CachedTokenCredential::with_clock(numbers.clone(), clock.clone()),
                numbers,
                clock,
            }
        }

        async fn token(&self) -> Result<String, String> {
            self.token_for(&["s"], None).await
        }

        async fn token_for(&self, scopes: &[&str], claims: Option<&str>) -> Result<String, String> {
            let mut context = Context::new();
            if let Some(claims) = claims {
                context.insert(Claims::new(claims));
            }
            let options = TokenRequestOptions {
                method_options: ClientMethodOptions { context },
            };
            match self.cached.get_token(scopes, Some(options)).await {
                Ok(token) => Ok(token.token.secret().to_owned()),
                Err(error) => Err(error.to_string()),
            }
        }

        fn asked(&self) -> usize {
            self.numbers.asked.load(Ordering::SeqCst)
        }

        fn refuse(&self, refuses: bool) {
            *self.numbers.refuses.lock().expect("lock") = refuses;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_callers_cause_one_request() {
        let fixture = Fixture::new(Duration::hours(1));
        let tokens = join_all((0..1000).map(|_| fixture.token())).await;
        assert!(tokens.iter().all(|token| token.as_deref() == Ok("s1")));
        assert_eq!(fixture.asked(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_callers_share_one_refusal_and_the_next_one_asks_again() {
        let fixture = Fixture::new(Duration::hours(1));
        fixture.refuse(true);
        let tokens = join_all((0..1000).map(|_| fixture.token())).await;
        assert!(
            tokens
                .iter()
                .all(|token| token.as_deref() == Err(&"refusal 1".to_owned()))
        );
        assert_eq!(fixture.asked(), 1);
        fixture.refuse(false);
        assert_eq!(fixture.token().await.as_deref(), Ok("s2"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_who_gives_up_leaves_the_question_to_the_next() {
        let fixture = Fixture::new(Duration::hours(1));
        let short = std::time::Duration::from_millis(10);
        assert!(tokio::time::timeout(short, fixture.token()).await.is_err());
        assert_eq!(fixture.token().await.as_deref(), Ok("s2"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_renewed_five_minutes_before_it_expires_and_by_one_caller() {
        let fixture = Fixture::new(Duration::hours(1));
        assert_eq!(fixture.token().await.as_deref(), Ok("s1"));
        fixture.clock.pass(Duration::minutes(54));
        assert_eq!(fixture.token().await.as_deref(), Ok("s1"));
        fixture.clock.pass(Duration::minutes(2));
        let tokens = join_all((0..1000).map(|_| fixture.token())).await;
        let new = tokens.iter().filter(|token| token.as_deref() == Ok("s2"));
        assert_eq!(new.count(), 1, "the others get the old one meanwhile");
        assert_eq!(fixture.asked(), 2);
        assert_eq!(fixture.token().await.as_deref(), Ok("s2"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_of_more_than_two_hours_is_renewed_at_half_of_its_life() {
        let fixture = Fixture::new(Duration::hours(24));
        assert_eq!(fixture.token().await.as_deref(), Ok("s1"));
        fixture.clock.pass(Duration::minutes(11 * 60 + 59));
        assert_eq!(fixture.token().await.as_deref(), Ok("s1"));
        fixture.clock.pass(Duration::minutes(2));
        assert_eq!(fixture.token().await.as_deref(), Ok("s2"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_renewal_keeps_the_old_token_while_it_is_good() {
        let fixture = Fixture::new(Duration::hours(1));
        assert_eq!(fixture.token().await.as_deref(), Ok("s1"));
        fixture.refuse(true);
        fixture.clock.pass(Duration::minutes(56));
        for _ in 0..3 {
            assert_eq!(fixture.token().await.as_deref(), Ok("s1"));
        }
        assert_eq!(fixture.asked(), 2, "not asked again at once");
        fixture.clock.pass(Duration::seconds(31));
        assert_eq!(fixture.token().await.as_deref(), Ok("s1"));
        assert_eq!(fixture.asked(), 3);
        fixture.clock.pass(Duration::minutes(4));
        assert_eq!(
            fixture.token().await.as_deref(),
            Err(&"refusal 4".to_owned())
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_expired_token_is_not_given() {
        let fixture = Fixture::new(Duration::minutes(2));
        assert_eq!(fixture.token().await.as_deref(), Ok("s1"));
        fixture.clock.pass(Duration::seconds(30));
        assert_eq!(
            fixture.token().await.as_deref(),
            Ok("s1"),
            "not yet at half"
        );
        fixture.clock.pass(Duration::seconds(91));
        let tokens = join_all((0..10).map(|_| fixture.token())).await;
        assert!(tokens.iter().all(|token| token.as_deref() == Ok("s2")));
    }

    #[tokio::test(start_paused = true)]
    async fn other_scopes_and_other_claims_are_other_questions() {
        let fixture = Fixture::new(Duration::hours(1));
        assert_eq!(fixture.token_for(&["a"], None).await.as_deref(), Ok("a1"));
        assert_eq!(fixture.token_for(&["b"], None).await.as_deref(), Ok("b2"));
        let claims = Some("{}");
        assert_eq!(fixture.token_for(&["a"], claims).await.as_deref(), Ok("a3"));
        assert_eq!(fixture.token_for(&["a"], claims).await.as_deref(), Ok("a3"));
        assert_eq!(
            fixture.token_for(&["a"], None).await.as_deref(),
            Ok("a3"),
            "the revoked token is of no more use"
        );
        assert_eq!(fixture.token_for(&["b"], None).await.as_deref(), Ok("b2"));
    }

    #[tokio::test(start_paused = true)]
    async fn many_challenges_do_not_fill_the_memory() {
        let fixture = Fixture::new(Duration::minutes(10));
        for number in 0..300 {
            let claims = number.to_string();
            let _ = fixture.token_for(&["a"], Some(&claims)).await;
            fixture.clock.pass(Duration::minutes(11));
        }
        assert!(fixture.cached.0.tokens.len() <= 65);
    }

    /// By the clock of this computer, which is ahead, each token has expired when it comes.
    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_off_costs_requests_but_no_token_and_no_herd() {
        let fixture = Fixture::new(Duration::hours(-1));
        let tokens = join_all((0..1000).map(|_| fixture.token())).await;
        assert!(tokens.iter().all(|token| token.as_deref() == Ok("s1")));
        assert_eq!(fixture.asked(), 1);
        assert_eq!(fixture.token().await.as_deref(), Ok("s2"));
    }

    #[tokio::test(start_paused = true)]
    async fn questions_whose_tokens_are_good_are_not_gone_through_again_and_again() {
        let fixture = Fixture::new(Duration::hours(24));
        for number in 0..1000 {
            let scope = number.to_string();
            let _ = fixture.token_for(&[&scope], None).await;
        }
        let tokens = &fixture.cached.0.tokens;
        assert_eq!((tokens.len(), tokens.sweep_at()), (1000, 1024));
    }

    #[test]
    fn nothing_secret_is_in_the_debug_output() {
        let asked = Asked {
            scopes: vec!["s".to_owned()],
            tenant: None,
            claims: Some("ada@example.org".to_owned()),
        };
        let text = format!("{asked:?} {:?}", Claims::new("ada@example.org"));
        assert!(!text.contains("ada"), "{text}");
    }
}
