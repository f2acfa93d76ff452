//! What each create does with each of its flags when what it creates is there already: one table, of which the tools'
//! help, `docs/run-again.md` and the end-to-end tests are made.

use std::fmt::Write as _;

/// What becomes of a flag when the command is run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// It names what is created: another value is another thing.
    Names,
    /// It must be as it is: another value ends the command with exit status 6, and nothing is changed.
    Equal,
    /// As [`Again::Equal`]; Azure shows it to nobody, so Azure is asked to compare it.
    EqualToAzure,
    /// What is there is changed to it.
    Updated,
    /// It says how the command goes about its work.
    Manner,
}

/// One flag of a create.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// Its long name, without `--`.
    pub name: &'static str,
    /// What becomes of it.
    pub again: Again,
    /// What the message calls it, where it differs; what is read back, where it is updated.
    pub word: &'static str,
    /// The flag with a value.
    pub first: &'static str,
    /// The flag with another value.
    pub other: &'static str,
}

/// One create.
#[derive(Clone, Copy, Debug)]
pub struct Create {
    /// The tool and its command, as `az-provision vm create`.
    pub command: &'static str,
    /// All of its flags but those of every command, in the order of its help.
    pub flags: &'static [Flag],
}

/// All creates.
pub const CREATES: &[Create] = &[GROUP, VM, KEYVAULT, IDENTITY, ASSIGNMENT];

const GROUP: Create = Create {
    command: "az-provision group create",
    flags: &[
        names("name"),
        equal(
            "location",
            "in location 'westus2'",
            "-l westus2",
            "-l eastus",
        ),
        updated("tags", "tags.a", "--tags a=1", "--tags a=2"),
        manner("jobs"),
        manner("keep-going"),
        manner("fail-fast"),
        manner("unpaced"),
    ],
};

const VM: Create = Create {
    command: "az-provision vm create",
    flags: &[
        names("name"),
        names("resource-group"),
        names("count"),
        equal("location", "location", "-l eastus", "-l westus2"),
        equal("image", "image", "--image Ubuntu2204", "--image Debian12"),
        equal("size", "size", "--size Standard_B1s", "--size Standard_B2s"),
        equal(
            "admin-username",
            "admin user",
            "--admin-username ada",
            "--admin-username grace",
        ),
        asked(
            "admin-password",
            "adminPassword",
            "--admin-password Correct-Horse-1",
            "--admin-password Correct-Horse-2",
        ),
        asked(
            "admin-password-file",
            "adminPassword",
            "--admin-password-file <(echo Correct-Horse-1)",
            "--admin-password-file <(echo Correct-Horse-2)",
        ),
        equal(
            "authentication-type",
            "authentication type",
            "--authentication-type ssh",
            "--authentication-type all --admin-password Correct-Horse-1",
        ),
        equal(
            "ssh-key-values",
            "SSH keys",
            "--ssh-key-values 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUlE3pxsKcbEGdeNvb2yCTWoYbL6aUvuWKz2Y4lbSIS one'",
            "--ssh-key-values 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN1oTjNNpBUC81/e1pF8jAEA7ZzVhJyJV7X0b1Jgv4TS two'",
        ),
        manner("generate-ssh-keys"),
        manner("ssh-key-type"),
        equal(
            "public-ip-address",
            "public IP address",
            "--public-ip-address one",
            "--public-ip-address ''",
        ),
        equal(
            "public-ip-sku",
            "public IP address",
            "--public-ip-sku Standard",
            "--public-ip-sku Basic",
        ),
        equal("nsg", "security group", "--nsg one", "--nsg two"),
        equal("nsg-rule", "3389", "--nsg-rule SSH", "--nsg-rule RDP"),
        equal(
            "open-ports",
            "443",
            "--open-ports 80",
            "--open-ports 80,443",
        ),
        equal(
            "vnet-name",
            "virtual network",
            "--vnet-name one",
            "--vnet-name two",
        ),
        equal(
            "vnet-address-prefix",
            "10.1.0.0/16",
            "--vnet-address-prefix 10.0.0.0/16",
            "--vnet-address-prefix 10.1.0.0/16 --subnet-address-prefix 10.1.0.0/24",
        ),
        equal(
            "subnet",
            "subnet",
            "--vnet-name one --subnet one",
            "--vnet-name one --subnet two",
        ),
        equal(
            "subnet-address-prefix",
            "10.0.1.0/24",
            "--subnet-address-prefix 10.0.0.0/24",
            "--subnet-address-prefix 10.0.1.0/24",
        ),
        equal(
            "os-disk-size-gb",
            "OS disk",
            "--os-disk-size-gb 40",
            "--os-disk-size-gb 50",
        ),
        equal(
            "storage-sku",
            "disks",
            "--storage-sku StandardSSD_LRS",
            "--storage-sku Standard_LRS",
        ),
        equal(
            "data-disk-sizes-gb",
            "data disks",
            "--data-disk-sizes-gb 10 20",
            "--data-disk-sizes-gb 10",
        ),
        equal(
            "priority",
            "priority",
            "--priority Spot",
            "--priority Regular",
        ),
        equal("zone", "zone", "--zone 1", "--zone 2"),
        equal(
            "assign-identity",
            "identities",
            "--assign-identity",
            "--assign-identity one",
        ),
        asked(
            "custom-data",
            "customData",
            "--custom-data '#!/bin/sh'",
            "--custom-data '#!/bin/bash'",
        ),
        equal(
            "user-data",
            "user data",
            "--user-data 'one two'",
            "--user-data 'three four'",
        ),
        updated("tags", "tags.a", "--tags a=1", "--tags a=2"),
        manner("no-wait"),
    ],
};

const KEYVAULT: Create = Create {
    command: "az-provision keyvault create",
    flags: &[
        names("name"),
        names("resource-group"),
        equal("location", "location", "-l eastus", "-l westus2"),
        equal(
            "enable-rbac-authorization",
            "enableRbacAuthorization",
            "--enable-rbac-authorization true",
            "--enable-rbac-authorization false",
        ),
        equal(
            "enable-purge-protection",
            "enablePurgeProtection",
            "--enable-purge-protection false",
            "--enable-purge-protection true",
        ),
        equal(
            "retention-days",
            "retention days",
            "--retention-days 7",
            "--retention-days 8",
        ),
        equal(
            "public-network-access",
            "publicNetworkAccess",
            "--public-network-access Enabled",
            "--public-network-access Disabled",
        ),
        equal("sku", "sku", "--sku standard", "--sku premium"),
        manner("recover"),
        manner("purge-deleted"),
        updated("tags", "tags.a", "--tags a=1", "--tags a=2"),
        manner("no-wait"),
    ],
};

const IDENTITY: Create = Create {
    command: "az-identity create",
    flags: &[
        names("name"),
        names("resource-group"),
        equal(
            "location",
            "in location 'eastus'",
            "-l eastus",
            "-l westus2",
        ),
        updated("tags", "tags.a", "--tags a=1", "--tags a=2"),
        manner("jobs"),
        manner("keep-going"),
        manner("fail-fast"),
        manner("unpaced"),
    ],
};

const ASSIGNMENT: Create = Create {
    command: "az-role assignment create",
    flags: &[
        names("assignee"),
        names("assignee-object-id"),
        manner("assignee-principal-type"),
        names("role"),
        names("scope"),
        equal(
            "description",
            "description",
            "--description one",
            "--description two",
        ),
        equal(
            "condition",
            "condition",
            "--condition \"((!(ActionMatches{'Microsoft.KeyVault/vaults/secrets/getSecret/action'})) OR (@Resource[Microsoft.KeyVault/vaults:name] StringEquals 'one'))\"",
            "--condition \"((!(ActionMatches{'Microsoft.KeyVault/vaults/secrets/getSecret/action'})) OR (@Resource[Microsoft.KeyVault/vaults:name] StringEquals 'two'))\"",
        ),
        manner("condition-version"),
        manner("wait-for-principal"),
        manner("jobs"),
        manner("keep-going"),
        manner("fail-fast"),
        manner("unpaced"),
    ],
};

const fn names(name: &'static str) -> Flag {
    plain(name, Again::Names)
}

const fn manner(name: &'static str) -> Flag {
    plain(name, Again::Manner)
}

const fn plain(name: &'static str, again: Again) -> Flag {
    Flag {
        name,
        again,
        word: "",
        first: "",
        other: "",
    }
}

const fn equal(
    name: &'static str,
    word: &'static str,
    first: &'static str,
    other: &'static str,
) -> Flag {
    Flag {
        name,
        again: Again::Equal,
        word,
        first,
        other,
    }
}

const fn asked(
    name: &'static str,
    word: &'static str,
    first: &'static str,
    other: &'static str,
) -> Flag {
    Flag {
        again: Again::EqualToAzure,
        ..equal(name, word, first, other)
    }
}

const fn updated(
    name: &'static str,
    word: &'static str,
    first: &'static str,
    other: &'static str,
) -> Flag {
    Flag {
        again: Again::Updated,
        ..equal(name, word, first, other)
    }
}

/// The paragraph for the long help of a create; empty for what is none.
pub fn help(command: &str) -> String {
    let Some(create) = CREATES.iter().find(|create| create.command == command) else {
        return String::new();
    };
    let flags = |wanted: &[Again]| {
        let found = create
            .flags
            .iter()
            .filter(|flag| wanted.contains(&flag.again));
        let names: Vec<String> = found.map(|flag| format!("--{}", flag.name)).collect();
        names.join(", ")
    };
    let equal = flags(&[Again::Equal, Again::EqualToAzure]);
    let mut text = format!(
        "Run again, when it is there already: {equal} must be as they are (exit status 6 else, and nothing is changed)"
    );
    let updated = flags(&[Again::Updated]);
    if !updated.is_empty() {
        let _ = write!(text, "; {updated} is changed");
    }
    text.push('.');
    text
}

/// The table as a document.
pub fn document() -> String {
    let mut text = String::from(
        "# Run again\n\nA create can be run again: what is there is kept, what is missing is made, and no flag is ignored in silence. This is what\neach create does with each of its flags when what it creates is there already; a test runs every row.\n",
    );
    for create in CREATES {
        let _ = write!(
            text,
            "\n## `{}`\n\n| flag | another value than what is there |\n|---|---|\n",
            create.command
        );
        for flag in create.flags {
            let then = match flag.again {
                Again::Names => "is another thing",
                Again::Equal => "exit status 6, and nothing is changed",
                Again::EqualToAzure => {
                    "exit status 6, and nothing is changed; Azure shows it to nobody, and is asked to compare it"
                }
                Again::Updated => "is what is there from then on",
                Again::Manner => "says how the command works, and is kept nowhere",
            };
            let _ = writeln!(text, "| `--{}` | {then} |", flag.name);
        }
    }
    text
}
