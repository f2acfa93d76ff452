//! Dates as `az` prints them.

/// A date of Azure's as `az` prints those that its libraries parse: `+00:00` for `Z`, six digits of a second.
pub fn python_date(text: &str) -> String {
    let Some(date) = text.strip_suffix('Z') else {
        return text.to_owned();
    };
    match date.split_once('.') {
        None => format!("{date}+00:00"),
        Some((seconds, fraction)) if fraction.bytes().all(|byte| byte == b'0') => {
            format!("{seconds}+00:00")
        }
        Some((seconds, fraction)) => format!("{seconds}.{:0<6.6}+00:00", fraction),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_print_as_python_does() {
        assert_eq!(
            python_date("2026-11-23T17:21:52.18Z"),
            "2026-11-23T17:21:52.180000+00:00"
        );
        assert_eq!(
            python_date("2026-11-23T17:21:52.1234567Z"),
            "2026-11-23T17:21:52.123456+00:00"
        );
        assert_eq!(
            python_date("2026-11-23T17:21:52Z"),
            "2026-11-23T17:21:52+00:00"
        );
        assert_eq!(python_date("never"), "never");
    }
}
