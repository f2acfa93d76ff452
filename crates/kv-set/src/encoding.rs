//! How the bytes of a file become a secret's text.

use crate::error::Error;
use az_core::arm::base64;
use clap::ValueEnum;
use secrecy::SecretString;
use zeroize::{Zeroize, Zeroizing};

/// The tag in which `az keyvault secret set` keeps the encoding, and where `download` looks for it (Azure CLI 2.91.0,
/// azure/cli/command_modules/keyvault/_validators.py and custom.py).
pub(crate) const TAG: &str = "file-encoding";

/// The encodings that `az keyvault secret set --encoding` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Encoding {
    /// The text as it is
    #[value(name = "utf-8")]
    Utf8,
    /// UTF-16, little end first
    #[value(name = "utf-16le")]
    Utf16Le,
    /// UTF-16, big end first
    #[value(name = "utf-16be")]
    Utf16Be,
    /// ASCII letters only
    Ascii,
    /// Any bytes, in base64
    Base64,
    /// Any bytes, in hexadecimal digits
    Hex,
}

impl Encoding {
    /// Its name, as the tag has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Encoding::Utf8 => "utf-8",
            Encoding::Utf16Le => "utf-16le",
            Encoding::Utf16Be => "utf-16be",
            Encoding::Ascii => "ascii",
            Encoding::Base64 => "base64",
            Encoding::Hex => "hex",
        }
    }

    /// Whether it keeps any bytes: then a line's end is no end of a text's.
    pub(crate) fn keeps_bytes(self) -> bool {
        matches!(self, Encoding::Base64 | Encoding::Hex)
    }

    /// The secret's text.
    pub(crate) fn text(self, mut bytes: Zeroizing<Vec<u8>>) -> Result<SecretString, Error> {
        match self {
            Encoding::Utf8 => utf8(std::mem::take(&mut *bytes)),
            Encoding::Ascii if !bytes.is_ascii() => Err(Error::NotIn("ascii")),
            Encoding::Ascii => utf8(std::mem::take(&mut *bytes)),
            Encoding::Utf16Le => utf16(&bytes, u16::from_le_bytes).ok_or(Error::NotIn("utf-16le")),
            Encoding::Utf16Be => utf16(&bytes, u16::from_be_bytes).ok_or(Error::NotIn("utf-16be")),
            // `az` breaks the lines of base64, and reads them broken or whole.
            Encoding::Base64 => Ok(SecretString::from(base64::encode(&*bytes))),
            Encoding::Hex => {
                let mut text = String::with_capacity(bytes.len() * 2);
                for byte in bytes.iter() {
                    for digit in [byte >> 4, byte & 15] {
                        text.extend(char::from_digit(digit.into(), 16));
                    }
                }
                Ok(SecretString::from(text))
            }
        }
    }
}

fn utf8(bytes: Vec<u8>) -> Result<SecretString, Error> {
    match String::from_utf8(bytes) {
        Ok(text) => Ok(SecretString::from(text)),
        Err(error) => {
            error.into_bytes().zeroize();
            Err(Error::NotText)
        }
    }
}

/// The text without a byte order mark.
fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<SecretString> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let units: Zeroizing<Vec<u16>> = Zeroizing::new(pairs.iter().copied().map(unit).collect());
    let text = Zeroizing::new(String::from_utf16(&units).ok()?);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    Some(SecretString::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn bytes_become_text_as_az_keeps_them() {
        for (encoding, bytes, text) in [
            (Encoding::Utf8, "hä".as_bytes(), "hä"),
            (Encoding::Ascii, b"ha", "ha"),
            (Encoding::Base64, b"\xff\x00\n", "/wAK"),
            (Encoding::Hex, b"\xff\x00\n", "ff000a"),
            (Encoding::Utf16Le, b"\xff\xfeh\0\xe4\0", "hä"),
            (Encoding::Utf16Be, b"\0h\0\xe4", "hä"),
        ] {
            let kept = encoding.text(Zeroizing::new(bytes.to_vec())).expect("text");
            assert_eq!(kept.expose_secret(), text, "{encoding:?}");
        }
        for (encoding, bytes) in [
            (Encoding::Utf8, &b"\xff"[..]),
            (Encoding::Ascii, "ä".as_bytes()),
            (Encoding::Utf16Le, b"h"),
            (Encoding::Utf16Be, b"\xd8\x00"),
        ] {
            let refused = encoding.text(Zeroizing::new(bytes.to_vec()));
            assert!(refused.is_err(), "{encoding:?}");
        }
    }

    #[test]
    fn the_names_are_those_of_the_command_line() {
        for encoding in Encoding::value_variants() {
            let value = encoding.to_possible_value().expect("a value");
            assert_eq!(value.get_name(), encoding.name());
        }
    }
}
