//! Signed documents in the form of PKCS#7 (RFC 2315, RFC 5652).

use yasna::models::ObjectIdentifier;
use yasna::{DERWriter, Tag, construct_der};

/// Who signs.
pub(crate) struct Signer<'a> {
    /// The signer's certificate, DER.
    pub(crate) certificate: &'a [u8],
    /// The only name that its issuer has: a common name.
    pub(crate) issuer: &'a str,
    /// The certificate's serial number, without a sign.
    pub(crate) serial: &'a [u8],
}

const DATA: &[u64] = &[1, 2, 840, 113549, 1, 7, 1];
const SIGNED_DATA: &[u64] = &[1, 2, 840, 113549, 1, 7, 2];
const SHA_256: &[u64] = &[2, 16, 840, 1, 101, 3, 4, 2, 1];
const ECDSA_WITH_SHA_256: &[u64] = &[1, 2, 840, 10045, 4, 3, 2];
const COMMON_NAME: &[u64] = &[2, 5, 4, 3];

/// A document with its signature (ECDSA with SHA-256, over the content itself) and the signer's certificate, DER.
pub(crate) fn signed(content: &[u8], signature: &[u8], signer: &Signer<'_>) -> Vec<u8> {
    construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_oid(&oid(SIGNED_DATA));
            writer.next().write_tagged(Tag::context(0), |writer| {
                writer.write_sequence(|writer| {
                    writer.next().write_u8(1);
                    writer.next().write_set(|writer| digest(writer.next()));
                    writer.next().write_sequence(|writer| {
                        writer.next().write_oid(&oid(DATA));
                        writer.next().write_tagged(Tag::context(0), |writer| {
                            writer.write_bytes(content);
                        });
                    });
                    writer
                        .next()
                        .write_tagged_implicit(Tag::context(0), |writer| {
                            writer
                                .write_set_of(|writer| writer.next().write_der(signer.certificate));
                        });
                    writer.next().write_set(|writer| {
                        signer_info(writer.next(), signature, signer);
                    });
                });
            });
        });
    })
}

fn signer_info(writer: DERWriter<'_>, signature: &[u8], signer: &Signer<'_>) {
    writer.write_sequence(|writer| {
        writer.next().write_u8(1);
        writer.next().write_sequence(|writer| {
            writer.next().write_sequence(|writer| {
                writer.next().write_set(|writer| {
                    writer.next().write_sequence(|writer| {
                        writer.next().write_oid(&oid(COMMON_NAME));
                        writer.next().write_utf8_string(signer.issuer);
                    });
                });
            });
            writer.next().write_bigint_bytes(signer.serial, true);
        });
        digest(writer.next());
        writer.next().write_sequence(|writer| {
            writer.next().write_oid(&oid(ECDSA_WITH_SHA_256));
        });
        writer.next().write_bytes(signature);
    });
}

fn digest(writer: DERWriter<'_>) {
    writer.write_sequence(|writer| {
        writer.next().write_oid(&oid(SHA_256));
        writer.next().write_null();
    });
}

fn oid(numbers: &[u64]) -> ObjectIdentifier {
    ObjectIdentifier::from_slice(numbers)
}
