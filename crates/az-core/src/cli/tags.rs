//! Tags: the argument.

use crate::name::{InvalidName, parse_tag};
use clap::Args;
use serde_json::Value;

/// Tags, as `az` takes them.
#[derive(Args, Clone, Debug, Default)]
pub struct Tags {
    /// Tags, as key=value words separated by spaces; "" for none
    #[arg(long, num_args = 0.., value_name = "KEY=VALUE", value_parser = parse_tag_or_none)]
    tags: Option<Vec<Option<(String, String)>>>,
}

fn parse_tag_or_none(word: &str) -> Result<Option<(String, String)>, InvalidName> {
    if word.is_empty() {
        Ok(None)
    } else {
        parse_tag(word).map(Some)
    }
}

impl FromIterator<(String, String)> for Tags {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(tags: T) -> Self {
        Tags {
            tags: Some(tags.into_iter().map(Some).collect()),
        }
    }
}

impl Tags {
    /// Whether the flag was given.
    pub fn given(&self) -> bool {
        self.tags.is_some()
    }

    /// Each tag's name and value; `None` where the flag was not given. Of one name that is given twice the last counts.
    pub fn pairs(&self) -> Option<impl Iterator<Item = (&str, &str)>> {
        let tags = self.tags.as_ref()?;
        Some(
            tags.iter()
                .flatten()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        )
    }

    /// The tags as a request carries them; `None` where the flag was not given.
    pub fn to_json(&self) -> Option<Value> {
        let pairs = self.pairs()?;
        Some(
            pairs
                .map(|(name, value)| (name.to_owned(), Value::from(value)))
                .collect(),
        )
    }
}
