//! What an instance keeps about itself.

use super::document::Document;
use super::knobs::{Knobs, Profile};
use crate::ground::clock::Ahead;
use serde::{Deserialize, Serialize};

/// The instance's settings; there is one document.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) knobs: Knobs,
    /// Where the knobs began.
    #[serde(default)]
    pub(crate) profile: Profile,
    /// Whether too many requests are refused.
    #[serde(default)]
    pub(crate) throttle: bool,
    /// By how much the clock was moved (milliseconds).
    pub(crate) clock_offset_ms: i64,
    /// What the clock has gained by running faster, or may gain before this is written again (milliseconds).
    #[serde(default)]
    pub(crate) clock_gained_ms: i64,
    /// How many times as fast as the computer's the clock runs; 0 is not said.
    #[serde(default)]
    pub(crate) speed: u32,
    /// The proxy's port, so that exported environments stay good over a restart.
    pub(crate) port: Option<u16>,
}

impl Settings {
    pub(crate) const KEY: &'static str = "settings";

    /// How far the clock is ahead of the computer's.
    pub(crate) fn ahead(&self) -> Ahead {
        Ahead {
            moved_ms: self.clock_offset_ms,
            gained_ms: self.clock_gained_ms,
        }
    }
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
