//! A trust store that the JVM reads: PKCS#12 (RFC 7292), neither encrypted nor with a password, as what is in it is public.

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

// Object identifiers, as DER has them.
/// `data`, 1.2.840.113549.1.7.1
const DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
/// `certBag`, 1.2.840.113549.1.12.10.1.3
const CERTIFICATE_BAG: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x03";
/// `x509Certificate`, 1.2.840.113549.1.9.22.1
const X509_CERTIFICATE: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x16\x01";
/// `friendlyName`, 1.2.840.113549.1.9.20
const FRIENDLY_NAME: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x14";
/// `trustedKeyUsage`, 2.16.840.1.113894.746875.1.1: the JVM trusts no certificate of a PKCS#12 store without it
/// (`sun.security.pkcs12.PKCS12KeyStore`).
const TRUSTED_KEY_USAGE: &[u8] = b"\x60\x86\x48\x01\x86\xf9\x66\xad\xca\x7b\x01\x01";
/// `anyExtendedKeyUsage`, 2.5.29.37.0
const ANY_USAGE: &[u8] = b"\x55\x1d\x25\x00";

// Tags.
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const IDENTIFIER: u8 = 0x06;
const BMP_STRING: u8 = 0x1e;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// `[0]`, explicit.
const EXPLICIT: u8 = 0xa0;

/// The certificates of `bundle`, which is PEM, as a store. What cannot be read in it is left out, as other clients do.
pub(crate) fn pkcs12(bundle: &[u8]) -> Vec<u8> {
    let bags: Vec<u8> = CertificateDer::pem_slice_iter(bundle)
        .filter_map(Result::ok)
        .enumerate()
        .flat_map(|(at, certificate)| bag(&format!("root-{}", at + 1), &certificate))
        .collect();
    let contents = data(&element(SEQUENCE, &[&bags]));
    let version = element(INTEGER, &[&[3]]);
    let safe = data(&element(SEQUENCE, &[&contents]));
    element(SEQUENCE, &[&version, &safe])
}

/// A certificate that is trusted. The JVM takes those of one name for one.
fn bag(name: &str, certificate: &[u8]) -> Vec<u8> {
    let value = element(EXPLICIT, &[&element(OCTETS, &[certificate])]);
    let certificate = element(
        SEQUENCE,
        &[&element(IDENTIFIER, &[X509_CERTIFICATE]), &value],
    );
    let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let attributes = [
        attribute(FRIENDLY_NAME, &element(BMP_STRING, &[&name])),
        attribute(TRUSTED_KEY_USAGE, &element(IDENTIFIER, &[ANY_USAGE])),
    ];
    element(
        SEQUENCE,
        &[
            &element(IDENTIFIER, &[CERTIFICATE_BAG]),
            &element(EXPLICIT, &[&certificate]),
            &element(SET, &[&attributes.concat()]),
        ],
    )
}

fn attribute(kind: &[u8], value: &[u8]) -> Vec<u8> {
    element(
        SEQUENCE,
        &[&element(IDENTIFIER, &[kind]), &element(SET, &[value])],
    )
}

/// A `ContentInfo` of plain data.
fn data(content: &[u8]) -> Vec<u8> {
    let content = element(EXPLICIT, &[&element(OCTETS, &[content])]);
    element(SEQUENCE, &[&element(IDENTIFIER, &[DATA]), &content])
}

/// Tag, length and value.
fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let bytes = length.to_be_bytes();
    let significant = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
    let mut element = Vec::with_capacity(length + 10);
    element.push(tag);
    if length >= 0x80 {
        element.push(0x80 | significant.len().to_le_bytes()[0]);
    }
    match significant {
        [] => element.push(0),
        significant => element.extend_from_slice(significant),
    }
    parts
        .iter()
        .for_each(|part| element.extend_from_slice(part));
    element
}

#[cfg(test)]
mod tests {
    use super::*;
    use p12_keystore::Pkcs12Archive;

    /// Made anew, so that no test's certificate ends one day.
    fn certificate(name: &str) -> String {
        let key = rcgen::KeyPair::generate().expect("a key");
        let parameters = rcgen::CertificateParams::new(vec![name.to_owned()]).expect("a name");
        parameters.self_signed(&key).expect("signed").pem()
    }

    #[test]
    fn each_certificate_of_a_bundle_is_trusted_by_a_name_of_its_own() {
        let names = ["a.example", "b.example", "c.example"];
        let bundle: String = names
            .iter()
            .map(|name| format!("# {name}\n{}", certificate(name)))
            .collect();
        let read = Pkcs12Archive::from_pkcs12(&pkcs12(bundle.as_bytes()), "").expect("PKCS#12");
        let found: Vec<_> = read
            .certs
            .iter()
            .map(|one| (one.friendly_name.as_deref(), one.trusted))
            .collect();
        let wanted = ["root-1", "root-2", "root-3"].map(|name| (Some(name), true));
        assert_eq!(found, wanted);
        assert!(read.keys.is_empty());
    }

    #[test]
    fn what_is_no_certificate_is_left_out() {
        let broken = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
        let bundle = format!("{broken}{}", certificate("a.example"));
        let read = Pkcs12Archive::from_pkcs12(&pkcs12(bundle.as_bytes()), "").expect("PKCS#12");
        assert_eq!(read.certs.len(), 1);
        let none = Pkcs12Archive::from_pkcs12(&pkcs12(b""), "").expect("PKCS#12");
        assert_eq!(none.certs.len(), 0);
    }

    #[test]
    fn lengths_are_written_in_their_shortest_form() {
        for (length, head) in [
            (0, vec![OCTETS, 0]),
            (0x7f, vec![OCTETS, 0x7f]),
            (0x80, vec![OCTETS, 0x81, 0x80]),
            (0x100, vec![OCTETS, 0x82, 1, 0]),
            (0x1_0000, vec![OCTETS, 0x83, 1, 0, 0]),
        ] {
            let written = element(OCTETS, &[&vec![7; length]]);
            assert_eq!(written[..head.len()], head);
            assert_eq!(written.len(), head.len() + length);
        }
    }
}
