//! The root certificates that clients are given: the system's, and one instance's own.

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use webpki::anchor_from_trusted_cert;

/// What an authority's common name begins with; 12 hexadecimal digits follow.
pub(crate) const AUTHORITY: &str = "az-local ";

/// How many digits follow.
pub(crate) const DIGITS: usize = 12;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// A common name's attribute in a subject, as DER: a set, a sequence, the identifier 2.5.4.3, an UTF8String, each with
/// its length.
const COMMON_NAME: [u8; 11] = {
    let length = (AUTHORITY.len() + DIGITS) as u8;
    [
        0x31,
        length + 9,
        0x30,
        length + 7,
        0x06,
        0x03,
        0x55,
        0x04,
        0x03,
        0x0c,
        length,
    ]
};

/// An authority's own certificate, and those of `system`, which is PEM, unread but for those of other instances. Its own comes
/// first: a client that reads no further than it must is through with one.
///
/// Who starts an instance from the environment of another one has that one's bundle as the system's: its authority is
/// nobody's business here, and with each start there would be one more.
pub(crate) fn with(system: &[u8], own: &str) -> Vec<u8> {
    // What is beside the certificates is of no use to clients, whatever its encoding.
    let text = String::from_utf8_lossy(system);
    let mut bundle = own.to_owned();
    let mut rest = text.as_ref();
    while let Some(at) = rest.find(BEGIN) {
        let Some(end) = rest[at..].find(END) else {
            break;
        };
        let end = at + end + END.len();
        bundle.push_str(&rest[..at]);
        if !is_authority(&rest[at..end]) {
            bundle.push_str(&rest[at..end]);
        }
        rest = &rest[end..];
    }
    bundle.push_str(rest);
    bundle.into_bytes()
}

/// Whether a certificate is an instance's authority.
fn is_authority(pem: &str) -> bool {
    let Ok(certificate) = CertificateDer::from_pem_slice(pem.as_bytes()) else {
        return false;
    };
    let Ok(anchor) = anchor_from_trusted_cert(&certificate) else {
        return false;
    };
    let name = anchor
        .subject
        .as_ref()
        .strip_prefix(&COMMON_NAME)
        .and_then(|name| name.strip_prefix(AUTHORITY.as_bytes()));
    anchor.name_constraints.is_some()
        && name.is_some_and(|digits| {
            digits.len() == DIGITS && digits.iter().all(u8::is_ascii_hexdigit)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{
        BasicConstraints, CertificateParams, DnType, GeneralSubtree, IsCa, KeyPair, NameConstraints,
    };

    /// A root certificate with this common name, bound to domains or not.
    fn root(name: &str, bound: bool) -> String {
        let key = KeyPair::generate().expect("a key");
        let mut root = CertificateParams::new(Vec::new()).expect("parameters");
        root.distinguished_name.push(DnType::CommonName, name);
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root.name_constraints = bound.then(|| NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName("azure.com".to_owned())],
            excluded_subtrees: Vec::new(),
        });
        root.self_signed(&key).expect("a certificate").pem()
    }

    #[test]
    fn authorities_of_instances_are_left_out_and_all_else_stays() {
        let others = [
            root("az-local", true),
            root("az-local 0123456789ab", false),
            root("az-local 0123456789abc", true),
            root("Some Root", false),
        ];
        let (instance, own) = (
            root("az-local 0123456789ab", true),
            root("az-local fedcba987654", true),
        );
        let [a, b, c, d] = &others;
        let system = format!("# one\n{a}{instance}# two\n{b}{c}{instance}{instance}{d}end");
        let wanted = format!("{own}# one\n{a}\n# two\n{b}{c}\n\n{d}end\n");
        let found = String::from_utf8(with(system.as_bytes(), &own)).expect("UTF-8");
        let lines = |text: &str| -> Vec<String> {
            let full = text.lines().filter(|line| !line.is_empty());
            full.map(str::to_owned).collect()
        };
        assert_eq!(lines(&found), lines(&wanted));
        // Once more changes nothing but its own.
        assert_eq!(
            lines(&String::from_utf8_lossy(&with(found.as_bytes(), &own))),
            lines(&wanted)
        );
    }

    #[test]
    fn what_is_no_certificate_stays_as_it_is() {
        for system in [
            "",
            "text\n",
            "-----BEGIN CERTIFICATE-----\nAAAA",
            "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
        ] {
            let found = with(system.as_bytes(), "own\n");
            assert_eq!(String::from_utf8_lossy(&found), format!("own\n{system}"));
        }
    }
}
