//! In tests.
//!
//! A test hands in what a program would take from its process:
//!
//! - [`Env::from_pairs`](crate::Env::from_pairs) in place of the environment. Nothing else is read, so tests run at the
//!   same time.
//! - [`Options::transport`](crate::Options::transport): a [`Transport`](azure_core::http::Transport) that answers itself.
//! - [`Options::clock`](crate::Options::clock): a [`Clock`](crate::Clock) that the test moves.
//!
//! ```
//! use az_credential::{Env, ManagedIdentityCredential, Options};
//! use azure_core::{
//!     Bytes,
//!     credentials::TokenCredential,
//!     http::{AsyncRawResponse, HttpClient, Request, StatusCode, Transport, headers::Headers},
//! };
//! use std::sync::Arc;
//!
//! /// A host with an identity.
//! #[derive(Debug)]
//! struct Host;
//!
//! #[async_trait::async_trait]
//! impl HttpClient for Host {
//!     async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
//!         assert_eq!(request.url().host_str(), Some("127.0.0.1"));
//!         let body = Bytes::from(r#"{"access_token": "T", "expires_on": "2147483647"}"#);
//!         Ok(AsyncRawResponse::from_bytes(StatusCode::Ok, Headers::new(), body))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let credential = ManagedIdentityCredential::new(Options {
//!     env: Env::from_pairs([
//!         ("IDENTITY_ENDPOINT", "http://127.0.0.1:41/msi/token"),
//!         ("IDENTITY_HEADER", "secret"),
//!     ]),
//!     transport: Some(Transport::new(Arc::new(Host))),
//!     ..Options::default()
//! })?;
//! let token = credential.get_token(&["https://vault.azure.net/.default"], None).await?;
//! assert_eq!(token.token.secret(), "T");
//! # Ok(())
//! # }
//! ```
//!
//! A program that takes `Arc<dyn TokenCredential>` needs none of this: the test gives it a credential of its own.
