//! The environments.

/// The SDKs, and our own chain.
pub(super) const GO: &str = "Go";
pub(super) const PYTHON: &str = "Python";
pub(super) const JAVASCRIPT: &str = "JavaScript";
pub(super) const OURS: &str = "ours";

/// Where the programs run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Desk,
    /// On a machine with these identities.
    Machine(&'static str),
    /// On another host of this kind, with its own identity (`system`) or user-assigned ones.
    Host(&'static str, &'static str),
}
use Place::{Desk, Host, Machine};

/// One environment, and the credential that must be chosen in it.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    pub(super) place: Place,
    /// Lines of shell that make the environment.
    pub(super) setup: &'static str,
    /// Who is chosen by our chain, and by the SDKs'.
    pub(super) chosen: Option<&'static str>,
    /// The SDKs that choose another, by their names, and why they do.
    pub(super) others: &'static [(&'static str, Option<&'static str>, &'static str)],
}

const fn row(
    name: &'static str,
    what: &'static str,
    place: Place,
    setup: &'static str,
    chosen: Option<&'static str>,
) -> Row {
    Row {
        name,
        what,
        place,
        setup,
        chosen,
        others: &[],
    }
}

impl Row {
    /// Who is to be chosen by a chain, by the name of its SDK.
    pub(super) fn chosen_by(&self, who: &str) -> Option<&'static str> {
        let other = self.others.iter().find(|(name, ..)| *name == who);
        other.map_or(self.chosen, |(_, name, _)| *name)
    }

    /// The same row, with the SDKs that choose another.
    const fn but(
        mut self,
        others: &'static [(&'static str, Option<&'static str>, &'static str)],
    ) -> Row {
        self.others = others;
        self
    }
}

const ENVIRONMENT: Option<&str> = Some("EnvironmentCredential");
const WORKLOAD: Option<&str> = Some("WorkloadIdentityCredential");
const MANAGED: Option<&str> = Some("ManagedIdentityCredential");
const CLI: Option<&str> = Some("AzureCLICredential");
const AZD: Option<&str> = Some("AzureDeveloperCLICredential");
const POWERSHELL: Option<&str> = Some("AzurePowerShellCredential");

/// The environment of `az-local env` has a client secret; most rows take it away.
pub(super) static ROWS: &[Row] = &[
    row("client-secret", "client secret", Desk, "", ENVIRONMENT),
    row(
        "certificate-pem",
        "client certificate, PEM",
        Desk,
        "certificate; export AZURE_CLIENT_CERTIFICATE_PATH=$PWD/certificate.pem; without_secret",
        ENVIRONMENT,
    ),
    row(
        "certificate-pkcs12",
        "client certificate, PKCS#12",
        Desk,
        "certificate --pkcs12; export AZURE_CLIENT_CERTIFICATE_PATH=$PWD/certificate.pfx; without_secret",
        ENVIRONMENT,
    )
    .but(&[(JAVASCRIPT, None, "it takes PEM only")]),
    row(
        "certificate-pkcs12-password",
        "client certificate, PKCS#12 with a password",
        Desk,
        "echo secret >password; certificate --pkcs12 --password-file password; export AZURE_CLIENT_CERTIFICATE_PATH=$PWD/certificate.pfx AZURE_CLIENT_CERTIFICATE_PASSWORD=secret; without_secret",
        ENVIRONMENT,
    )
    .but(&[(JAVASCRIPT, None, "it takes PEM only")]),
    row(
        "certificate-wrong-password",
        "client certificate with a wrong password",
        Desk,
        "echo secret >password; certificate --pkcs12 --password-file password; export AZURE_CLIENT_CERTIFICATE_PATH=$PWD/certificate.pfx AZURE_CLIENT_CERTIFICATE_PASSWORD=wrong; without_secret",
        None,
    ),
    row(
        "certificate-missing",
        "client certificate whose file is not there, `az` signed in",
        Desk,
        "signed_in; export AZURE_CLIENT_CERTIFICATE_PATH=$PWD/none.pem; without_secret",
        CLI,
    )
    .but(&[(PYTHON, None, "the file that is not there ends it"), (JAVASCRIPT, None, "the file that is not there ends it")]),
    row(
        "workload-identity",
        "workload identity token file",
        Desk,
        "federated; without_secret",
        WORKLOAD,
    ),
    row(
        "secret-and-workload-identity",
        "client secret and workload identity",
        Desk,
        "federated",
        ENVIRONMENT,
    ),
    row(
        "workload-identity-bad-token",
        "workload identity with a token that Entra ID refuses",
        Desk,
        "echo nonsense >token; export AZURE_FEDERATED_TOKEN_FILE=$PWD/token; without_secret",
        None,
    ),
    row(
        "managed-system",
        "machine with a system-assigned identity",
        Machine("[system]"),
        "",
        MANAGED,
    ),
    row(
        "managed-user",
        "machine with two identities, `AZURE_CLIENT_ID` of the user-assigned one",
        Machine("both"),
        "export AZURE_CLIENT_ID=$USER_ASSIGNED",
        MANAGED,
    ),
    row(
        "managed-user-only",
        "machine with a user-assigned identity, nothing set",
        Machine("user"),
        "",
        MANAGED,
    ),
    row(
        "managed-wrong-client",
        "machine, `AZURE_CLIENT_ID` of no identity of its own",
        Machine("[system]"),
        "export AZURE_CLIENT_ID=11111111-1111-4111-8111-111111111111",
        None,
    ),
    row(
        "managed-none",
        "machine without an identity",
        Machine(""),
        "",
        None,
    ),
    row("az", "`az` signed in", Desk, "signed_in; nothing_set", CLI),
    row(
        "az-absent",
        "no `az`, nothing set",
        Desk,
        "nothing_set",
        None,
    ),
    row(
        "az-not-signed-in",
        "`az` not signed in",
        Desk,
        "with_az; nothing_set",
        None,
    ),
    row("azd", "`azd` signed in", Desk, "azd; nothing_set", AZD),
    row(
        "az-before-azd",
        "`az` and `azd` signed in",
        Desk,
        "signed_in; azd; nothing_set",
        CLI,
    ),
    row(
        "az-fails-azd",
        "`az` not signed in, `azd` signed in",
        Desk,
        "with_az; azd; nothing_set",
        AZD,
    ),
    row(
        "powershell-last",
        "`azd` and Azure PowerShell signed in",
        Desk,
        "azd; powershell; nothing_set",
        AZD,
    )
    .but(&[(PYTHON, POWERSHELL, "it asks Azure PowerShell before `azd`"), (JAVASCRIPT, POWERSHELL, "it asks Azure PowerShell before `azd`")]),
    row(
        "powershell",
        "Azure PowerShell signed in",
        Desk,
        "powershell; nothing_set",
        POWERSHELL,
    ),
    row(
        "only-dev",
        "`AZURE_TOKEN_CREDENTIALS=dev`, client secret, `az` signed in",
        Desk,
        "signed_in; export AZURE_TOKEN_CREDENTIALS=dev",
        CLI,
    ),
    row(
        "only-prod",
        "`AZURE_TOKEN_CREDENTIALS=prod`, nothing set, `az` signed in",
        Desk,
        "signed_in; nothing_set; export AZURE_TOKEN_CREDENTIALS=prod",
        None,
    ),
    row(
        "only-prod-secret",
        "`AZURE_TOKEN_CREDENTIALS=prod`, client secret",
        Desk,
        "export AZURE_TOKEN_CREDENTIALS=prod",
        ENVIRONMENT,
    ),
    row(
        "only-environment",
        "`AZURE_TOKEN_CREDENTIALS=EnvironmentCredential`",
        Desk,
        "export AZURE_TOKEN_CREDENTIALS=EnvironmentCredential",
        ENVIRONMENT,
    ),
    row(
        "only-environment-unset",
        "`AZURE_TOKEN_CREDENTIALS=EnvironmentCredential`, nothing set",
        Desk,
        "signed_in; nothing_set; export AZURE_TOKEN_CREDENTIALS=EnvironmentCredential",
        None,
    ),
    row(
        "only-workload-identity",
        "`AZURE_TOKEN_CREDENTIALS=WorkloadIdentityCredential`, client secret too",
        Desk,
        "federated; export AZURE_TOKEN_CREDENTIALS=WorkloadIdentityCredential",
        WORKLOAD,
    ),
    row(
        "only-managed-identity",
        "`AZURE_TOKEN_CREDENTIALS=ManagedIdentityCredential`, on a machine",
        Machine("[system]"),
        "export AZURE_TOKEN_CREDENTIALS=ManagedIdentityCredential",
        MANAGED,
    ),
    row(
        "only-az",
        "`AZURE_TOKEN_CREDENTIALS=AzureCLICredential`, client secret too",
        Desk,
        "signed_in; export AZURE_TOKEN_CREDENTIALS=AzureCLICredential",
        CLI,
    ),
    row(
        "only-az-other-case",
        "`AZURE_TOKEN_CREDENTIALS=azureclicredential`",
        Desk,
        "signed_in; export AZURE_TOKEN_CREDENTIALS=azureclicredential",
        CLI,
    ),
    row(
        "only-azd",
        "`AZURE_TOKEN_CREDENTIALS=AzureDeveloperCLICredential`",
        Desk,
        "signed_in; azd; export AZURE_TOKEN_CREDENTIALS=AzureDeveloperCLICredential",
        AZD,
    ),
    row(
        "only-powershell",
        "`AZURE_TOKEN_CREDENTIALS=AzurePowerShellCredential`",
        Desk,
        "azd; powershell; export AZURE_TOKEN_CREDENTIALS=AzurePowerShellCredential",
        POWERSHELL,
    ),
    row(
        "only-nonsense",
        "`AZURE_TOKEN_CREDENTIALS=nonsense`",
        Desk,
        "export AZURE_TOKEN_CREDENTIALS=nonsense",
        None,
    ),
    row(
        "partial-no-tenant",
        "client id and secret without a tenant, `az` signed in",
        Desk,
        "signed_in; unset AZURE_TENANT_ID",
        CLI,
    ),
    row(
        "partial-no-secret",
        "client id and tenant without a secret, `az` signed in",
        Desk,
        "signed_in; without_secret",
        CLI,
    ),
    row(
        "wrong-secret",
        "wrong client secret, `az` signed in",
        Desk,
        "signed_in; export AZURE_CLIENT_SECRET=wrong",
        None,
    ),
    row(
        "wrong-tenant",
        "client secret in a tenant that is not there",
        Desk,
        "export AZURE_TENANT_ID=11111111-1111-4111-8111-111111111111",
        None,
    ),
    row(
        "no-azure",
        "no Azure at all: the proxy does not answer",
        Desk,
        "nothing_set; for name in HTTPS_PROXY https_proxy HTTP_PROXY http_proxy; do export $name=http://127.0.0.1:9; done",
        None,
    ),
    row(
        "certificate-sent-whole",
        "client certificate, `AZURE_CLIENT_SEND_CERTIFICATE_CHAIN=true`",
        Desk,
        "certificate; export AZURE_CLIENT_CERTIFICATE_PATH=$PWD/certificate.pem AZURE_CLIENT_SEND_CERTIFICATE_CHAIN=true; without_secret",
        ENVIRONMENT,
    ),
    row(
        "certificate-unknown",
        "client certificate that the application does not have",
        Desk,
        "certificate; openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=other -keyout other.pem -out other.crt 2>/dev/null; cat other.crt >>other.pem; export AZURE_CLIENT_CERTIFICATE_PATH=$PWD/other.pem; without_secret",
        None,
    ),
    row(
        "certificate-empty",
        "client certificate whose file is empty, `az` signed in",
        Desk,
        "signed_in; : >empty.pem; export AZURE_CLIENT_CERTIFICATE_PATH=$PWD/empty.pem; without_secret",
        CLI,
    )
    .but(&[(PYTHON, None, "the file that holds nothing ends it"), (JAVASCRIPT, None, "the file that holds nothing ends it")]),
    row(
        "secret-and-certificate",
        "client secret, and a certificate whose file is not there",
        Desk,
        "export AZURE_CLIENT_CERTIFICATE_PATH=$PWD/none.pem",
        ENVIRONMENT,
    ),
    row(
        "secret-empty",
        "`AZURE_CLIENT_SECRET` empty, `az` signed in",
        Desk,
        "signed_in; export AZURE_CLIENT_SECRET=",
        CLI,
    )
    .but(&[(PYTHON, None, "an empty secret ends it")]),
    row(
        "authority-host",
        "client secret, `AZURE_AUTHORITY_HOST` as it is by default",
        Desk,
        "export AZURE_AUTHORITY_HOST=https://login.microsoftonline.com/",
        ENVIRONMENT,
    ),
    row(
        "authority-host-plain",
        "client secret, `AZURE_AUTHORITY_HOST` without TLS",
        Desk,
        "export AZURE_AUTHORITY_HOST=http://login.microsoftonline.com/",
        None,
    ),
    row(
        "tenant-malformed",
        "client secret, `AZURE_TENANT_ID` that can be none",
        Desk,
        "export AZURE_TENANT_ID='a b/c'",
        None,
    ),
    row(
        "workload-identity-newline",
        "workload identity token file that ends in a newline",
        Desk,
        "federated; echo >>token; without_secret",
        WORKLOAD,
    )
    .but(&[(GO, None, "it sends the newline"), (PYTHON, None, "it sends the newline")]),
    row(
        "workload-identity-no-file",
        "workload identity whose token file is not there, `az` signed in",
        Desk,
        "signed_in; export AZURE_FEDERATED_TOKEN_FILE=$PWD/none; without_secret",
        None,
    )
    .but(&[(JAVASCRIPT, CLI, "it passes over it")]),
    row(
        "workload-identity-empty-file",
        "workload identity whose token file is empty",
        Desk,
        ": >token; export AZURE_FEDERATED_TOKEN_FILE=$PWD/token; without_secret",
        None,
    ),
    row(
        "workload-identity-no-client",
        "workload identity token file without `AZURE_CLIENT_ID`, `az` signed in",
        Desk,
        "signed_in; federated; without_secret; unset AZURE_CLIENT_ID",
        CLI,
    ),
    row(
        "workload-identity-other-client",
        "workload identity of an application that does not trust the issuer",
        Desk,
        "federated; without_secret; export AZURE_CLIENT_ID=11111111-1111-4111-8111-111111111111",
        None,
    ),
    row(
        "azd-not-signed-in",
        "`azd` not signed in, nothing set",
        Desk,
        "printf '#!/bin/sh\\necho ERROR: not logged in >&2; exit 1\\n' | program azd; nothing_set",
        None,
    ),
    row(
        "az-nonsense",
        "`az` that prints no token, `azd` signed in",
        Desk,
        "azd; printf '#!/bin/sh\\necho hello\\n' | program az; nothing_set",
        AZD,
    ),
    row(
        "powershell-no-module",
        "Azure PowerShell without its module, nothing set",
        Desk,
        "printf '#!/bin/sh\\necho Az.Accounts module not found >&2; exit 1\\n' | program pwsh; nothing_set",
        None,
    ),
    row(
        "selection-empty",
        "`AZURE_TOKEN_CREDENTIALS` empty",
        Desk,
        "export AZURE_TOKEN_CREDENTIALS=",
        ENVIRONMENT,
    )
    .but(&[(GO, None, "it takes no empty value")]),
    row(
        "selection-upper-case",
        "`AZURE_TOKEN_CREDENTIALS=DEV`, client secret, `azd` signed in",
        Desk,
        "azd; export AZURE_TOKEN_CREDENTIALS=DEV",
        AZD,
    )
    .but(&[(GO, None, "it takes small letters only")]),
    row(
        "selection-blanks",
        "`AZURE_TOKEN_CREDENTIALS=' prod '`",
        Desk,
        "export AZURE_TOKEN_CREDENTIALS=' prod '",
        ENVIRONMENT,
    )
    .but(&[(GO, None, "it takes no blanks")]),
    row(
        "only-workload-identity-unset",
        "`AZURE_TOKEN_CREDENTIALS=WorkloadIdentityCredential`, nothing set",
        Desk,
        "nothing_set; export AZURE_TOKEN_CREDENTIALS=WorkloadIdentityCredential",
        None,
    ),
    row(
        "only-azd-absent",
        "`AZURE_TOKEN_CREDENTIALS=AzureDeveloperCLICredential`, no `azd`",
        Desk,
        "export AZURE_TOKEN_CREDENTIALS=AzureDeveloperCLICredential",
        None,
    ),
    row(
        "machine-secret",
        "machine with an identity, client secret of an application",
        Machine("[system]"),
        "export AZURE_TENANT_ID=$DESK_TENANT AZURE_CLIENT_ID=$DESK_CLIENT AZURE_CLIENT_SECRET=$DESK_SECRET",
        ENVIRONMENT,
    ),
    row(
        "machine-none-azd",
        "machine without an identity, `azd` signed in",
        Machine(""),
        "printf '#!/bin/sh\\necho '\\''{\"token\":\"t\",\"expiresOn\":\"2099-01-01T00:00:00Z\"}'\\''\\n' | program azd",
        AZD,
    ),
    row(
        "machine-dev",
        "machine with an identity, `AZURE_TOKEN_CREDENTIALS=dev`, no developer's tool",
        Machine("[system]"),
        "export AZURE_TOKEN_CREDENTIALS=dev",
        None,
    ),
    row(
        "machine-two-none-named",
        "machine with two user-assigned identities, none named",
        Machine("two"),
        "",
        None,
    ),
    row(
        "machine-only-managed-none",
        "`AZURE_TOKEN_CREDENTIALS=ManagedIdentityCredential`, on a machine without an identity",
        Machine(""),
        "export AZURE_TOKEN_CREDENTIALS=ManagedIdentityCredential",
        None,
    ),
    row(
        "app-service",
        "App Service, its own identity",
        Host("app-service", "system"),
        "",
        MANAGED,
    ),
    row(
        "app-service-user",
        "App Service with two identities, `AZURE_CLIENT_ID` of the user-assigned one",
        Host("app-service", "system user"),
        "export AZURE_CLIENT_ID=$USER_ASSIGNED",
        MANAGED,
    ),
    row(
        "app-service-other-client",
        "App Service, `AZURE_CLIENT_ID` of no identity of its own",
        Host("app-service", "system"),
        "export AZURE_CLIENT_ID=11111111-1111-4111-8111-111111111111",
        None,
    ),
    row(
        "app-service-wrong-header",
        "App Service, a wrong `IDENTITY_HEADER`",
        Host("app-service", "system"),
        "export IDENTITY_HEADER=wrong",
        None,
    ),
    row(
        "app-service-gone",
        "App Service whose endpoint does not answer",
        Host("app-service", "system"),
        "export IDENTITY_ENDPOINT=http://127.0.0.1:9/msi/token",
        None,
    ),
    row(
        "functions",
        "a function app, its own identity",
        Host("functions", "system"),
        "",
        MANAGED,
    ),
    row(
        "azure-ml",
        "Azure ML, its own identity",
        Host("azure-ml", "system"),
        "",
        MANAGED,
    ),
    row(
        "azure-ml-user",
        "Azure ML, a user-assigned identity by `AZURE_CLIENT_ID`",
        Host("azure-ml", "user"),
        "export AZURE_CLIENT_ID=$USER_ASSIGNED",
        MANAGED,
    ),
    row(
        "azure-ml-wrong-secret",
        "Azure ML, a wrong `MSI_SECRET`",
        Host("azure-ml", "system"),
        "export MSI_SECRET=wrong",
        None,
    ),
    row(
        "cloud-shell",
        "Cloud Shell",
        Host("cloud-shell", "ada"),
        "",
        MANAGED,
    ),
    row(
        "cloud-shell-client",
        "Cloud Shell, `AZURE_CLIENT_ID` set, which it does not take",
        Host("cloud-shell", "ada"),
        "export AZURE_CLIENT_ID=11111111-1111-4111-8111-111111111111",
        None,
    )
    .but(&[(PYTHON, MANAGED, "it asks for the user's token all the same")]),
    row(
        "service-fabric",
        "Service Fabric, its own identity",
        Host("service-fabric", "system"),
        "",
        MANAGED,
    )
    .but(&[(JAVASCRIPT, None, "it does not take the certificate of the thumbprint")]),
    row(
        "service-fabric-other-certificate",
        "Service Fabric, the thumbprint of another certificate",
        Host("service-fabric", "system"),
        "export IDENTITY_SERVER_THUMBPRINT=00112233445566778899aabbccddeeff00112233",
        None,
    ),
    row(
        "service-fabric-wrong-header",
        "Service Fabric, a wrong `IDENTITY_HEADER`",
        Host("service-fabric", "system"),
        "export IDENTITY_HEADER=wrong",
        None,
    ),
    row(
        "arc",
        "a server of Azure Arc",
        Host("arc", "system"),
        "",
        MANAGED,
    ),
    row(
        "arc-client",
        "a server of Azure Arc, `AZURE_CLIENT_ID` set, which its agent does not know",
        Host("arc", "system"),
        "export AZURE_CLIENT_ID=11111111-1111-4111-8111-111111111111",
        None,
    ),
    row(
        "kubernetes",
        "a pod with workload identity",
        Host("kubernetes", "user"),
        "",
        WORKLOAD,
    ),
    row(
        "kubernetes-no-file",
        "a pod whose token file is gone",
        Host("kubernetes", "user"),
        "export AZURE_FEDERATED_TOKEN_FILE=$PWD/none",
        None,
    ),
];
