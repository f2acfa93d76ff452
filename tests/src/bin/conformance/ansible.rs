//! Ansible with `azure.azcollection`: the tutorial as a playbook.

use crate::suite::Case;

pub(crate) fn cases() -> Vec<Case> {
    vec![]
}
