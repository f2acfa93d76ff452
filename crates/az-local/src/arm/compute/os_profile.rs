//! A machine's `osProfile`: its user, and how the user may sign in.

use crate::arm::error::Error;
use crate::arm::resource_type::Draft;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// Passwords that Azure refuses, with the rules for the others at
/// <https://learn.microsoft.com/rest/api/compute/virtual-machines/create-or-update#osprofile>.
const REFUSED_PASSWORDS: [&str; 10] = [
    "abc@123",
    "P@$$w0rd",
    "P@ssw0rd",
    "P@ssword123",
    "Pa$$word",
    "pass@word1",
    "Password!",
    "Password1",
    "Password22",
    "iloveyou!",
];

/// <https://learn.microsoft.com/azure/virtual-machines/linux/faq>
const REFUSED_USERS: [&str; 31] = [
    "1",
    "123",
    "a",
    "actuser",
    "adm",
    "admin",
    "admin1",
    "admin2",
    "administrator",
    "aspnet",
    "backup",
    "console",
    "david",
    "guest",
    "john",
    "owner",
    "root",
    "server",
    "sql",
    "support",
    "support_388945a0",
    "sys",
    "test",
    "test1",
    "test2",
    "test3",
    "user",
    "user1",
    "user2",
    "user3",
    "user4",
];

fn missing(name: &str) -> Error {
    Error::bad_request(
        "InvalidParameter",
        format!("Required parameter '{name}' is missing (null)."),
    )
    .target(name.to_owned())
}

fn check_user(user: &str) -> Result<(), Error> {
    if user.is_empty() {
        return Err(missing("osProfile.adminUsername"));
    }
    if REFUSED_USERS.contains(&user.to_ascii_lowercase().as_str()) {
        return Err(Error::bad_request(
            "InvalidParameter",
            "The Admin Username specified is not allowed.",
        )
        .target("adminUsername"));
    }
    Ok(())
}

/// What is answered of how a Linux machine's user signs in.
fn linux_configuration(only_keys: bool, keys: &[Value]) -> Value {
    let mut view = json!({
        "disablePasswordAuthentication": only_keys,
        "provisionVMAgent": true,
        "patchSettings": {"patchMode": "ImageDefault", "assessmentMode": "ImageDefault"},
    });
    if !keys.is_empty() {
        view["ssh"] = json!({"publicKeys": keys});
    }
    view
}

/// Checks what a request says of a new machine's user. The password is kept with the machine and never answered.
pub(super) fn os_profile(draft: &mut Draft, asked: &Value, windows: bool) -> Result<Value, Error> {
    let profile = asked
        .get("osProfile")
        .filter(|profile| profile.is_object())
        .ok_or_else(|| {
            Error::bad_request(
                "InvalidParameter",
                "Required parameter 'osProfile' is missing (null).",
            )
            .target("osProfile")
        })?;
    let text = |name: &str| profile[name].as_str().unwrap_or_default().to_owned();
    let (user, password) = (text("adminUsername"), text("adminPassword"));
    check_user(&user)?;
    let computer = if profile["computerName"].is_string() {
        text("computerName")
    } else {
        draft.resource.name().to_owned()
    };
    check_computer(&computer, windows)?;
    let keys = profile
        .pointer("/linuxConfiguration/ssh/publicKeys")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let only_keys = profile
        .pointer("/linuxConfiguration/disablePasswordAuthentication")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let by_keys = only_keys || (!keys.is_empty() && !windows);
    if !password.is_empty() {
        check_password(&password, windows)?;
    } else if !by_keys {
        return Err(missing("osProfile.adminPassword"));
    } else if keys.is_empty() {
        return Err(Error::bad_request(
            "InvalidParameter",
            "Authentication using either SSH or by user name and password must be enabled in Linux profile.",
        )
        .target("linuxConfiguration"));
    }
    let mut view = json!({
        "computerName": computer,
        "adminUsername": user,
        "secrets": [],
        "allowExtensionOperations": profile["allowExtensionOperations"].as_bool().unwrap_or(true),
        "requireGuestProvisionSignal": true,
    });
    if windows {
        view["windowsConfiguration"] =
            json!({"provisionVMAgent": true, "enableAutomaticUpdates": true});
    } else {
        view["linuxConfiguration"] = linux_configuration(only_keys, &keys);
    }
    if !password.is_empty() {
        draft
            .resource
            .hidden
            .insert("adminPassword".to_owned(), json!(password));
    }
    let custom_data = text("customData");
    if !custom_data.is_empty() {
        // Its limit is of 65535 bytes, that of user data of 64 KiB.
        check_base64(
            &custom_data,
            87_380,
            "customData",
            "Custom data in OSProfile",
        )?;
        draft
            .resource
            .hidden
            .insert("customData".to_owned(), json!(custom_data));
    }
    Ok(view)
}

/// Takes a request's `userData`: empty takes it away, as
/// <https://learn.microsoft.com/azure/virtual-machines/user-data> says. It is answered on request only, and on the
/// machine's metadata service.
pub(super) fn user_data(draft: &mut Draft, asked: &Value) -> Result<(), Error> {
    let Some(data) = asked["userData"].as_str() else {
        return Ok(());
    };
    check_base64(data, 87_384, "userData", "UserData")?;
    let hidden = &mut draft.resource.hidden;
    if data.is_empty() {
        hidden.remove("userData");
    } else {
        hidden.insert("userData".to_owned(), json!(data));
    }
    Ok(())
}

/// As Azure words it: <https://github.com/Azure/acs-engine/issues/4149>,
/// <https://github.com/Azure/azure-powershell/issues/16597>.
fn check_base64(data: &str, longest: usize, target: &'static str, what: &str) -> Result<(), Error> {
    if data.len() <= longest && STANDARD.decode(data).is_ok() {
        return Ok(());
    }
    let message = format!(
        "{what} must be in Base64 encoding and with a maximum length of {longest} characters."
    );
    Err(Error::bad_request("InvalidParameter", message).target(target))
}

/// The service's own rule; `az` and the portal ask for 12 characters. Words: hashicorp/terraform pull request 6542.
fn check_password(password: &str, windows: bool) -> Result<(), Error> {
    let (shortest, longest) = if windows { (8, 123) } else { (6, 72) };
    let refuse = |message: String| {
        Err(Error::bad_request("InvalidParameter", message).target("adminPassword"))
    };
    let length = password.chars().count();
    let kinds = [
        password.chars().any(|c| c.is_ascii_lowercase()),
        password.chars().any(|c| c.is_ascii_uppercase()),
        password.chars().any(|c| c.is_ascii_digit()),
        password.chars().any(|c| !c.is_alphanumeric()),
    ];
    let fits = (shortest..=longest).contains(&length)
        && kinds.iter().filter(|there| **there).count() >= 3
        && !password.chars().any(char::is_control);
    if !fits {
        return refuse(format!(
            "The supplied password must be between {shortest}-{longest} characters long and must satisfy at least 3 of \
             password complexity requirements from the following:\r\n1) Contains an uppercase character\r\n2) Contains a \
             lowercase character\r\n3) Contains a numeric digit\r\n4) Contains a special character\r\n5) Control \
             characters are not allowed"
        ));
    }
    if REFUSED_PASSWORDS
        .iter()
        .any(|refused| refused.eq_ignore_ascii_case(password))
    {
        return refuse("The supplied password is not allowed.".to_owned());
    }
    Ok(())
}

/// What no computer's name may have in it
/// (<https://learn.microsoft.com/rest/api/compute/virtual-machines/create-or-update#osprofile>).
const NOT_IN_NAMES: &str = "`~!@#$%^&*()=+_[]{}\\|;:'\",<>/?";

fn check_computer(name: &str, windows: bool) -> Result<(), Error> {
    let refuse =
        |message: &str| Err(Error::bad_request("InvalidParameter", message).target("computerName"));
    let has_special = name.contains(|c| NOT_IN_NAMES.contains(c));
    if windows {
        let is_number = name.chars().all(|c| c.is_ascii_digit());
        if name.chars().count() > 15 || is_number || has_special || name.contains('.') {
            return refuse(
                "Windows computer name cannot be more than 15 characters long, be entirely numeric, or contain the following \
                 characters: ` ~ ! @ # $ % ^ & * ( ) = + _ [ ] { } \\ | ; : . ' \" , < > / ?.",
            );
        }
    } else if name.chars().count() > 64 || has_special {
        return refuse(
            "Linux host name cannot exceed 64 characters in length or contain the following characters: ` ~ ! @ # $ % ^ & * \
             ( ) = + _ [ ] { } \\ | ; : ' \" , < > / ?.",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_refused_by_azures_rules() {
        assert!(check_password("Correct-Horse-1", false).is_ok());
        // Six characters of Linux, eight of Windows.
        assert!(check_password("aB1-xy", false).is_ok() && check_password("aB1-xy", true).is_err());
        for bad in [
            "aB1-x",
            "alllowercase-only",
            "nodigitsNOR",
            &"aB1-".repeat(19),
        ] {
            assert!(check_password(bad, false).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_computers_name_is_one_of_its_system() {
        for (name, linux, windows) in [
            ("vm-1", true, true),
            ("vm.example", true, false),
            ("a-name-of-16-char", true, false),
            ("12345", true, false),
            ("ba@d", false, false),
            ("under_score", false, false),
            (&"x".repeat(65), false, false),
        ] {
            assert_eq!(check_computer(name, false).is_ok(), linux, "{name}");
            assert_eq!(check_computer(name, true).is_ok(), windows, "{name}");
        }
    }

    #[test]
    fn data_is_base64_of_a_limited_length() {
        let check = |data: &str| check_base64(data, 8, "customData", "Custom data in OSProfile");
        assert!(check("aGFsbG8=").is_ok());
        for bad in ["#!/bin/sh", "aGFsbG8", "aGFsbG8=\n", "aGFsbG8hIQ=="] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
