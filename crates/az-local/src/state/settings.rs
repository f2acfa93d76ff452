//! What an instance keeps about itself.

use super::document::Document;
use super::knobs::Knobs;
use serde::{Deserialize, Serialize};

/// The instance's settings; there is one document.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) knobs: Knobs,
    /// How far the clock is ahead of the computer's (milliseconds).
    pub(crate) clock_offset_ms: i64,
    /// The proxy's port, so that exported environments stay good over a restart.
    pub(crate) port: Option<u16>,
}

impl Settings {
    pub(crate) const KEY: &'static str = "settings";
}

impl Document for Settings {
    const KIND: &'static str = "settings";
    fn key(&self) -> String {
        Settings::KEY.to_owned()
    }
}

/// Who the desk is in one tenant: its application and service principal, and the subscriptions
/// that it owns.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Desk {
    /// Counts tenants, from 1.
    pub(crate) number: usize,
    pub(crate) tenant_id: String,
    pub(crate) app_id: String,
    pub(crate) object_id: String,
    pub(crate) subscription_ids: Vec<String>,
}

impl Desk {
    /// The key of the desk in tenant `number`.
    pub(crate) fn key_of(number: usize) -> String {
        format!("{number:03}")
    }
}

impl Document for Desk {
    const KIND: &'static str = "desk";
    fn key(&self) -> String {
        Desk::key_of(self.number)
    }
}
