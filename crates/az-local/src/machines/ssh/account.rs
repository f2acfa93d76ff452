//! Who may sign in to a machine: the user that it was created with, and those that were set since.

use crate::ground::secret::same;
use crate::state::Resource;
use crate::state::machine::VirtualMachine;
use russh::keys::PublicKey;
use russh::{MethodKind, MethodSet};

/// A machine's users, and what proves to be one of them.
pub(super) struct Accounts(Vec<User>);

struct User {
    name: String,
    /// None where only keys are taken.
    password: Option<String>,
    keys: Vec<PublicKey>,
}

impl Accounts {
    /// The users of a machine.
    pub(super) fn of(machine: &Resource) -> Self {
        let users = VirtualMachine::of(machine).accounts().into_iter();
        let users = users.map(|account| User {
            name: account.name.to_owned(),
            password: account.password.map(str::to_owned),
            keys: account
                .keys
                .iter()
                .filter_map(|key| PublicKey::from_openssh(key.trim()).ok())
                .collect(),
        });
        Accounts(users.collect())
    }

    /// The ways to sign in that can succeed.
    pub(super) fn methods(&self) -> MethodSet {
        let mut methods = MethodSet::empty();
        methods.push(MethodKind::PublicKey);
        if self.0.iter().any(|user| user.password.is_some()) {
            methods.push(MethodKind::Password);
        }
        methods
    }

    /// Whether this is the user's password.
    pub(super) fn has_password(&self, name: &str, password: &str) -> bool {
        // All are compared whatever the first says, so that the time does not tell a user's name.
        self.0.iter().fold(false, |found, user| {
            let known = user.password.as_deref();
            let matches = same(known.unwrap_or_default(), password) && known.is_some();
            let is_user = same(&user.name, name);
            found || (is_user && matches)
        })
    }

    /// Whether this is one of the user's keys.
    pub(super) fn has_key(&self, name: &str, key: &PublicKey) -> bool {
        self.0.iter().fold(false, |found, user| {
            let mut keys = user.keys.iter();
            let known = keys.any(|known| known.key_data() == key.key_data());
            let is_user = same(&user.name, name);
            found || (is_user && known)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti user@example.com";
    const OTHER: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB9dG4kjRhQTtWTVzd2t27+t0DEHBPW7iOD23TUiYLio";

    fn machine(only_keys: bool) -> Resource {
        let body = json!({"properties": {"osProfile": {
            "adminUsername": "azureuser",
            "linuxConfiguration": {
                "disablePasswordAuthentication": only_keys,
                "ssh": {"publicKeys": [{"path": "/home/azureuser/.ssh/authorized_keys", "keyData": KEY}]},
            },
        }}});
        let hidden = json!({"adminPassword": "Correct-Horse-1"});
        Resource {
            id: "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm"
                .to_owned(),
            kind: crate::state::machine::KIND.to_owned(),
            body: body.as_object().expect("an object").clone(),
            hidden: hidden.as_object().expect("an object").clone(),
            incarnation: String::new(),
        }
    }

    #[test]
    fn the_user_signs_in_with_the_password_and_the_keys_of_creation() {
        let account = Accounts::of(&machine(false));
        let (key, other) = (
            PublicKey::from_openssh(KEY).expect("a key"),
            PublicKey::from_openssh(OTHER).expect("a key"),
        );
        assert!(account.methods().contains(&MethodKind::Password));
        assert!(account.has_password("azureuser", "Correct-Horse-1"));
        assert!(!account.has_password("azureuser", "Correct-Horse-2"));
        assert!(!account.has_password("azureuser", ""));
        assert!(!account.has_password("root", "Correct-Horse-1"));
        assert!(account.has_key("azureuser", &key));
        assert!(!account.has_key("azureuser", &other));
        assert!(!account.has_key("root", &key));
    }

    #[test]
    fn those_that_were_set_since_sign_in_and_those_that_were_removed_do_not() {
        let mut machine = machine(true);
        let set = json!({
            "azureuser": {"password": "New-Password-1", "keys": [OTHER]},
            "ada": {"keys": [OTHER]},
        });
        machine.hidden.insert("accounts".to_owned(), set);
        let account = Accounts::of(&machine);
        let (key, other) = (
            PublicKey::from_openssh(KEY).expect("a key"),
            PublicKey::from_openssh(OTHER).expect("a key"),
        );
        assert!(account.has_password("azureuser", "New-Password-1"));
        assert!(!account.has_password("ada", "New-Password-1"));
        assert!(account.has_key("azureuser", &key) && account.has_key("azureuser", &other));
        assert!(account.has_key("ada", &other) && !account.has_key("ada", &key));
        machine
            .hidden
            .insert("accounts".to_owned(), json!({"azureuser": null}));
        assert!(!Accounts::of(&machine).has_key("azureuser", &key));
    }

    #[test]
    fn where_passwords_are_off_none_is_right() {
        let account = Accounts::of(&machine(true));
        assert!(!account.methods().contains(&MethodKind::Password));
        assert!(!account.has_password("azureuser", "Correct-Horse-1"));
        assert!(!account.has_password("azureuser", ""));
    }
}
