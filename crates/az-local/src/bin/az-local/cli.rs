//! What the user may say.

use crate::start_options::{StartOptions, parse_rate};
use az_local::HostKind;
use az_local::Knob;
use az_local::Shell;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// A local Azure: Entra ID, Resource Manager, Key Vault and IMDS behind a forward proxy, so that
/// unmodified clients run against it, offline.
///
/// It is a test double: it keeps no secret safe and promises nothing about the real Azure.
#[derive(Debug, Parser)]
#[command(name = "az-local", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// The instance's folder [default: AZ_LOCAL_DIR, else that of the instance that runs, else one of the user's own]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a command with a local Azure of its own, which ends with it.
    ///
    /// Exits with the command's status (128 + the signal's number when one ended it).
    Run {
        #[command(flatten)]
        options: StartOptions,
        /// The command, after `--`
        #[arg(value_name = "COMMAND")]
        program: OsString,
        /// Its arguments
        #[arg(
            trailing_var_arg = true,
            allow_hyphen_values = true,
            value_name = "ARGUMENTS"
        )]
        arguments: Vec<OsString>,
    },
    /// Start a local Azure in the background; returns when it is ready.
    ///
    /// Its state is in memory, or in the folder when --data-dir or AZ_LOCAL_DIR names one.
    Start {
        #[command(flatten)]
        options: StartOptions,
        /// Stay in the foreground
        #[arg(long)]
        foreground: bool,
        /// Leave the terminal's session (how a background start runs itself)
        #[arg(long, hide = true, requires = "foreground")]
        detached: bool,
    },
    /// Stop the local Azure.
    Stop,
    /// Show what runs: process, proxy, tenants, subscriptions, clock, knobs.
    Status {
        #[arg(short, long, value_enum, default_value_t = Format::Text)]
        output: Format,
    },
    /// Print the environment for `eval "$(az-local env)"`, in bash, zsh or any POSIX shell.
    ///
    /// In fish: az-local env --shell fish | source. In PowerShell: az-local env --shell pwsh | Out-String |
    /// Invoke-Expression.
    ///
    /// Where there is no instance, what it prints makes the shell's command fail and leads clients to a closed port, so
    /// that nothing goes on in the real Azure.
    Env {
        /// The shell that reads it
        #[arg(long, value_enum, default_value_t = Shell::Sh)]
        shell: Shell,
        /// 1 is the desk's own tenant, 2 is someone else
        #[arg(long, default_value_t = 1, value_name = "NUMBER")]
        tenant: usize,
    },
    /// Print the configuration by which OpenSSH reaches the machines: `ssh -F "$AZ_SSH_CONFIG" USER@ADDRESS`.
    ///
    /// AZ_SSH_CONFIG, which `env` sets, names the file that holds it.
    SshConfig,
    /// Connect to a machine for `ssh` (its ProxyCommand)
    #[command(hide = true)]
    SshProxy { host: String, port: u16 },
    /// Serve file transfers on standard input and output (what a machine runs for `sftp` and `scp`)
    #[command(hide = true)]
    SftpServer,
    /// Look at the instance's clock, or move it forward.
    Clock {
        #[command(subcommand)]
        command: ClockCommand,
    },
    /// Answer wrongly on purpose, in the way that NAME says.
    #[cfg(feature = "mutations")]
    Mutate { name: String },
    /// Turn a knob: `az-local set role-delay 5s`.
    Set {
        knob: Knob,
        /// A duration: 150ms, 5s, 10m, 1h
        #[arg(value_parser = humantime::parse_duration)]
        to: Duration,
    },
    /// Faults that requests meet.
    Faults {
        #[command(subcommand)]
        command: FaultsCommand,
    },
    /// Virtual machines, from the inside.
    Vm {
        #[command(subcommand)]
        command: VmCommand,
    },
    /// Other hosts that give managed identities: App Service, Functions, Azure Arc, Azure ML, Cloud Shell, Service Fabric,
    /// Kubernetes.
    Host {
        #[command(subcommand)]
        command: HostCommand,
    },
    /// Print every resource, deleted vault, role assignment and managed identity as JSON.
    Resources {
        /// Print how many there are, and nothing else
        #[arg(long)]
        count: bool,
    },
    /// Users and groups of the directory, and its other principals.
    Principal {
        #[command(subcommand)]
        command: PrincipalCommand,
    },
    /// Give the desk's application another way to prove who it is.
    Credential {
        #[command(subcommand)]
        command: CredentialCommand,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum FaultsCommand {
    /// Take the faults of a file in place of those that there are
    Set {
        /// TOML; - is standard input
        file: PathBuf,
    },
    /// Take the faults of a file after those that there are
    Add {
        /// TOML; - is standard input
        file: PathBuf,
    },
    /// Let a share of the requests go wrong at random
    Chaos {
        /// From 0, which ends it, to 1
        #[arg(value_parser = parse_rate)]
        rate: f64,
        /// With the same number the same goes wrong [default: one at random]
        #[arg(long, value_name = "NUMBER")]
        seed: Option<u64>,
    },
    /// Print the faults as JSON, with how many requests fitted and how many met each
    List,
    /// End all faults
    Clear,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ClockCommand {
    /// Print the clock's time and how far it is ahead.
    Show,
    /// Move the clock forward; it never goes back.
    Advance {
        /// A duration: 5s, 10m, 1h, 90days
        #[arg(value_parser = humantime::parse_duration)]
        by: Duration,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum VmCommand {
    /// List the machines.
    List {
        /// Only those of this subscription (its id)
        #[arg(long, value_name = "ID")]
        subscription: Option<String>,
    },
    /// Run a command on a machine: its IMDS, a home folder of its own, no desk credential.
    ///
    /// On a machine that runs apart from this computer the command is the machine's; one that it does not have is lent to it, if
    /// it is a binary of this computer's. Else the command is this computer's, and takes this process's place. Either way the exit
    /// status is the command's own.
    Exec {
        /// The machine's resource group
        #[arg(short = 'g', long)]
        resource_group: String,
        /// The machine's name
        #[arg(short = 'n', long)]
        name: String,
        /// The machine's subscription (its id)
        #[arg(long, value_name = "ID")]
        subscription: Option<String>,
        /// A variable for the command's environment; may be repeated
        #[arg(long = "env", value_name = "NAME=VALUE")]
        variables: Vec<String>,
        /// The command, after `--`
        #[arg(value_name = "COMMAND")]
        program: OsString,
        /// Its arguments
        #[arg(
            trailing_var_arg = true,
            allow_hyphen_values = true,
            value_name = "ARGUMENTS"
        )]
        arguments: Vec<OsString>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum HostCommand {
    /// Run a command as if on a host: its variables, its endpoint for tokens with the rules that it has there, no desk
    /// credential.
    ///
    /// The command is this computer's, and runs where it is started; its home folder is one of the host's own. The host is
    /// there until the command ends. Exits with the command's status (128 + the signal's number when one ended it).
    ///
    /// Kubernetes has no endpoint: the pod's service account has a token in a file, and the identity is made to trust it.
    /// Azure Arc needs a folder that only root can make: /var/opt/azcmagent/tokens.
    Exec {
        #[command(flatten)]
        host: HostArguments,
        /// A variable for the command's environment; may be repeated
        #[arg(long = "env", value_name = "NAME=VALUE")]
        variables: Vec<String>,
        /// The command, after `--`
        #[arg(value_name = "COMMAND")]
        program: OsString,
        /// Its arguments
        #[arg(
            trailing_var_arg = true,
            allow_hyphen_values = true,
            value_name = "ARGUMENTS"
        )]
        arguments: Vec<OsString>,
    },
    /// Print who a host is, as JSON: above all the ids of its identities, to give them roles.
    ///
    /// Its own identity is made if it was never there, and stays.
    Show {
        #[command(flatten)]
        host: HostArguments,
    },
}

/// Which host.
#[derive(Debug, Clone, Args)]
pub(crate) struct HostArguments {
    /// What it is
    #[arg(long, value_enum)]
    pub(crate) kind: HostKind,
    /// `system`, or a user-assigned identity's name, resource id or client id; may be repeated. In Cloud Shell a user; on
    /// Kubernetes one user-assigned identity or application [default: system]
    #[arg(long = "identity", value_name = "IDENTITY")]
    pub(crate) identities: Vec<String>,
    /// Its name, which tells its own identity from those of others [default: its kind]
    #[arg(short = 'n', long)]
    pub(crate) name: Option<String>,
    /// The resource group that its resource id names; it need not be there [default: az-local-hosts]
    #[arg(short = 'g', long)]
    pub(crate) resource_group: Option<String>,
    /// Its subscription (its id) [default: the desk's first one]
    #[arg(long, value_name = "ID")]
    pub(crate) subscription: Option<String>,
    /// The pod's service account on Kubernetes [default: default/workload-identity-sa]
    #[arg(long, value_name = "NAMESPACE/NAME")]
    pub(crate) service_account: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PrincipalCommand {
    /// Add a user, a group, or members of a group. The desk may do the same by Microsoft Graph (`az ad user create`, …).
    Add {
        #[command(subcommand)]
        new: NewPrincipal,
        /// 1 is the desk's own tenant, 2 is someone else
        #[arg(long, default_value_t = 1, value_name = "NUMBER", global = true)]
        tenant: usize,
    },
    /// List users, groups with the ids of their members, and service principals.
    List {
        /// 1 is the desk's own tenant, 2 is someone else
        #[arg(long, default_value_t = 1, value_name = "NUMBER")]
        tenant: usize,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum NewPrincipal {
    /// Add a user, who can sign in with a password: `az login -u NAME -p PASSWORD`.
    User {
        /// The sign-in name: `ada`, or `ada@example.com`, whose domain becomes the tenant's
        name: String,
        /// [default: the sign-in name's first part]
        #[arg(long, value_name = "NAME")]
        display_name: Option<String>,
        /// The password: the first line of this file, `-` for standard input [default: made up, and printed]
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Add a security group.
    Group {
        /// The display name
        name: String,
        /// Who is in it: object ids, sign-in names or display names; may be repeated
        #[arg(long = "member", value_name = "PRINCIPAL")]
        members: Vec<String>,
    },
    /// Put principals into a group.
    Member {
        /// The group: its object id or display name
        #[arg(long)]
        group: String,
        /// Who: object ids, sign-in names or display names
        #[arg(required = true, value_name = "PRINCIPAL")]
        members: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum CredentialCommand {
    /// Make a certificate, register it, and write it with its key to a folder.
    Certificate {
        /// The folder for `certificate.pem` (or `certificate.pfx`)
        #[arg(short, long, value_name = "DIR")]
        output_dir: PathBuf,
        /// Write PKCS#12 instead of PEM
        #[arg(long)]
        pkcs12: bool,
        /// The PKCS#12 file's password: the first line of this file [default: none]
        #[arg(long, value_name = "FILE", requires = "pkcs12")]
        password_file: Option<PathBuf>,
        /// 1 is the desk's own tenant, 2 is someone else
        #[arg(long, default_value_t = 1, value_name = "NUMBER")]
        tenant: usize,
    },
    /// Register az-local as an issuer that is trusted, and write an assertion of its to a file.
    ///
    /// With --issuer it plays another one, as GitHub or a Kubernetes cluster: the assertion is for an identity that has a
    /// federated credential for that issuer and subject (`az identity federated-credential create`).
    Federated {
        /// The assertion's file, as AZURE_FEDERATED_TOKEN_FILE names it
        #[arg(short, long, value_name = "FILE")]
        output_file: PathBuf,
        /// The issuer to play: https://token.actions.githubusercontent.com
        #[arg(long, value_name = "URL", requires = "subject")]
        issuer: Option<String>,
        /// Whom it speaks of: repo:OWNER/NAME:ref:refs/heads/main
        #[arg(long, requires = "issuer")]
        subject: Option<String>,
        /// Whom it is for [default: api://AzureADTokenExchange]
        #[arg(long, requires = "issuer")]
        audience: Option<String>,
        /// 1 is the desk's own tenant, 2 is someone else
        #[arg(long, default_value_t = 1, value_name = "NUMBER")]
        tenant: usize,
    },
    /// Take the public keys of an issuer that makes its own assertions, since none is asked for them.
    ///
    /// Of a Kubernetes cluster: kubectl get --raw /openid/v1/jwks
    Issuer {
        /// As its assertions name it (`iss`)
        url: String,
        /// A JSON Web Key Set; `-` for standard input
        #[arg(long, value_name = "FILE")]
        keys: PathBuf,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
}
