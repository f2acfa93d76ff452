//! What is written to a program's log, at its most talkative: nothing that is a secret.

use crate::{
    asked::Claims,
    chain::DefaultAzureCredential,
    env::Env,
    federated_identity::FederatedIdentityCredential,
    managed_identity_credential::ManagedIdentityCredential,
    member_credential::MemberCredential,
    name::CredentialName,
    options::Options,
    testing::{Reply, Script},
};
use azure_core::{
    credentials::{TokenCredential, TokenRequestOptions},
    http::{ClientMethodOptions, Context},
};
use std::{
    io::Write,
    sync::{Arc, Mutex},
};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("lock").extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Log;

    fn make_writer(&self) -> Log {
        self.clone()
    }
}

const SECRET: &str = "hunter2";

fn options(variables: &[(&str, &str)], script: &Arc<Script>) -> Options {
    Options {
        env: Env::from_pairs(variables.iter().copied()),
        transport: Some(script.transport()),
        ..Options::default()
    }
}

#[tokio::test(start_paused = true)]
async fn no_secret_is_in_the_log_and_the_member_is() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let token = format!(r#"{{"access_token": "{SECRET}", "expires_in": 3600}}"#);
    let principal = [
        ("AZURE_TENANT_ID", "t"),
        ("AZURE_CLIENT_ID", "c"),
        ("AZURE_CLIENT_SECRET", SECRET),
    ];
    let service = [
        ("IDENTITY_ENDPOINT", "http://127.0.0.1:41/token"),
        ("IDENTITY_HEADER", SECRET),
    ];
    let good = Reply::of(200, &token);
    let odd = Reply::of(200, SECRET);
    let refused = Reply::of(
        401,
        r#"{"error": "invalid_client", "error_description": "no"}"#,
    );
    for (variables, reply) in [
        (&principal[..], &good),
        (&principal[..], &odd),
        (&principal[..], &refused),
        (&service[..], &good),
        (&service[..], &odd),
        (&service[..], &Reply::of(503, "{}")),
    ] {
        let script = Script::new([reply.clone()]);
        let chain = DefaultAzureCredential::new(options(variables, &script)).expect("a chain");
        let claims = Claims::new(format!(r#"{{"who": "{SECRET}"}}"#));
        let asking = TokenRequestOptions {
            method_options: ClientMethodOptions {
                context: Context::new().with_value(claims),
            },
        };
        let _ = chain.get_token(&["s"], Some(asking)).await;
        let member =
            MemberCredential::new(CredentialName::Environment, options(variables, &script));
        let _ = member.expect("a member").get_token(&["s"], None).await;
        let identity = ManagedIdentityCredential::new(options(variables, &script));
        let application = FederatedIdentityCredential::new(
            "t",
            "c",
            identity.expect("an identity"),
            options(variables, &script),
        );
        let _ = application.expect("one").get_token(&["s"], None).await;
    }
    drop(guard);
    let text = String::from_utf8(log.0.lock().expect("lock").clone()).expect("text");
    assert!(!text.contains(SECRET), "{text}");
    for expected in [
        "EnvironmentCredential",
        "ManagedIdentityCredential",
        "FederatedIdentityCredential",
        "signed in",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}
