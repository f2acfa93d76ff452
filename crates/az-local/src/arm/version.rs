//! The `api-version` of a call.

use super::error::Error;

/// Any published version is taken. They are dates, some with a suffix.
pub(crate) fn check(version: &str) -> Result<(), Error> {
    if version.is_empty() {
        return Err(Error::bad_request(
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        ));
    }
    let (date, suffix) = version.split_at(version.len().min(10));
    let numbers: Vec<Option<u32>> = date.split('-').map(|part| part.parse().ok()).collect();
    let is_date = matches!(
        numbers.as_slice(),
        [Some(2014..=2030), Some(1..=12), Some(1..=31)]
    );
    let suffix = suffix.to_ascii_lowercase();
    if is_date
        && date.len() == 10
        && ["", "-preview", "-privatepreview", "-alpha", "-beta"].contains(&suffix.as_str())
    {
        return Ok(());
    }
    Err(Error::bad_request(
        "InvalidApiVersionParameter",
        format!(
            "The api-version '{version}' is invalid. A version is a date, as '2024-11-01' or '2024-11-01-preview'."
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_versions_are_dates() {
        for good in ["2015-06-15", "2024-11-01", "2025-05-31-preview"] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "latest",
            "2024-13-01",
            "2024-11",
            "7.4",
            "2024-11-01-nonsense",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
