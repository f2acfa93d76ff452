//! The names nearest to one that is not there.

/// How many names a message offers.
const MOST: usize = 3;

/// The names most like `wanted`, the nearest first: a slip of the finger, another case, a part left out. Empty where none
/// is near enough to be meant.
pub fn nearest<'a>(wanted: &str, all: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let folded = fold(wanted);
    let mut found: Vec<(usize, &str)> = all
        .into_iter()
        .filter_map(|name| Some((distance(&folded, &fold(name))?, name)))
        .collect();
    found.sort_by(|left, right| left.0.cmp(&right.0).then_with(|| left.1.cmp(right.1)));
    found.dedup_by(|left, right| left.1 == right.1);
    // What is much farther than the nearest is not meant.
    let best = found.first().map_or(0, |(distance, _)| *distance);
    found
        .into_iter()
        .take_while(|(distance, _)| *distance <= best + 1)
        .take(MOST)
        .map(|(_, name)| name)
        .collect()
}

/// `Did you mean 'a' or 'b'?`, if something is near.
pub fn did_you_mean<'a>(wanted: &str, all: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let names: Vec<String> = nearest(wanted, all)
        .into_iter()
        .map(|name| format!("'{}'", crate::shown::shown(name)))
        .collect();
    let (last, others) = names.split_last()?;
    Some(if others.is_empty() {
        format!("Did you mean {last}?")
    } else {
        format!("Did you mean {} or {last}?", others.join(", "))
    })
}

/// Letters and digits in lower case: `West US 2` is `westus2`.
fn fold(name: &str) -> String {
    name.chars()
        .filter(|letter| letter.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// How far two names are apart; none where they have too little in common.
fn distance(wanted: &str, name: &str) -> Option<usize> {
    if wanted.is_empty() || name.is_empty() {
        return None;
    }
    // The beginning of it, as `Standard_D2s` of `Standard_D2s_v5`.
    if wanted.chars().count() >= 4 && name.starts_with(wanted) {
        return Some(0);
    }
    let slips = strsim::damerau_levenshtein(wanted, name);
    let shorter = wanted.chars().count().min(name.chars().count());
    if slips <= 1.max(shorter / 4) {
        return Some(slips);
    }
    // A part of it, as `Secrets Officer` of `Key Vault Secrets Officer`.
    (wanted.chars().count() >= 3 && name.contains(wanted)).then_some(slips.min(shorter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_nearest_come_first_and_what_is_far_not_at_all() {
        let locations = [
            "eastus",
            "eastus2",
            "westus",
            "westus2",
            "westeurope",
            "uksouth",
        ];
        assert_eq!(nearest("estus", locations), ["eastus", "westus", "westus2"]);
        assert_eq!(nearest("West US 2", locations)[0], "westus2");
        assert_eq!(nearest("mars", locations), Vec::<&str>::new());
        let roles = [
            "Key Vault Secrets Officer",
            "Key Vault Secrets User",
            "Reader",
        ];
        assert_eq!(
            nearest("Key Vault Secret Officer", roles),
            ["Key Vault Secrets Officer"]
        );
        assert_eq!(
            nearest("Secrets Officer", roles),
            ["Key Vault Secrets Officer"]
        );
        assert_eq!(
            did_you_mean("raeder", roles).as_deref(),
            Some("Did you mean 'Reader'?")
        );
    }

    proptest! {
        #[test]
        fn a_name_is_nearest_to_itself_and_to_one_slip(name in "[a-z]{4,12}", at in 0usize..4) {
            let other = "zzzzzzzzzzzzzzzz";
            prop_assume!(name != other);
            let mut slip: Vec<char> = name.chars().collect();
            slip.remove(at);
            let slip: String = slip.into_iter().collect();
            prop_assert_eq!(nearest(&name, [other, name.as_str()])[0], name.as_str());
            prop_assert_eq!(nearest(&slip, [other, name.as_str()])[0], name.as_str());
        }
    }
}
