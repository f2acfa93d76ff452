use super::*;
use crate::testing;
use serde_json::json;
use std::{
    collections::HashSet,
    convert::Infallible,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

const ARM: &[&str] = &["https://management.azure.com/.default"];
const VAULT: &[&str] = &["https://vault.azure.net/.default"];
const SUBSCRIPTION: &str = "aaaaaaaa-0000-0000-0000-000000000001";

/// A user with `az` signed in, and how often `az` was asked.
struct User {
    folder: tempfile::TempDir,
    asked: AtomicUsize,
    /// How often the profile was written.
    written: AtomicUsize,
}

impl User {
    fn new() -> Self {
        let user = User {
            folder: tempfile::tempdir().expect("folder"),
            asked: AtomicUsize::new(0),
            written: AtomicUsize::new(0),
        };
        std::fs::create_dir(user.az("")).expect("made");
        user.sign_in("ada@example.org");
        user.renew("1");
        user
    }

    fn az(&self, name: &str) -> PathBuf {
        self.folder.path().join("azure").join(name)
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("tokens").join("tokens.json")
    }

    fn sign_in(&self, name: &str) {
        self.profile(json!({"name": name, "type": "user"}));
    }

    fn profile(&self, user: serde_json::Value) {
        let profile = json!({"subscriptions": [{
            "id": SUBSCRIPTION, "name": "Dev", "tenantId": "Tenant", "isDefault": true,
            "environmentName": "AzureCloud", "user": user,
        }]});
        std::fs::write(self.az("azureProfile.json"), format!("\u{feff}{profile}"))
            .expect("written");
        // The system's clock for files is too coarse to tell two writes apart.
        let number = self.written.fetch_add(1, Ordering::SeqCst) as u64;
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(number);
        let file = std::fs::File::options()
            .write(true)
            .open(self.az("azureProfile.json"));
        file.and_then(|file| file.set_modified(time)).expect("set");
    }

    /// What `az` does with its session now and then.
    fn renew(&self, time: &str) {
        let sessions = json!({
            "Account": {"a": {"home_account_id": "ada", "environment": "login.microsoftonline.com", "realm": "a"}},
            "AccessToken": {"t": {"secret": time}},
            "RefreshToken": {"r": {"secret": time, "last_modification_time": time}},
        });
        std::fs::write(self.az("msal_token_cache.json"), sessions.to_string()).expect("written");
    }

    fn variables(&self) -> Vec<(&'static str, String)> {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        vec![
            ("HOME", path("home")),
            ("USERPROFILE", path("home")),
            ("AZURE_CONFIG_DIR", path("azure")),
            ("AZ_TOKEN_CACHE_DIR", path("tokens")),
        ]
    }

    fn parts(&self, more: &[(&'static str, &str)]) -> Parts {
        let own = self.variables();
        let mut variables: Vec<(&str, &str)> = own
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        variables.extend(more);
        let mut parts = testing::parts(&variables, &[]);
        parts.subscription = Some(SUBSCRIPTION.to_owned());
        parts
    }

    fn cache(&self) -> TokenCache {
        TokenCache::of(&self.parts(&[]), CredentialName::AzureCli).expect("a cache")
    }

    /// The token that a tool that is started now works with.
    async fn token(&self, scopes: &[&str]) -> String {
        self.token_for(&self.cache(), scopes, 3600).await
    }

    /// The same, where `az` gives tokens that are good for so many seconds.
    async fn token_for(&self, cache: &TokenCache, scopes: &[&str], seconds: i64) -> String {
        let ask = async {
            let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
            let expires_on = OffsetDateTime::now_utc() + Duration::seconds(seconds);
            Ok::<_, Infallible>(AccessToken::new(format!("token {number}"), expires_on))
        };
        let Ok(token) = cache.get_or(scopes, None, ask).await;
        token.token.secret().to_owned()
    }

    fn kept(&self) -> usize {
        TokenFile::in_folder(self.folder.path().join("tokens"))
            .read()
            .len()
    }
}

#[tokio::test]
async fn a_token_serves_the_next_tools_too() {
    let user = User::new();
    for _ in 0..3 {
        assert_eq!(user.token(ARM).await, "token 1");
    }
    assert_eq!(user.token(VAULT).await, "token 2", "another scope");
    assert_eq!(user.token(ARM).await, "token 1");
    assert_eq!(user.kept(), 2);
}

#[tokio::test]
async fn a_changed_sign_in_drops_the_tokens() {
    let user = User::new();
    assert_eq!(user.token(ARM).await, "token 1");
    user.sign_in("eve@example.org");
    assert_eq!(user.token(ARM).await, "token 2");
    // the same account again: it may have other rights now
    user.renew("2");
    assert_eq!(user.token(ARM).await, "token 3");
    std::fs::write(user.az("service_principal_entries.json"), "[{}]").expect("written");
    assert_eq!(user.token(ARM).await, "token 4");
    assert_eq!(user.kept(), 1, "no stale token stays in the file");
    assert_eq!(user.token(ARM).await, "token 4");
}

#[tokio::test]
async fn after_a_sign_out_no_token_stays_in_the_file() {
    let user = User::new();
    user.token(ARM).await;
    std::fs::remove_file(user.az("azureProfile.json")).expect("removed");
    let ask = async { Err("nobody is signed in") };
    let refused = user.cache().get_or(ARM, None, ask).await;
    assert_eq!(refused.err(), Some("nobody is signed in"));
    assert_eq!(user.kept(), 0);
}

#[tokio::test]
async fn other_access_tokens_in_az_s_files_change_nothing() {
    let user = User::new();
    user.token(ARM).await;
    let sessions = std::fs::read_to_string(user.az("msal_token_cache.json")).expect("read");
    let changed = sessions.replace(r#"{"t":{"secret":"1"}}"#, r#"{"t":{"secret":"2"}}"#);
    assert_ne!(sessions, changed);
    std::fs::write(user.az("msal_token_cache.json"), changed).expect("written");
    assert_eq!(user.token(ARM).await, "token 1");
}

#[tokio::test]
async fn an_account_that_az_adds_or_removes_counts_and_its_other_tenants_do_not() {
    let user = User::new();
    user.token(ARM).await;
    let sessions = std::fs::read_to_string(user.az("msal_token_cache.json")).expect("read");
    let mut sessions: serde_json::Value = serde_json::from_str(&sessions).expect("JSON");
    for (realm, account, token) in [("b", "ada", "token 1"), ("c", "eve", "token 2")] {
        sessions["Account"][realm] = json!({"home_account_id": account, "environment": "login.microsoftonline.com", "realm": realm});
        std::fs::write(user.az("msal_token_cache.json"), sessions.to_string()).expect("written");
        assert_eq!(user.token(ARM).await, token);
    }
    std::fs::remove_file(user.az("msal_token_cache.json")).expect("removed");
    assert_eq!(user.token(ARM).await, "token 3");
}

#[tokio::test]
async fn a_session_that_az_renews_to_answer_keeps_the_other_tokens() {
    let user = User::new();
    user.token(ARM).await;
    let expires_on = OffsetDateTime::now_utc() + Duration::hours(1);
    let ask = async {
        user.renew("2");
        Ok::<_, Infallible>(AccessToken::new("vault", expires_on))
    };
    let Ok(_) = user.cache().get_or(VAULT, None, ask).await;
    assert_eq!(user.token(ARM).await, "token 1");
    assert_eq!(user.token(VAULT).await, "vault");
}

#[tokio::test]
async fn a_token_is_not_kept_when_somebody_signs_in_meanwhile() {
    let user = User::new();
    let expires_on = OffsetDateTime::now_utc() + Duration::hours(1);
    for name in ["eve@example.org", "eve@example.org"] {
        let ask = async {
            user.sign_in(name);
            Ok::<_, Infallible>(AccessToken::new("the former one's", expires_on))
        };
        let Ok(_) = user.cache().get_or(ARM, None, ask).await;
        assert_eq!(user.kept(), 0);
    }
}

#[tokio::test]
async fn another_subscription_cloud_or_credential_has_tokens_of_its_own() {
    let user = User::new();
    assert_eq!(user.token(ARM).await, "token 1");
    let mut other = user.parts(&[]);
    other.subscription = Some("bbbbbbbb-0000-0000-0000-000000000002".to_owned());
    let cache = TokenCache::of(&other, CredentialName::AzureCli).expect("a cache");
    assert_eq!(user.token_for(&cache, ARM, 3600).await, "token 2");
    let mut other = user.parts(&[]);
    let env = Env::from_pairs([("AZURE_CLOUD", "AzureChinaCloud")]);
    other.cloud = crate::cloud::Cloud::resolve(None, &env).expect("a cloud");
    let cache = TokenCache::of(&other, CredentialName::AzureCli).expect("a cache");
    assert_eq!(user.token_for(&cache, ARM, 3600).await, "token 3");
    for (number, name) in [
        (4, CredentialName::AzureDeveloperCli),
        (5, CredentialName::AzurePowerShell),
    ] {
        let cache = TokenCache::of(&user.parts(&[]), name).expect("a cache");
        for _ in 0..2 {
            assert_eq!(
                user.token_for(&cache, ARM, 3600).await,
                format!("token {number}")
            );
        }
    }
    assert_eq!(user.token(ARM).await, "token 1");
    assert_eq!(user.kept(), 5);
}

#[tokio::test]
async fn another_default_subscription_drops_the_tokens() {
    let user = User::new();
    user.token(ARM).await;
    let profile = std::fs::read_to_string(user.az("azureProfile.json")).expect("read");
    let changed = profile.replace(r#""isDefault":true"#, r#""isDefault":false"#);
    assert_ne!(profile, changed);
    std::fs::write(user.az("azureProfile.json"), changed).expect("written");
    assert_eq!(user.token(ARM).await, "token 2");
}

#[tokio::test]
async fn tokens_of_azd_and_powershell_end_with_their_sign_ins() {
    let user = User::new();
    for (name, file) in [
        (CredentialName::AzureDeveloperCli, "home/.azd/auth.json"),
        (
            CredentialName::AzureDeveloperCli,
            "home/.azd/auth/msal/cache.bin",
        ),
        (
            CredentialName::AzurePowerShell,
            "home/.Azure/AzureRmContext.json",
        ),
    ] {
        let cache = TokenCache::of(&user.parts(&[]), name).expect("a cache");
        let first = user.token_for(&cache, ARM, 3600).await;
        assert_eq!(user.token_for(&cache, ARM, 3600).await, first);
        let file = user.folder.path().join(file);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        std::fs::write(&file, "{}").expect("written");
        assert_ne!(
            user.token_for(&cache, ARM, 3600).await,
            first,
            "{}",
            file.display()
        );
    }
}

#[tokio::test]
async fn a_token_is_dropped_before_it_expires() {
    let user = User::new();
    let cache = user.cache();
    assert_eq!(user.token_for(&cache, ARM, 299).await, "token 1");
    assert_eq!(user.kept(), 0, "too short-lived to be kept");
    assert_eq!(user.token_for(&cache, ARM, 3600).await, "token 2");
    let text = std::fs::read_to_string(user.file()).expect("read");
    let mut content: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let soon = OffsetDateTime::now_utc() + Duration::minutes(4);
    content["entries"][0]["expires_on"] = soon.unix_timestamp().into();
    std::fs::write(user.file(), content.to_string()).expect("written");
    assert_eq!(user.token_for(&cache, ARM, 299).await, "token 3");
    assert_eq!(user.kept(), 0, "the old one is gone");
}

#[tokio::test]
async fn a_damaged_file_counts_as_empty_and_is_replaced() {
    let user = User::new();
    user.token(ARM).await;
    let whole = std::fs::read(user.file()).expect("read");
    for damage in [
        &b""[..],
        b"{",
        b"\xff\xfe",
        b"[]",
        br#"{"version": 2, "entries": []}"#,
        &whole[..whole.len() / 2],
    ] {
        std::fs::write(user.file(), damage).expect("written");
        let token = user.token(ARM).await;
        assert_eq!(user.token(ARM).await, token);
        assert_eq!(user.kept(), 1);
    }
}

#[tokio::test]
async fn what_a_writer_left_half_written_is_no_hindrance() {
    let user = User::new();
    std::fs::create_dir(user.file().parent().expect("a folder")).expect("made");
    let left = user.file().with_extension("json.new");
    std::fs::write(&left, "{\"entr").expect("written");
    assert_eq!(user.token(ARM).await, "token 1");
    assert_eq!(user.token(ARM).await, "token 1");
    assert!(!left.exists());
}

#[tokio::test]
async fn several_tools_at_once_ask_once() {
    let user = User::new();
    let tools = (0..8).map(|_| async {
        let slow = async {
            user.asked.fetch_add(1, Ordering::SeqCst);
            // The others get to run while az does.
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            let expires_on = OffsetDateTime::now_utc() + Duration::hours(1);
            Ok::<_, Infallible>(AccessToken::new("one", expires_on))
        };
        let Ok(token) = user.cache().get_or(ARM, None, slow).await;
        token.token.secret().to_owned()
    });
    let tokens: HashSet<String> = futures::future::join_all(tools).await.into_iter().collect();
    assert_eq!(tokens, HashSet::from(["one".to_owned()]));
    assert_eq!(user.asked.load(Ordering::SeqCst), 1);
}

#[test]
fn writers_at_the_same_time_lose_nothing() {
    let user = User::new();
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let user = &user;
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime");
                runtime.block_on(async {
                    for number in 0..5 {
                        // past the turns, so that they write at once
                        let cache = user.cache();
                        let token = AccessToken::new(
                            format!("{writer} {number}"),
                            OffsetDateTime::now_utc() + Duration::hours(1),
                        );
                        let scope = format!("scope-{writer}-{number}");
                        cache.keep(&[&scope], None, &token, &cache.sign_in()).await;
                        let found = cache.find(&[&scope], None).await;
                        assert!(found.is_some(), "{scope}");
                    }
                });
            });
        }
    });
    assert_eq!(user.kept(), 40);
}

#[test]
fn off_means_no_cache() {
    let user = User::new();
    for value in ["off", "OFF", "false", "0"] {
        let parts = user.parts(&[("AZ_TOKEN_CACHE", value)]);
        assert!(
            TokenCache::of(&parts, CredentialName::AzureCli).is_none(),
            "{value}"
        );
    }
    for value in ["", "on"] {
        let parts = user.parts(&[("AZ_TOKEN_CACHE", value)]);
        assert!(
            TokenCache::of(&parts, CredentialName::AzureCli).is_some(),
            "{value}"
        );
    }
}

#[test]
fn credentials_that_start_no_process_have_no_cache() {
    let user = User::new();
    for name in [
        CredentialName::Environment,
        CredentialName::WorkloadIdentity,
        CredentialName::ManagedIdentity,
    ] {
        assert!(TokenCache::of(&user.parts(&[]), name).is_none(), "{name}");
    }
}

#[tokio::test]
async fn a_managed_identity_that_az_is_signed_in_as_is_not_kept() {
    let user = User::new();
    user.profile(json!({"name": "systemAssignedIdentity", "type": "servicePrincipal", "assignedIdentityInfo": "MSI"}));
    user.token(ARM).await;
    assert!(!user.file().exists());
    user.sign_in("ada@example.org");
    let claims = azure_core::base64::encode_url_safe(r#"{"xms_mirid": "/subscriptions/s"}"#);
    let token = AccessToken::new(
        format!("e30.{claims}.x"),
        OffsetDateTime::now_utc() + Duration::hours(1),
    );
    let Ok(_) = user
        .cache()
        .get_or(ARM, None, async { Ok::<_, Infallible>(token) })
        .await;
    assert!(!user.file().exists());
}

#[test]
fn the_folder_is_the_system_s_for_caches() {
    let of = |variables: &[(&str, &str)]| folder(&Env::from_pairs(variables.iter().copied()));
    assert_eq!(of(&[]), None);
    if cfg!(all(unix, not(target_os = "macos"))) {
        assert_eq!(of(&[("HOME", "/h")]), Some("/h/.cache/az-tokens".into()));
        assert_eq!(
            of(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")]),
            Some("/x/az-tokens".into())
        );
        assert_eq!(
            of(&[("HOME", "/h"), ("XDG_CACHE_HOME", "x")]),
            Some("/h/.cache/az-tokens".into())
        );
        assert_eq!(of(&[("HOME", "h")]), None);
    }
    let named = Path::new(if cfg!(windows) { r"C:\t" } else { "/t" });
    assert_eq!(
        of(&[("AZ_TOKEN_CACHE_DIR", named.to_str().expect("text"))]),
        Some(named.to_owned())
    );
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

    fn mode(path: &Path) -> u32 {
        path.metadata().expect("there").mode() & 0o777
    }

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("set");
    }

    #[tokio::test]
    async fn only_the_owner_can_read_the_file() {
        let user = User::new();
        user.token(ARM).await;
        assert_eq!(mode(&user.file()), 0o600);
        assert_eq!(mode(user.file().parent().expect("a folder")), 0o700);
    }

    #[tokio::test]
    async fn a_file_that_others_can_read_is_not_used_and_written_anew() {
        let user = User::new();
        for exposed in [0o640, 0o604, 0o620] {
            let before = user.token(ARM).await;
            set_mode(&user.file(), exposed);
            let token = user.token(ARM).await;
            assert_ne!(token, before);
            assert_eq!(mode(&user.file()), 0o600);
            assert_eq!(user.token(ARM).await, token);
        }
    }

    #[tokio::test]
    async fn a_file_of_another_user_is_neither_used_nor_replaced() {
        let user = User::new();
        user.token(ARM).await;
        if chown(user.file(), Some(12345), None).is_err() {
            return; // only root can give files away
        }
        let text = std::fs::read(user.file()).expect("read");
        assert_eq!(user.token(ARM).await, "token 2");
        assert_eq!(user.token(ARM).await, "token 3");
        assert_eq!(std::fs::read(user.file()).expect("read"), text);
        assert_eq!(user.file().metadata().expect("there").uid(), 12345);
    }

    #[tokio::test]
    async fn a_folder_of_another_user_is_not_used() {
        let user = User::new();
        let folder = user.file().parent().expect("a folder").to_owned();
        std::fs::create_dir(&folder).expect("made");
        if chown(&folder, Some(12345), None).is_err() {
            return; // only root can give folders away
        }
        user.token(ARM).await;
        assert_eq!(folder.read_dir().expect("read").count(), 0);
    }

    #[tokio::test]
    async fn a_link_is_not_followed() {
        let user = User::new();
        user.token(ARM).await;
        let elsewhere = user.folder.path().join("elsewhere");
        std::fs::rename(user.file(), &elsewhere).expect("moved");
        symlink(&elsewhere, user.file()).expect("linked");
        assert_eq!(user.token(ARM).await, "token 2");
        assert!(user.file().is_symlink());
    }

    #[tokio::test]
    async fn a_cache_that_cannot_be_written_is_no_error() {
        let user = User::new();
        std::fs::write(user.file().parent().expect("a folder"), "no folder").expect("written");
        assert_eq!(user.token(ARM).await, "token 1");
        assert_eq!(user.token(ARM).await, "token 2");
    }
}
