//! A chain in an order of one's own.

use crate::{
    asked::{Asked, InChain},
    chain_error::{ChainAttempt, ChainError},
    turns::Turns,
    unavailable::is_unavailable,
};
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use std::{
    fmt,
    sync::{Arc, OnceLock},
};

/// Tells whether a credential's error means that it is not set up.
pub type IsUnavailable = Arc<dyn Fn(&azure_core::Error) -> bool + Send + Sync>;

/// How a [`ChainedTokenCredential`] goes about it.
#[derive(Clone, Default)]
pub struct ChainedTokenCredentialOptions {
    /// Whether every token is searched for from the beginning of the chain, where otherwise the first credential that
    /// gave one is asked for ever.
    pub retry_sources: bool,
    /// What else counts as not available, beside what [`is_unavailable`] knows: for credentials of other crates, whose
    /// errors have types of their own.
    pub is_unavailable: Option<IsUnavailable>,
}

impl fmt::Debug for ChainedTokenCredentialOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChainedTokenCredentialOptions")
            .field("retry_sources", &self.retry_sources)
            .finish_non_exhaustive()
    }
}

/// Tries one credential after another and stays with the first that gives a token, as Azure's SDK for Go does.
///
/// One that is not available ([`CredentialUnavailable`](crate::CredentialUnavailable)) is passed over; every other
/// error ends the search, so that nobody signs in as someone else by accident. Where there are several, the managed
/// identity of this crate asks for a second first whether there is a metadata service, as in the default chain; Go's does
/// not.
///
/// ```no_run
/// use az_credential::{
///     ChainedTokenCredential, CredentialName, ManagedIdentityCredential, MemberCredential, Options,
/// };
/// use azure_core::credentials::TokenCredential;
/// use std::sync::Arc;
///
/// # fn example() -> Result<Arc<dyn TokenCredential>, Box<dyn std::error::Error>> {
/// let options = Options::from_process()?;
/// let machine = ManagedIdentityCredential::new(options.clone())?;
/// let person = MemberCredential::new(CredentialName::AzureCli, options)?;
/// let chain = ChainedTokenCredential::new(vec![person, machine], None)?;
/// # Ok(chain)
/// # }
/// ```
pub struct ChainedTokenCredential {
    sources: Vec<Arc<dyn TokenCredential>>,
    options: ChainedTokenCredentialOptions,
    chosen: OnceLock<usize>,
    turns: Turns<Asked, ChainError>,
}

impl ChainedTokenCredential {
    /// A chain of these, in this order.
    ///
    /// # Errors
    /// [`ChainError::Empty`].
    pub fn new(
        sources: Vec<Arc<dyn TokenCredential>>,
        options: Option<ChainedTokenCredentialOptions>,
    ) -> Result<Arc<Self>, ChainError> {
        if sources.is_empty() {
            return Err(ChainError::Empty);
        }
        Ok(Arc::new(ChainedTokenCredential {
            sources,
            options: options.unwrap_or_default(),
            chosen: OnceLock::new(),
            turns: Turns::new(),
        }))
    }

    /// The place of the credential that gave a token, once one has and the chain stays with it.
    pub fn chosen(&self) -> Option<usize> {
        self.chosen.get().copied()
    }

    async fn search(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> Result<(usize, AccessToken), ChainError> {
        let mut attempts = Vec::new();
        let options = if self.sources.len() > 1 {
            Some(InChain::say(options))
        } else {
            options
        };
        for (index, source) in self.sources.iter().enumerate() {
            let error = match source.get_token(scopes, options.clone()).await {
                Ok(token) => {
                    tracing::info!(index, "signed in");
                    return Ok((index, token));
                }
                Err(error) => error,
            };
            let own = self.options.is_unavailable.as_ref();
            let goes_on = is_unavailable(&error) || own.is_some_and(|own| own(&error));
            tracing::debug!(index, %error, goes_on, "no token");
            attempts.push(ChainAttempt {
                index,
                error: Arc::new(error),
            });
            if !goes_on {
                return Err(ChainError::Failed { attempts });
            }
        }
        Err(ChainError::Unavailable { attempts })
    }
}

#[async_trait::async_trait]
impl TokenCredential for ChainedTokenCredential {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        if self.options.retry_sources {
            return Ok(self.search(scopes, options).await?.1);
        }
        if self.chosen().is_none() {
            let asked = Asked::of(scopes, options.as_ref());
            // Callers that come while one searches wait for what it finds.
            let turn = self.turns.wait(&asked).await;
            if self.chosen().is_none() {
                if let Some(error) = turn.failure {
                    return Err(error.into());
                }
                return match self.search(scopes, options).await {
                    Ok((index, token)) => {
                        let _ = self.chosen.set(index);
                        Ok(token)
                    }
                    Err(error) => {
                        self.turns.fail(asked, error.clone());
                        Err(error.into())
                    }
                };
            }
        }
        let chosen = &self.sources[self.chosen().unwrap_or_default()];
        chosen.get_token(scopes, options).await
    }
}

impl fmt::Debug for ChainedTokenCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChainedTokenCredential")
            .field("sources", &self.sources)
            .field("options", &self.options)
            .field("chosen", &self.chosen())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        federated_identity::FederatedIdentityCredential,
        managed_identity_credential::ManagedIdentityCredential,
        options::Options,
        testing::{Reply, Script},
        unavailable::CredentialUnavailable,
    };
    use azure_core::{error::ErrorKind, time::OffsetDateTime};
    use futures::future::join_all;
    use std::sync::Mutex;

    #[derive(Clone, Copy, Debug)]
    enum Will {
        Give,
        BeUnavailable,
        Refuse,
    }

    /// Does what it is told, and counts.
    #[derive(Debug)]
    struct Source {
        name: &'static str,
        will: Mutex<Will>,
        asked: Mutex<usize>,
    }

    impl Source {
        fn new(name: &'static str, will: Will) -> Arc<Self> {
            Arc::new(Source {
                name,
                will: Mutex::new(will),
                asked: Mutex::default(),
            })
        }

        fn asked(&self) -> usize {
            *self.asked.lock().expect("lock")
        }
    }

    #[async_trait::async_trait]
    impl TokenCredential for Source {
        async fn get_token(
            &self,
            _: &[&str],
            _: Option<TokenRequestOptions<'_>>,
        ) -> azure_core::Result<AccessToken> {
            *self.asked.lock().expect("lock") += 1;
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            match *self.will.lock().expect("lock") {
                Will::Give => Ok(AccessToken::new(
                    self.name.to_owned(),
                    OffsetDateTime::now_utc() + azure_core::time::Duration::hours(1),
                )),
                Will::BeUnavailable => Err(CredentialUnavailable::new("not here").into()),
                Will::Refuse => Err(azure_core::Error::with_message(
                    ErrorKind::Credential,
                    "refused",
                )),
            }
        }
    }

    fn chain(
        sources: &[&Arc<Source>],
        options: ChainedTokenCredentialOptions,
    ) -> Arc<ChainedTokenCredential> {
        let sources = sources
            .iter()
            .map(|source| Arc::clone(source) as Arc<dyn TokenCredential>)
            .collect();
        ChainedTokenCredential::new(sources, Some(options)).expect("a chain")
    }

    async fn token(chain: &ChainedTokenCredential) -> Result<String, azure_core::Error> {
        let token = chain.get_token(&["s"], None).await?;
        Ok(token.token.secret().to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn it_stays_with_the_first_that_gave_a_token() {
        let (a, b) = (
            Source::new("a", Will::BeUnavailable),
            Source::new("b", Will::Give),
        );
        let chain = chain(&[&a, &b], ChainedTokenCredentialOptions::default());
        assert_eq!(token(&chain).await.expect("a token"), "b");
        assert_eq!(chain.chosen(), Some(1));
        *a.will.lock().expect("lock") = Will::Give;
        assert_eq!(token(&chain).await.expect("a token"), "b");
        *b.will.lock().expect("lock") = Will::BeUnavailable;
        assert!(is_unavailable(&token(&chain).await.expect_err("b's error")));
        assert_eq!((a.asked(), b.asked()), (1, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn another_error_ends_the_search() {
        let (a, b, c) = (
            Source::new("a", Will::BeUnavailable),
            Source::new("b", Will::Refuse),
            Source::new("c", Will::Give),
        );
        let chain = chain(&[&a, &b, &c], ChainedTokenCredentialOptions::default());
        let error = token(&chain).await.expect_err("refused");
        assert!(!is_unavailable(&error));
        let text = error.to_string();
        assert!(text.contains("\n  1: not here\n  2: refused"), "{text}");
        match error.downcast_ref::<ChainError>() {
            Some(ChainError::Failed { attempts }) => assert_eq!(attempts[1].index, 1),
            other => panic!("{other:?}"),
        }
        assert_eq!((b.asked(), c.asked()), (1, 0));
        assert_eq!(chain.chosen(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_chain_within_a_chain_is_unavailable_when_all_of_it_is() {
        let a = Source::new("a", Will::BeUnavailable);
        let b = Source::new("b", Will::Give);
        let inner = chain(&[&a, &a], ChainedTokenCredentialOptions::default());
        let outer = ChainedTokenCredential::new(vec![inner, b], None).expect("a chain");
        assert_eq!(token(&outer).await.expect("a token"), "b");
    }

    #[tokio::test(start_paused = true)]
    async fn foreign_errors_count_as_the_options_say() {
        let (a, b) = (Source::new("a", Will::Refuse), Source::new("b", Will::Give));
        let options = ChainedTokenCredentialOptions {
            is_unavailable: Some(Arc::new(|error| error.kind() == &ErrorKind::Credential)),
            ..ChainedTokenCredentialOptions::default()
        };
        assert_eq!(
            token(&chain(&[&a, &b], options)).await.expect("a token"),
            "b"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn sources_are_tried_again_where_that_is_wanted() {
        let (a, b) = (
            Source::new("a", Will::BeUnavailable),
            Source::new("b", Will::Give),
        );
        let options = ChainedTokenCredentialOptions {
            retry_sources: true,
            ..ChainedTokenCredentialOptions::default()
        };
        let chain = chain(&[&a, &b], options);
        assert_eq!(token(&chain).await.expect("a token"), "b");
        *a.will.lock().expect("lock") = Will::Give;
        assert_eq!(token(&chain).await.expect("a token"), "a");
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_callers_search_once() {
        let (a, b) = (
            Source::new("a", Will::BeUnavailable),
            Source::new("b", Will::Refuse),
        );
        let chain = chain(&[&a, &b], ChainedTokenCredentialOptions::default());
        let tokens = join_all((0..1000).map(|_| token(&chain))).await;
        assert!(tokens.iter().all(Result::is_err));
        assert_eq!((a.asked(), b.asked()), (1, 1));
        *b.will.lock().expect("lock") = Will::Give;
        let tokens = join_all((0..1000).map(|_| token(&chain))).await;
        assert!(tokens.iter().all(Result::is_ok));
        assert_eq!(a.asked(), 2, "nobody searches after the one who found it");
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_without_a_metadata_service_is_passed_over_within_a_second() {
        for reply in [
            Reply::of(200, "{}").after(3600),
            Reply::Unreachable,
            Reply::of(200, "<html>welcome"),
        ] {
            let script = Script::new([reply]);
            let options = Options {
                transport: Some(script.transport()),
                ..Options::default()
            };
            let machine = ManagedIdentityCredential::new(options.clone()).expect("a credential");
            let application = FederatedIdentityCredential::new("t", "c", machine.clone(), options);
            let last = Source::new("last", Will::Give);
            let sources: [Arc<dyn TokenCredential>; 3] =
                [machine, application.expect("an application"), last];
            let chain = ChainedTokenCredential::new(sources.to_vec(), None).expect("a chain");
            let start = tokio::time::Instant::now();
            assert_eq!(token(&chain).await.expect("a token"), "last");
            assert!(start.elapsed().as_secs() <= 2, "{:?}", start.elapsed());
        }
    }

    #[test]
    fn a_chain_of_nothing_is_none() {
        assert!(matches!(
            ChainedTokenCredential::new(Vec::new(), None),
            Err(ChainError::Empty)
        ));
    }
}
