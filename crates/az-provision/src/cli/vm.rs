//! What the user may say about virtual machines.

use super::until::Until;
use az_core::{
    cli::{ListArgs, MachineArgs, Tags},
    concealed::conceal,
    name::{GroupName, Location, MachineName, NetworkName},
};
use clap::{Args, Subcommand, ValueEnum};
use secrecy::SecretString;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Vm {
    /// Create a virtual machine with its network
    Create(Box<VmCreate>),
    /// Show a virtual machine
    Show(VmShow),
    /// List virtual machines
    List {
        /// Only those of this resource group
        #[arg(short = 'g', long)]
        resource_group: Option<GroupName>,
        /// With power state and IP addresses (more requests)
        #[arg(short = 'd', long)]
        show_details: bool,
    },
    /// List the IP addresses of virtual machines
    ListIpAddresses {
        /// Only those of this machine
        #[arg(short, long)]
        name: Option<MachineName>,
        /// Only those of this resource group
        #[arg(short = 'g', long)]
        resource_group: Option<GroupName>,
    },
    /// Open ports of a virtual machine to the internet
    OpenPort(OpenPort),
    /// The users of a virtual machine
    #[command(subcommand)]
    User(Users),
    /// Wait until a virtual machine is as it is to be
    Wait(VmWait),
    /// Start virtual machines
    Start(VmActs),
    /// Power virtual machines off; they are still billed
    Stop {
        #[command(flatten)]
        acts: VmActs,
        /// Do not wait for its system to shut down
        #[arg(long)]
        skip_shutdown: bool,
    },
    /// Power virtual machines off and give their hardware back
    Deallocate(VmActs),
    /// Restart virtual machines
    Restart(VmActs),
    /// Delete virtual machines; their networks and disks stay. One that is gone already is no error
    Delete {
        #[command(flatten)]
        acts: VmActs,
        /// Do not wait for its system to shut down
        #[arg(long)]
        force_deletion: bool,
    },
    /// Have the machine's agent run a script
    #[command(name = "run-command", subcommand)]
    RunCommand(RunCommands),
    /// List the sizes that a location offers
    ListSizes {
        /// The location, as eastus
        #[arg(short, long)]
        location: Location,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunCommands {
    /// Run a script on a machine and print what it printed
    ///
    /// As with az, the exit status does not tell the script's: its output does, the last 4096 bytes of it.
    Invoke(RunCommand),
}

#[derive(Args, Debug)]
pub(crate) struct RunCommand {
    #[command(flatten)]
    pub(crate) act: VmAct,
    /// What runs the script: RunShellScript on Linux, RunPowerShellScript on Windows
    #[arg(long)]
    pub(crate) command_id: String,
    /// The script's lines; @FILE takes them from a file, @- from standard input
    #[arg(long, num_args = 1.., required = true, value_name = "LINE")]
    pub(crate) scripts: Vec<String>,
    /// What the script is given: as $1, $2, … and, where named, as variables
    #[arg(long, num_args = 1.., value_name = "[NAME=]VALUE")]
    pub(crate) parameters: Vec<String>,
}

/// Machines that something is done to.
#[derive(Args, Debug)]
pub(crate) struct VmActs {
    #[command(flatten)]
    pub(crate) machines: MachineArgs,
    /// Do not wait for the operation to end
    #[arg(long)]
    pub(crate) no_wait: bool,
    #[command(flatten)]
    pub(crate) lists: ListArgs,
}

#[derive(Args, Debug)]
pub(crate) struct OpenPort {
    /// The machine's name
    #[arg(short, long)]
    pub(crate) name: MachineName,
    /// Its resource group [default: the machine is looked for in the whole subscription]
    #[arg(short = 'g', long)]
    pub(crate) resource_group: Option<GroupName>,
    /// Ports, as 80,443 or 8000-8100; * for all
    #[arg(long, required = true, value_delimiter = ',', value_name = "PORT[-PORT]", value_parser = parse_ports)]
    pub(crate) port: Vec<String>,
    /// Priority of the rule, a lower number goes first [default: the first that is free from 900 on]
    #[arg(long, value_parser = clap::value_parser!(u16).range(100..=4096))]
    pub(crate) priority: Option<u16>,
    /// Network security group to make where the machine has none [default: the machine's name with NSG behind it]
    #[arg(long)]
    pub(crate) nsg_name: Option<NetworkName>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Users {
    /// Set a user's password or add a public key; a new user is created
    Update(UserUpdate),
}

#[derive(Args, Debug)]
pub(crate) struct UserUpdate {
    #[command(flatten)]
    pub(crate) act: VmAct,
    /// The user
    #[arg(short, long)]
    pub(crate) username: String,
    /// The new password. Exposed to everyone who can list this computer's processes and to your shell's history: prefer
    /// --password-file
    #[arg(short, long, conflicts_with = "password_file", allow_hyphen_values = true, value_parser = parse_secret)]
    pub(crate) password: Option<SecretString>,
    /// Read the new password from a file; - is standard input. One line end at its end is left out
    #[arg(long, value_name = "FILE|-")]
    pub(crate) password_file: Option<PathBuf>,
    /// A public key, or a file with one [default: without a password, ~/.ssh/id_rsa.pub or ~/.ssh/id_ed25519.pub]
    #[arg(long, value_name = "KEY|FILE")]
    pub(crate) ssh_key_value: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct VmWait {
    #[command(flatten)]
    pub(crate) machines: MachineArgs,
    #[command(flatten)]
    pub(crate) until: Until,
    #[command(flatten)]
    pub(crate) lists: ListArgs,
}

/// A machine that something is done to.
#[derive(Args, Debug)]
pub(crate) struct VmAct {
    /// The machine's name
    #[arg(short, long)]
    pub(crate) name: MachineName,
    /// Its resource group [default: the machine is looked for in the whole subscription]
    #[arg(short = 'g', long)]
    pub(crate) resource_group: Option<GroupName>,
    /// Do not wait for the operation to end
    #[arg(long)]
    pub(crate) no_wait: bool,
}

#[derive(Args, Debug)]
pub(crate) struct VmShow {
    #[command(flatten)]
    pub(crate) machines: MachineArgs,
    /// With power state and IP addresses
    #[arg(short = 'd', long)]
    pub(crate) show_details: bool,
    /// With the user data
    #[arg(short = 'u', long)]
    pub(crate) include_user_data: bool,
}

#[derive(Args, Debug)]
pub(crate) struct VmCreate {
    /// The machine's name
    #[arg(short, long)]
    pub(crate) name: MachineName,
    /// The resource group to create it in
    #[arg(short = 'g', long)]
    pub(crate) resource_group: GroupName,
    /// Where to create it [default: the resource group's location]
    #[arg(short, long)]
    pub(crate) location: Option<Location>,
    /// How many machines to create; a number is put behind the name of each, from 0 on
    #[arg(long, conflicts_with = "public_ip_address", value_parser = clap::value_parser!(u16).range(2..=250))]
    pub(crate) count: Option<u16>,
    #[command(flatten)]
    pub(crate) machine: Machine,
    #[command(flatten)]
    pub(crate) tags: Tags,
    /// Do not wait for the operation to end
    #[arg(long)]
    pub(crate) no_wait: bool,
}

/// What a machine is made of; `vm create` and `all` share it.
#[derive(Args, Clone, Debug)]
pub(crate) struct Machine {
    /// Image: publisher:offer:sku:version, an alias (Ubuntu2204, Ubuntu2404, Debian12, …) or an image's id
    #[arg(long, default_value = DEFAULT_IMAGE)]
    pub(crate) image: String,
    /// Size
    #[arg(long, default_value = DEFAULT_SIZE)]
    pub(crate) size: String,
    /// User to create on the machine [default: your own user name]
    #[arg(help_heading = "Signing in", long)]
    pub(crate) admin_username: Option<String>,
    /// The user's password. Exposed to everyone who can list this computer's processes and to your shell's history:
    /// prefer --admin-password-file, or the prompt
    #[arg(help_heading = "Signing in", long, conflicts_with = "admin_password_file", allow_hyphen_values = true, value_parser = parse_secret)]
    pub(crate) admin_password: Option<SecretString>,
    /// Read the password from a file; - is standard input. One line end at its end is left out
    #[arg(help_heading = "Signing in", long, value_name = "FILE|-")]
    pub(crate) admin_password_file: Option<PathBuf>,
    /// How the user may sign in [default: password if one is given, else SSH keys]
    #[arg(help_heading = "Signing in", long, value_enum)]
    pub(crate) authentication_type: Option<AuthenticationType>,
    /// Public keys, or files with one each [default: ~/.ssh/id_rsa.pub or ~/.ssh/id_ed25519.pub]
    #[arg(help_heading = "Signing in", long, num_args = 1.., value_name = "KEY|FILE", visible_alias = "ssh-key-value")]
    pub(crate) ssh_key_values: Vec<String>,
    /// Make a key pair in ~/.ssh unless there is one
    #[arg(help_heading = "Signing in", long)]
    pub(crate) generate_ssh_keys: bool,
    /// Kind of the key pair to use or to make; RSA is made by ssh-keygen [default: what is there, else Ed25519]
    #[arg(help_heading = "Signing in", long, value_enum, ignore_case = true)]
    pub(crate) ssh_key_type: Option<SshKeyType>,
    /// Public IP address, created unless it exists; "" for none [default: its name with PublicIP behind it]
    #[arg(help_heading = "Network", long)]
    pub(crate) public_ip_address: Option<String>,
    /// SKU of a new public IP address [default: Standard]
    #[arg(help_heading = "Network", long, value_enum, ignore_case = true)]
    pub(crate) public_ip_sku: Option<PublicIpSku>,
    /// Network security group, created unless it exists; "" for none [default: its name with NSG behind it]
    #[arg(help_heading = "Network", long)]
    pub(crate) nsg: Option<String>,
    /// Rule of a new security group [default: SSH on Linux, RDP on Windows]
    #[arg(help_heading = "Network", long, value_enum, ignore_case = true)]
    pub(crate) nsg_rule: Option<NsgRule>,
    /// More ports to open in a new security group, as 80,443 or 8000-8100
    #[arg(help_heading = "Network", long, value_delimiter = ',', value_name = "PORT[-PORT]", value_parser = parse_ports)]
    pub(crate) open_ports: Vec<String>,
    /// Virtual network, created unless it exists [default: one of the resource group, else its name with VNET behind it]
    #[arg(help_heading = "Network", long)]
    pub(crate) vnet_name: Option<NetworkName>,
    /// Address space of a new virtual network [default: 10.0.0.0/16]
    #[arg(help_heading = "Network", long, value_name = "CIDR")]
    pub(crate) vnet_address_prefix: Option<ipnet::Ipv4Net>,
    /// Subnet in it [default: its name with Subnet behind it]
    #[arg(help_heading = "Network", long, requires = "vnet_name")]
    pub(crate) subnet: Option<NetworkName>,
    /// Address range of a new subnet [default: 10.0.0.0/24]
    #[arg(help_heading = "Network", long, value_name = "CIDR")]
    pub(crate) subnet_address_prefix: Option<ipnet::Ipv4Net>,
    /// Size of the OS disk in GB [default: the image's]
    #[arg(help_heading = "Disks and placement", long, value_name = "GB", value_parser = clap::value_parser!(u32).range(1..=4095))]
    pub(crate) os_disk_size_gb: Option<u32>,
    /// SKU of the machine's disks [default: Azure's for the size]
    #[arg(help_heading = "Disks and placement", long, value_name = "SKU", value_parser = DISK_SKUS, ignore_case = true)]
    pub(crate) storage_sku: Option<String>,
    /// Sizes of empty data disks in GB
    #[arg(help_heading = "Disks and placement", long, num_args = 1.., value_name = "GB", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) data_disk_sizes_gb: Vec<u32>,
    /// Spot machines are cheaper, and Azure may take them back at any time
    #[arg(
        help_heading = "Disks and placement",
        long,
        value_enum,
        ignore_case = true
    )]
    pub(crate) priority: Option<Priority>,
    /// Availability zone
    #[arg(help_heading = "Disks and placement", short, long, value_parser = ["1", "2", "3"])]
    pub(crate) zone: Option<String>,
    /// The machine's managed identities: user-assigned ones by name (in the machine's group) or id, `[system]` for its
    /// own; - reads them from standard input [without a word: `[system]`]
    #[arg(help_heading = "Identity and data", long, num_args = 0.., value_name = "[system]|NAME|ID")]
    pub(crate) assign_identity: Option<Vec<String>>,
    /// What the machine's first start runs or reads, as cloud-init does: a file, or the text itself. No secrets: it stays on
    /// the machine
    #[arg(help_heading = "Identity and data", long, allow_hyphen_values = true, value_name = "FILE|TEXT", value_parser = parse_secret)]
    pub(crate) custom_data: Option<SecretString>,
    /// What all programs on the machine can read from its metadata service: a file, or the text itself. No secrets
    #[arg(help_heading = "Identity and data", long, allow_hyphen_values = true, value_name = "FILE|TEXT", value_parser = parse_secret)]
    pub(crate) user_data: Option<SecretString>,
}

/// The SKUs of managed disks.
/// <https://learn.microsoft.com/rest/api/compute/virtual-machines/create-or-update#storageaccounttypes>
const DISK_SKUS: [&str; 7] = [
    "Premium_LRS",
    "Premium_ZRS",
    "PremiumV2_LRS",
    "Standard_LRS",
    "StandardSSD_LRS",
    "StandardSSD_ZRS",
    "UltraSSD_LRS",
];

pub(crate) const DEFAULT_IMAGE: &str = "canonical:0001-com-ubuntu-server-jammy:22_04-lts:latest";
/// `az` 2.91's default size.
pub(crate) const DEFAULT_SIZE: &str = "Standard_D2s_v5";

fn parse_ports(text: &str) -> Result<String, String> {
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
    if text == "*" {
        return Ok(text.to_owned());
    }
    let good = match text.split_once('-') {
        Some((from, to)) => matches!((port(from), port(to)), (Some(from), Some(to)) if from <= to),
        None => port(text).is_some(),
    };
    if good {
        Ok(text.to_owned())
    } else {
        Err("write a port from 1 to 65535, a range as 8000-8100, or * for all".to_owned())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AuthenticationType {
    /// Both
    All,
    /// Password
    Password,
    /// SSH keys
    Ssh,
}

/// The kinds of keys that Azure takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub(crate) enum SshKeyType {
    /// id_ed25519
    Ed25519,
    /// id_rsa
    #[value(name = "RSA")]
    Rsa,
}

impl SshKeyType {
    /// The private key's file in ~/.ssh.
    pub(crate) fn file(self) -> &'static str {
        match self {
            SshKeyType::Ed25519 => "id_ed25519",
            SshKeyType::Rsa => "id_rsa",
        }
    }

    /// As OpenSSH calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            SshKeyType::Ed25519 => "ssh-ed25519",
            SshKeyType::Rsa => "ssh-rsa",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub(crate) enum PublicIpSku {
    /// Retired by Azure for new addresses
    Basic,
    /// Static, and closed unless a security group opens it
    Standard,
}

impl PublicIpSku {
    /// As the API spells it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            PublicIpSku::Basic => "Basic",
            PublicIpSku::Standard => "Standard",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub(crate) enum Priority {
    /// Azure's older word for Spot
    Low,
    /// Never taken back
    Regular,
    /// Cheaper, taken back when Azure needs it
    Spot,
}

impl Priority {
    /// As the API spells it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Priority::Low => "Low",
            Priority::Regular => "Regular",
            Priority::Spot => "Spot",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub(crate) enum NsgRule {
    /// None
    None,
    /// Port 3389
    Rdp,
    /// Port 22
    Ssh,
}

/// Secrets are kept out of what is shown, and zeroed after use.
fn parse_secret(text: &str) -> Result<SecretString, std::convert::Infallible> {
    conceal(text);
    Ok(SecretString::from(text))
}
