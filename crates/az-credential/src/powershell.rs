//! A token from Azure PowerShell, asked for as Azure's SDK for Go does (`azure_powershell_credential.go`).

use azure_core::{
    Error,
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    error::ErrorKind,
    time::OffsetDateTime,
};
use azure_identity::Executor;
use serde::Deserialize;
use std::{ffi::OsStr, path::PathBuf, sync::Arc};

const NO_MODULE: &str = "Az.Accounts module not found";

/// Signs in with what `Connect-AzAccount` left.
#[derive(Debug)]
pub(super) struct AzurePowerShellCredential {
    program: PathBuf,
    /// An id or a domain, checked.
    tenant_id: Option<String>,
    executor: Arc<dyn Executor>,
}

impl AzurePowerShellCredential {
    pub(super) fn new(
        program: PathBuf,
        tenant_id: Option<String>,
        executor: Arc<dyn Executor>,
    ) -> Self {
        AzurePowerShellCredential {
            program,
            tenant_id,
            executor,
        }
    }
}

#[async_trait::async_trait]
impl TokenCredential for AzurePowerShellCredential {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let failed = |message: String| Error::with_message(ErrorKind::Credential, message);
        let [scope] = scopes else {
            return Err(failed(
                "Azure PowerShell takes one scope at a time".to_owned(),
            ));
        };
        // It goes into a script.
        if !scope
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || ".-_:/".contains(c))
        {
            return Err(failed(format!("invalid scope '{scope}'")));
        }
        let script = encoded(&script(
            scope.strip_suffix("/.default").unwrap_or(scope),
            self.tenant_id.as_deref(),
        ));
        let args = [
            "-NoProfile",
            "-NonInteractive",
            "-OutputFormat",
            "Text",
            "-EncodedCommand",
            &script,
        ];
        let output = self
            .executor
            .run(self.program.as_os_str(), &args.map(OsStr::new))
            .await
            .map_err(|error| failed(error.to_string()))?;
        if !output.status.success() {
            return Err(failed(explanation(&String::from_utf8_lossy(
                &output.stderr,
            ))));
        }
        let token: Token = serde_json::from_slice(&output.stdout)
            .map_err(|_| failed("Azure PowerShell's answer is not a token".to_owned()))?;
        let expires_on = OffsetDateTime::from_unix_timestamp(token.expires_on)
            .map_err(|_| failed("Azure PowerShell's token has no valid expiry".to_owned()))?;
        Ok(AccessToken::new(token.token, expires_on))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Token {
    token: String,
    expires_on: i64,
}

/// The line that helps out of PowerShell's many.
fn explanation(stderr: &str) -> String {
    if stderr.contains(NO_MODULE) {
        return format!("{NO_MODULE}: 'Install-Module Az.Accounts' adds it");
    }
    if stderr.contains("Connect-AzAccount") {
        return "nobody is signed in to Azure PowerShell".to_owned();
    }
    let first = stderr.lines().map(str::trim).find(|line| !line.is_empty());
    first
        .unwrap_or("Azure PowerShell failed without a word")
        .to_owned()
}

/// Az.Accounts changed twice how it hands out the token; this reads all of them.
fn script(resource: &str, tenant: Option<&str>) -> String {
    let tenant = tenant
        .map(|id| format!("; TenantId = '{id}'"))
        .unwrap_or_default();
    format!(
        "
$ErrorActionPreference = 'Stop'
$mod = Import-Module Az.Accounts -MinimumVersion ([version]'2.2.0') -PassThru -ErrorAction SilentlyContinue
if (-not $mod) {{ Write-Error '{NO_MODULE}' }}
$params = @{{ ResourceUrl = '{resource}'; WarningAction = 'Ignore'{tenant} }}
# From 2.17.0 to before 5.0.0 a SecureString must be asked for; from 5.0.0 on it is the default.
if ($mod.Version -ge [version]'2.17.0' -and $mod.Version -lt [version]'5.0.0') {{ $params['AsSecureString'] = $true }}
$token = Get-AzAccessToken @params
$text = $token.Token
if ($text -is [System.Security.SecureString]) {{
    $pointer = [System.Runtime.InteropServices.Marshal]::SecureStringToBSTR($text)
    try {{ $text = [System.Runtime.InteropServices.Marshal]::PtrToStringBSTR($pointer) }}
    finally {{ [System.Runtime.InteropServices.Marshal]::ZeroFreeBSTR($pointer) }}
}}
ConvertTo-Json @{{ Token = $text; ExpiresOn = $token.ExpiresOn.ToUnixTimeSeconds() }}
"
    )
}

/// As `-EncodedCommand` takes a script: base64 of UTF-16, little endian.
fn encoded(script: &str) -> String {
    let bytes: Vec<u8> = script.encode_utf16().flat_map(u16::to_le_bytes).collect();
    azure_core::base64::encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Output;

    #[cfg(unix)]
    #[derive(Debug)]
    struct Answers(i32, &'static str, &'static str);

    #[cfg(unix)]
    #[async_trait::async_trait]
    impl Executor for Answers {
        async fn run(&self, program: &OsStr, args: &[&OsStr]) -> std::io::Result<Output> {
            use std::os::unix::process::ExitStatusExt;
            assert_eq!(program, "/bin/pwsh");
            assert_eq!(args[4], "-EncodedCommand");
            Ok(Output {
                status: std::process::ExitStatus::from_raw(self.0 << 8),
                stdout: self.1.into(),
                stderr: self.2.into(),
            })
        }
    }

    #[cfg(unix)]
    async fn token(answer: Answers, scope: &str) -> azure_core::Result<AccessToken> {
        AzurePowerShellCredential::new("/bin/pwsh".into(), None, Arc::new(answer))
            .get_token(&[scope], None)
            .await
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn its_json_is_a_token() {
        let token = token(
            Answers(0, r#"{"Token": "t", "ExpiresOn": 2147483647}"#, ""),
            "https://vault.azure.net/.default",
        )
        .await
        .expect("token");
        assert_eq!(token.token.secret(), "t");
        assert_eq!(token.expires_on.unix_timestamp(), 2_147_483_647);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn failures_say_what_helps() {
        let run = |stderr| async move {
            token(Answers(1, "", stderr), "s")
                .await
                .expect_err("fails")
                .to_string()
        };
        assert_eq!(
            run("Run Connect-AzAccount to login.").await,
            "nobody is signed in to Azure PowerShell"
        );
        assert!(
            run("Write-Error: Az.Accounts module not found")
                .await
                .contains("Install-Module")
        );
        assert_eq!(run("\nx\ny").await, "x");
        let injected = token(Answers(0, "", ""), "a'; Remove-Item x")
            .await
            .expect_err("refused")
            .to_string();
        assert!(injected.contains("invalid scope"), "{injected}");
    }

    #[test]
    fn scripts_are_encoded_as_powershell_wants_them() {
        assert_eq!(encoded("ab"), "YQBiAA==");
        let script = |tenant| script("https://vault.azure.net", tenant);
        assert!(script(None).contains("ResourceUrl = 'https://vault.azure.net'"));
        assert!(!script(None).contains("TenantId"));
        assert!(script(Some("t")).contains("; TenantId = 't' }"));
    }
}
