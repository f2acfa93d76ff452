use super::token::{TokenError, authenticate};
use super::{TOKEN_EXCHANGE, handle};
use crate::ground::password::Hashed;
use crate::request::Context;
use crate::request::testing::{later, read, request, with_context};
use crate::state::federation::Issuer;
use crate::state::people::User;
use crate::state::signing_keys::generate_rsa;
use crate::state::testing::keys;
use crate::state::{Application, FederatedCredential, ServicePrincipal, Tenant};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::Method;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use ring::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair};
use rustls_pki_types::PrivatePkcs8KeyDer;
use serde_json::{Value, json};
use std::sync::OnceLock;
use time::Duration;

const TENANT: &str = "11111111-1111-4111-8111-111111111111";
const APP: &str = "22222222-2222-4222-8222-222222222222";
const OBJECT: &str = "33333333-3333-4333-8333-333333333333";
const VAULT: [&str; 1] = ["https://vault.azure.net"];

fn seed(cx: &Context<'_>, certificates: Vec<String>, federated: Vec<FederatedCredential>) {
    let tenant = Tenant {
        id: TENANT.to_owned(),
        display_name: "Local".to_owned(),
        domains: Vec::new(),
    };
    cx.tx.put(&tenant).expect("a tenant");
    let application = Application {
        app_id: APP.to_owned(),
        tenant_id: TENANT.to_owned(),
        secrets: vec!["right".to_owned()],
        certificates,
        federated,
    };
    cx.tx.put(&application).expect("an application");
    let principal = ServicePrincipal {
        object_id: OBJECT.to_owned(),
        app_id: APP.to_owned(),
        tenant_id: TENANT.to_owned(),
        display_name: "desk".to_owned(),
        managed_identity: None,
        created: cx.now,
    };
    cx.tx.put(&principal).expect("a principal");
}

fn ask(cx: &Context<'_>, tenant: &str, fields: &[(&str, &str)]) -> (u16, Value) {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    let defaults = [
        ("grant_type", "client_credentials"),
        ("client_id", APP),
        ("scope", "https://vault.azure.net/.default"),
    ];
    for (name, value) in defaults {
        if !fields.iter().any(|(given, _)| *given == name) {
            form.append_pair(name, value);
        }
    }
    form.extend_pairs(fields);
    let url = format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token");
    read(&handle(
        cx,
        &request(Method::POST, &url, &[], &form.finish()),
    ))
}

fn token(cx: &Context<'_>, scope: &str) -> String {
    let (status, body) = ask(cx, TENANT, &[("client_secret", "right"), ("scope", scope)]);
    assert_eq!(status, 200, "{body}");
    body["access_token"].as_str().expect("a token").to_owned()
}

fn check(cx: &Context<'_>, token: &str, audiences: &[&str]) -> Result<String, TokenError> {
    let header = format!("Bearer {token}");
    let request = request(
        Method::GET,
        "https://v.vault.azure.net/",
        &[("authorization", &header)],
        "",
    );
    authenticate(cx, &request, audiences).map(|principal| principal.object_id)
}

#[test]
fn a_secret_gives_a_token_that_services_accept() {
    with_context(|cx| {
        seed(cx, Vec::new(), Vec::new());
        let token = token(cx, "https://vault.azure.net/.default");
        assert_eq!(check(cx, &token, &VAULT), Ok(OBJECT.to_owned()));
        let caller = cx.caller.borrow();
        assert_eq!(caller.oid.as_deref(), Some(OBJECT));
        assert_eq!(caller.token_source.as_deref(), Some("client_secret"));
    });
}

#[test]
fn azs_scope_with_two_slashes_is_for_resource_manager() {
    with_context(|cx| {
        seed(cx, Vec::new(), Vec::new());
        let token = token(cx, "https://management.core.windows.net//.default");
        let arm = [
            "https://management.azure.com",
            "https://management.core.windows.net",
        ];
        assert_eq!(check(cx, &token, &arm), Ok(OBJECT.to_owned()));
        let got = "https://management.core.windows.net/".to_owned();
        assert_eq!(check(cx, &token, &VAULT), Err(TokenError::Audience { got }));
    });
}

#[test]
fn a_token_that_is_late_or_changed_is_refused() {
    with_context(|cx| {
        seed(cx, Vec::new(), Vec::new());
        let token = token(cx, "https://vault.azure.net/.default");
        let mut parts: Vec<&str> = token.split('.').collect();
        let claims = URL_SAFE_NO_PAD.encode(
            json!({"aud": VAULT[0], "exp": 9_999_999_999i64, "nbf": 0, "appid": APP, "oid": "someone", "tid": TENANT})
                .to_string(),
        );
        parts[1] = &claims;
        assert_eq!(
            check(cx, &parts.join("."), &VAULT),
            Err(TokenError::Malformed)
        );
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
        assert_eq!(
            check(cx, &format!("{none}.{claims}."), &VAULT),
            Err(TokenError::Malformed)
        );
        assert_eq!(check(cx, "", &VAULT), Err(TokenError::Missing));
        later(cx, Duration::seconds(cx.knobs.token_lifetime_s));
        assert_eq!(check(cx, &token, &VAULT), Err(TokenError::Expired));
    });
}

#[test]
fn what_is_wrong_with_a_token_request_is_told_by_its_number() {
    with_context(|cx| {
        seed(cx, Vec::new(), Vec::new());
        let secret = ("client_secret", "right");
        type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], u16, &'a str, u64);
        let cases: [Case<'_>; 9] = [
            (
                TENANT,
                &[("client_secret", "wrong")],
                401,
                "invalid_client",
                7_000_215,
            ),
            (TENANT, &[], 401, "invalid_client", 7_000_216),
            ("nowhere", &[secret], 400, "invalid_request", 90_002),
            ("common", &[secret], 400, "invalid_request", 50_059),
            (
                TENANT,
                &[secret, ("client_id", OBJECT)],
                400,
                "unauthorized_client",
                700_016,
            ),
            (
                TENANT,
                &[secret, ("grant_type", "x")],
                400,
                "unsupported_grant_type",
                70_003,
            ),
            (
                TENANT,
                &[secret, ("scope", "https://vault.azure.net")],
                400,
                "invalid_scope",
                1_002_012,
            ),
            (
                TENANT,
                &[secret, ("scope", "openid")],
                400,
                "invalid_scope",
                70_011,
            ),
            (
                TENANT,
                &[secret, ("scope", "https://x/.default")],
                400,
                "invalid_resource",
                500_011,
            ),
        ];
        for (tenant, fields, status, error, number) in cases {
            let (got, body) = ask(cx, tenant, fields);
            assert_eq!(
                (got, body["error"].as_str()),
                (status, Some(error)),
                "{body}"
            );
            assert_eq!(body["error_codes"], json!([number]));
            for member in ["timestamp", "trace_id", "correlation_id", "error_uri"] {
                assert!(body[member].is_string(), "{member}: {body}");
            }
            let description = body["error_description"].as_str().expect("a description");
            assert!(
                description.starts_with(&format!("AADSTS{number}: ")),
                "{description}"
            );
        }
    });
}

/// A certificate's key, its private key in DER, and the certificate in DER.
fn certificate() -> &'static (Vec<u8>, Vec<u8>) {
    static MADE: OnceLock<(Vec<u8>, Vec<u8>)> = OnceLock::new();
    MADE.get_or_init(|| {
        let key = generate_rsa().expect("a key");
        let pair = KeyPair::from_pkcs8_der_and_sign_algo(
            &PrivatePkcs8KeyDer::from(key.clone()),
            &PKCS_RSA_SHA256,
        )
        .expect("a key pair");
        let parameters = CertificateParams::new(Vec::new()).expect("parameters");
        let der = parameters
            .self_signed(&pair)
            .expect("a certificate")
            .der()
            .to_vec();
        (key, der)
    })
}

fn assertion(
    cx: &Context<'_>,
    name: (&str, &'static Algorithm),
    alg: &str,
    change: impl Fn(&mut Value),
) -> String {
    let (key, der) = certificate();
    let pair = RsaKeyPair::from_pkcs8(key).expect("a key pair");
    let header =
        json!({"typ": "JWT", "alg": alg, name.0: URL_SAFE_NO_PAD.encode(digest(name.1, der))});
    let now = cx.client_now.unix_timestamp();
    let mut claims = json!({
        "aud": format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"),
        "iss": APP, "sub": APP, "jti": "1", "nbf": now, "exp": now + 600,
    });
    change(&mut claims);
    let message = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let encoding: &dyn RsaEncoding = if alg == "PS256" {
        &RSA_PSS_SHA256
    } else {
        &RSA_PKCS1_SHA256
    };
    let mut mark = vec![0; pair.public().modulus_len()];
    pair.sign(
        encoding,
        &SystemRandom::new(),
        message.as_bytes(),
        &mut mark,
    )
    .expect("a signature");
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(mark))
}

fn ask_with(cx: &Context<'_>, assertion: &str) -> (u16, Value) {
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    ask(
        cx,
        TENANT,
        &[
            ("client_assertion_type", kind),
            ("client_assertion", assertion),
        ],
    )
}

#[test]
fn a_registered_certificate_proves_the_application_in_every_form() {
    with_context(|cx| {
        seed(cx, vec![STANDARD.encode(&certificate().1)], Vec::new());
        let sha1 = ("x5t", &SHA1_FOR_LEGACY_USE_ONLY);
        let sha256 = ("x5t#S256", &SHA256);
        for (name, alg) in [(sha1, "RS256"), (sha256, "RS256"), (sha256, "PS256")] {
            let (status, body) = ask_with(cx, &assertion(cx, name, alg, |_| {}));
            assert_eq!(status, 200, "{alg} {body}");
        }
        let number = |assertion: &str| ask_with(cx, assertion).1["error_codes"][0].clone();
        let good = assertion(cx, sha256, "PS256", |_| {});
        let (head, mark) = good.rsplit_once('.').expect("a signature");
        assert_eq!(
            number(&format!("{head}.{}", mark.replace(|_| true, "A"))),
            700_027
        );
        let late = assertion(cx, sha256, "PS256", |claims| {
            claims["exp"] = json!(cx.client_now.unix_timestamp() - 301);
        });
        assert_eq!(number(&late), 700_024);
        let elsewhere = assertion(cx, sha256, "PS256", |claims| {
            claims["aud"] = json!("https://login.microsoftonline.com/other/oauth2/v2.0/token");
        });
        assert_eq!(number(&elsewhere), 700_023);
        let other = assertion(cx, sha256, "PS256", |claims| claims["sub"] = json!(OBJECT));
        assert_eq!(number(&other), 700_021);
    });
}

#[test]
fn a_certificate_that_is_not_registered_is_named_in_the_error() {
    with_context(|cx| {
        seed(cx, Vec::new(), Vec::new());
        let (status, body) = ask_with(cx, &assertion(cx, ("x5t#S256", &SHA256), "RS256", |_| {}));
        assert_eq!((status, &body["error_codes"][0]), (401, &json!(700_027)));
    });
}

#[test]
fn a_federated_assertion_must_match_issuer_subject_audience_and_key() {
    with_context(|cx| {
        let key = keys().current().expect("a key");
        let trusted = FederatedCredential {
            issuer: "https://issuer/".to_owned(),
            subject: "me".to_owned(),
            audience: TOKEN_EXCHANGE.to_owned(),
        };
        seed(cx, Vec::new(), vec![trusted]);
        let exp = cx.client_now.unix_timestamp() + 60;
        let claims =
            json!({"iss": "https://issuer/", "sub": "me", "aud": TOKEN_EXCHANGE, "exp": exp});
        let sign = |claims: &Value| key.sign(claims).expect("a signature");
        // Nobody can be asked for the issuer's keys.
        let (status, body) = ask_with(cx, &sign(&claims));
        assert_eq!((status, &body["error_codes"][0]), (400, &json!(50_166)));
        Issuer::learn(cx.tx, "https://issuer/", &key.key_set("https://issuer/")).expect("keys");
        assert_eq!(ask_with(cx, &sign(&claims)).0, 200);
        // As Kubernetes writes it.
        let mut several = claims.clone();
        several["aud"] = json!(["other", TOKEN_EXCHANGE]);
        assert_eq!(ask_with(cx, &sign(&several)).0, 200);
        for (name, number) in [("iss", 700_211), ("sub", 700_213), ("aud", 700_212)] {
            let mut wrong = claims.clone();
            wrong[name] = json!("other");
            let (status, body) = ask_with(cx, &sign(&wrong));
            assert_eq!((status, &body["error_codes"][0]), (401, &json!(number)));
        }
    });
}

const CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";

fn user(cx: &Context<'_>, name: &str, password: &str) {
    let user = User {
        object_id: format!("id-of-{name}"),
        tenant_id: TENANT.to_owned(),
        user_principal_name: format!("{name}@local.onmicrosoft.com"),
        display_name: name.to_owned(),
        password: Hashed::of(password),
        enabled: name != "disabled",
        more: serde_json::Map::new(),
        created: cx.now,
    };
    cx.tx.put(&user).expect("a user");
}

fn as_user(cx: &Context<'_>, segment: &str, fields: &[(&str, &str)]) -> (u16, Value) {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("scope", "https://vault.azure.net/.default offline_access");
    form.append_pair("client_id", CLI);
    form.extend_pairs(fields);
    let url = format!("https://login.microsoftonline.com/{segment}/oauth2/v2.0/token");
    read(&handle(
        cx,
        &request(Method::POST, &url, &[], &form.finish()),
    ))
}

#[test]
fn a_user_signs_in_with_a_password_and_again_with_a_refresh_token() {
    with_context(|cx| {
        seed(cx, Vec::new(), Vec::new());
        user(cx, "ada", "Correct-Horse-1");
        let sign_in = |name: &str, password: &str| {
            let fields = [
                ("grant_type", "password"),
                ("username", name),
                ("password", password),
            ];
            as_user(cx, "organizations", &fields)
        };
        let number = |(_, body): (u16, Value)| body["error_codes"][0].as_u64();
        assert_eq!(
            number(sign_in("ada@local.onmicrosoft.com", "wrong")),
            Some(50_126)
        );
        assert_eq!(
            number(sign_in("eve@local.onmicrosoft.com", "x")),
            Some(50_034)
        );
        let (status, tokens) = sign_in("ADA@local.onmicrosoft.com", "Correct-Horse-1");
        assert_eq!(status, 200, "{tokens}");
        let access = format!(
            "Bearer {}",
            tokens["access_token"].as_str().expect("a token")
        );
        let asked = request(
            Method::GET,
            "https://kv.vault.azure.net/",
            &[("authorization", &access)],
            "",
        );
        let caller = authenticate(cx, &asked, &["https://vault.azure.net"]).expect("a caller");
        assert_eq!(caller.object_id, "id-of-ada");
        assert_eq!(caller.client(), "ada@local.onmicrosoft.com");
        let refresh = tokens["refresh_token"].as_str().expect("a refresh token");
        let again = |token: &str| {
            let fields = [("grant_type", "refresh_token"), ("refresh_token", token)];
            as_user(cx, TENANT, &fields)
        };
        assert_eq!(again(refresh).0, 200);
        assert_eq!(number(again("nonsense")), Some(9_002_313));
        assert_eq!(
            number(again(tokens["access_token"].as_str().expect("one"))),
            Some(9_002_313)
        );
        // A refresh token is no access token.
        let bearer = format!("Bearer {refresh}");
        let asked = request(
            Method::GET,
            "https://kv.vault.azure.net/",
            &[("authorization", &bearer)],
            "",
        );
        assert!(authenticate(cx, &asked, &["https://vault.azure.net"]).is_err());
        // It ends with the password that it was given for.
        user(cx, "ada", "Correct-Horse-2");
        assert_eq!(number(again(refresh)), Some(50_173));
        user(cx, "disabled", "Correct-Horse-1");
        assert_eq!(
            number(sign_in("disabled@local.onmicrosoft.com", "Correct-Horse-1")),
            Some(50_057)
        );
    });
}
