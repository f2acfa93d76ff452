//! Who may sign in to a machine: the user that it was created with.

use crate::ground::secret::same;
use crate::state::Resource;
use crate::state::machine::VirtualMachine;
use russh::keys::PublicKey;
use russh::{MethodKind, MethodSet};

/// A machine's user, and what proves to be that user.
pub(super) struct Account {
    /// None on a machine that knows nobody.
    user: Option<String>,
    /// None where only keys are taken.
    password: Option<String>,
    keys: Vec<PublicKey>,
}

impl Account {
    /// The user of `osProfile`.
    pub(super) fn of(machine: &Resource) -> Self {
        let vm = VirtualMachine::of(machine);
        Account {
            user: vm.admin().map(str::to_owned),
            password: vm.password().map(str::to_owned),
            keys: vm
                .public_keys()
                .iter()
                .filter_map(|key| PublicKey::from_openssh(key["keyData"].as_str()?.trim()).ok())
                .collect(),
        }
    }

    /// The ways to sign in that can succeed.
    pub(super) fn methods(&self) -> MethodSet {
        let mut methods = MethodSet::empty();
        methods.push(MethodKind::PublicKey);
        if self.password.is_some() {
            methods.push(MethodKind::Password);
        }
        methods
    }

    /// Whether this is the user's password.
    pub(super) fn has_password(&self, user: &str, password: &str) -> bool {
        // Both are compared whatever the first says, so that the time does not tell a user's name.
        let known = self.password.as_deref();
        let matches = same(known.unwrap_or_default(), password) && known.is_some();
        self.is_user(user) && matches
    }

    /// Whether this is one of the user's keys.
    pub(super) fn has_key(&self, user: &str, key: &PublicKey) -> bool {
        let known = self
            .keys
            .iter()
            .any(|known| known.key_data() == key.key_data());
        known && self.is_user(user)
    }

    fn is_user(&self, user: &str) -> bool {
        self.user.as_deref().is_some_and(|own| same(own, user))
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
        let account = Account::of(&machine(false));
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
    fn where_passwords_are_off_none_is_right() {
        let account = Account::of(&machine(true));
        assert!(!account.methods().contains(&MethodKind::Password));
        assert!(!account.has_password("azureuser", "Correct-Horse-1"));
        assert!(!account.has_password("azureuser", ""));
    }
}
