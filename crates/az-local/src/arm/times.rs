//! Times as Resource Manager writes them.

use time::OffsetDateTime;
use time::macros::format_description;

/// A time with seven digits behind the second, as .NET's round-trip format has them: `2026-01-31T12:00:00.1234567Z`
/// (recorded in azure-mgmt-compute 19.0.0's and azure-mgmt-authorization 1.0.0's tests).
pub(super) fn text(time: OffsetDateTime) -> String {
    let time = time.to_offset(time::UtcOffset::UTC);
    time.format(format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:7]Z"
    ))
    .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn seven_digits_whatever_the_time() {
        for (time, expected) in [
            (
                datetime!(2026-01-31 12:00 UTC),
                "2026-01-31T12:00:00.0000000Z",
            ),
            (
                datetime!(2026-01-31 12:00:59.123456789 UTC),
                "2026-01-31T12:00:59.1234567Z",
            ),
            (
                datetime!(2026-01-31 12:00:59.1 +2),
                "2026-01-31T10:00:59.1000000Z",
            ),
        ] {
            assert_eq!(text(time), expected);
        }
    }
}
