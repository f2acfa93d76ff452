//! Whom the system trusts, where that stands in files: the certificates of authorities are read when a server shows its own,
//! and only as far as one of them vouches for it.
//!
//! A program that asks one question spends more on decoding some 140 authorities than on everything else, and needs one.

use memchr::memmem::Finder;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{
        CertificateDer, ServerName, UnixTime,
        pem::{self, PemObject},
    },
};
use std::{
    collections::HashSet,
    ffi::OsStr,
    fs::{self, File},
    io::{self, BufReader},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// Files with certificates in PEM.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    file: Option<PathBuf>,
    /// What is in no file is looked for in every file of these.
    folders: Vec<PathBuf>,
}

impl Places {
    /// What `SSL_CERT_FILE` and `SSL_CERT_DIR` name counts alone, as with OpenSSL; else it is where systems have it.
    pub(crate) fn new(file: Option<&Path>, folders: Option<&OsStr>) -> Self {
        let folders: Vec<PathBuf> = folders
            .map(|folders| {
                std::env::split_paths(folders)
                    .filter(|folder| !folder.as_os_str().is_empty())
                    .collect()
            })
            .unwrap_or_default();
        if file.is_some() || !folders.is_empty() {
            return Places {
                file: file.map(Path::to_owned),
                folders,
            };
        }
        let found = openssl_probe::probe();
        Places {
            file: found.cert_file,
            folders: found.cert_dir,
        }
    }

    /// What is wrong where nobody is trusted at all.
    fn empty(&self) -> String {
        match &self.file {
            Some(file) => format!("'{}' has no certificate of an authority", file.display()),
            None => "there is no certificate of an authority on this computer".to_owned(),
        }
    }

    /// Calls `each` with one certificate after the other, until it gives something. Whatever is no certificate, and a
    /// folder's file that cannot be read, is passed over, as by OpenSSL.
    fn find<T>(
        &self,
        mut each: impl FnMut(CertificateDer<'static>) -> Option<T>,
    ) -> Result<Option<T>, Unreadable> {
        // Most of a folder are links, under two names each, to files that were read: each is read once.
        let mut read = HashSet::new();
        if let Some(path) = &self.file {
            let found = find_in(path, &mut read, &mut each).map_err(|error| Unreadable {
                path: path.clone(),
                reason: error.to_string(),
            })?;
            if found.is_some() {
                return Ok(found);
            }
        }
        for folder in &self.folders {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if let Ok(Some(found)) = find_in(&path, &mut read, &mut each) {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }
}

/// A file that the environment or the system names cannot be read.
#[derive(Debug)]
struct Unreadable {
    path: PathBuf,
    reason: String,
}

/// What `each` gives for one of a file's certificates; nothing for what was read before.
fn find_in<T>(
    path: &Path,
    read: &mut HashSet<(u64, u64)>,
    each: &mut impl FnMut(CertificateDer<'static>) -> Option<T>,
) -> io::Result<Option<T>> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() || !read.insert((metadata.dev(), metadata.ino())) {
        return Ok(None);
    }
    for certificate in CertificateDer::pem_reader_iter(BufReader::new(File::open(path)?)) {
        match certificate {
            Ok(certificate) => {
                if let Some(found) = each(certificate) {
                    return Ok(Some(found));
                }
            }
            Err(pem::Error::Io(error)) => return Err(error),
            // One of many that is damaged does not hide the others.
            Err(_) => {}
        }
    }
    Ok(None)
}

/// Takes the certificates that one of the system's authorities vouches for, by WebPKI's rules.
#[derive(Debug)]
pub(crate) struct SystemRoots {
    places: Places,
    provider: Arc<CryptoProvider>,
    /// Authorities that have vouched for somebody: of a program's hosts, most have the same.
    proven: Mutex<Vec<CertificateDer<'static>>>,
}

impl SystemRoots {
    pub(crate) fn new(places: Places, provider: Arc<CryptoProvider>) -> Self {
        SystemRoots {
            places,
            provider,
            proven: Mutex::default(),
        }
    }
}

/// What a server showed, and for whom it is taken.
struct Shown<'a> {
    end_entity: &'a CertificateDer<'a>,
    intermediates: &'a [CertificateDer<'a>],
    server_name: &'a ServerName<'a>,
    ocsp_response: &'a [u8],
    now: UnixTime,
}

impl Shown<'_> {
    /// Whether this authority vouches for it.
    fn is_vouched_for(
        &self,
        authority: &CertificateDer<'static>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<ServerCertVerified, Error> {
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone())?;
        WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone())
            .build()
            .map_err(|error| Error::General(error.to_string()))?
            .verify_server_cert(
                self.end_entity,
                self.intermediates,
                self.server_name,
                self.ocsp_response,
                self.now,
            )
    }

    /// Who issued them, as it is written in each of them; an authority that is asked for is called one of these.
    fn issuers(&self) -> Vec<Finder<'static>> {
        std::iter::once(self.end_entity)
            .chain(self.intermediates)
            .filter_map(issuer)
            .map(|name| Finder::new(&name).into_owned())
            .collect()
    }
}

/// The name of who issued a certificate, in DER.
fn issuer(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let parsed = webpki::EndEntityCert::try_from(certificate).ok()?;
    Some(parsed.issuer().to_vec())
}

impl ServerCertVerifier for SystemRoots {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown = Shown {
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        };
        let issuers = shown.issuers();
        // What is said of it where nobody vouches for it: by who is called like its issuer, else by anybody.
        let mut refused = None;
        let mut anybody = None;
        let mut try_one = |authority: &CertificateDer<'static>| {
            if !issuers.iter().any(|name| name.find(authority).is_some()) {
                anybody.get_or_insert_with(|| authority.clone());
                return None;
            }
            match shown.is_vouched_for(authority, &self.provider) {
                Ok(verified) => Some(verified),
                Err(error) => {
                    // Somebody else of the same name, with another key, says nothing about it.
                    let says_nothing = |error: &Error| {
                        matches!(
                            error,
                            Error::InvalidCertificate(
                                CertificateError::UnknownIssuer | CertificateError::BadSignature
                            )
                        )
                    };
                    if refused.as_ref().is_none_or(says_nothing) {
                        refused = Some(error);
                    }
                    None
                }
            }
        };
        let proven = {
            let proven = self.proven.lock().unwrap_or_else(PoisonError::into_inner);
            proven.iter().find_map(&mut try_one)
        };
        if let Some(verified) = proven {
            return Ok(verified);
        }
        let found = self
            .places
            .find(|authority| try_one(&authority).map(|verified| (verified, authority)));
        match found {
            Ok(Some((verified, authority))) => {
                let mut proven = self.proven.lock().unwrap_or_else(PoisonError::into_inner);
                proven.push(authority);
                Ok(verified)
            }
            Ok(None) => {
                let said = refused.map(Err).or_else(|| {
                    anybody.map(|authority| shown.is_vouched_for(&authority, &self.provider))
                });
                // Neither one that is called like the issuer, nor any other.
                let nobody = || Error::General(self.places.empty());
                said.unwrap_or_else(|| Err(nobody()))
            }
            Err(Unreadable { path, reason }) => Err(Error::General(format!(
                "the certificates of '{}' cannot be read: {reason}",
                path.display()
            ))),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rcgen::{
        BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair,
        date_time_ymd,
    };

    /// An authority, some of which are called alike and have other keys.
    struct Authority {
        certificate: Certificate,
        issuer: Issuer<'static, KeyPair>,
    }

    fn authority(name: &str) -> Authority {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        Authority {
            certificate,
            issuer: Issuer::new(params, key),
        }
    }

    /// What an authority issued: a server's certificate, or another authority's.
    fn issued(by: &Authority, name: &str, expired: bool, ca: bool) -> (Certificate, Authority) {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.distinguished_name.push(DnType::CommonName, name);
        if ca {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        if expired {
            params.not_before = date_time_ymd(2000, 1, 1);
            params.not_after = date_time_ymd(2001, 1, 1);
        }
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &by.issuer).expect("a certificate");
        let own = Authority {
            certificate: certificate.clone(),
            issuer: Issuer::new(params, key),
        };
        (certificate, own)
    }

    fn provider() -> Arc<CryptoProvider> {
        Arc::new(rustls::crypto::ring::default_provider())
    }

    fn verify(
        verifier: &dyn ServerCertVerifier,
        chain: &[Certificate],
        name: &str,
    ) -> Result<(), Error> {
        verify_at(verifier, chain, name, UnixTime::now())
    }

    /// The refusal of what has expired tells the second in which it was asked.
    fn verify_at(
        verifier: &dyn ServerCertVerifier,
        chain: &[Certificate],
        name: &str,
        now: UnixTime,
    ) -> Result<(), Error> {
        let intermediates: Vec<_> = chain[1..].iter().map(|one| one.der().clone()).collect();
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        verifier
            .verify_server_cert(chain[0].der(), &intermediates, &name, &[], now)
            .map(|_| ())
    }

    /// The verifier that loads all of them before anything is asked.
    fn of_all(authorities: &[&Authority]) -> Option<Arc<WebPkiServerVerifier>> {
        let mut roots = RootCertStore::empty();
        for one in authorities {
            roots.add(one.certificate.der().clone()).expect("a root");
        }
        let built = WebPkiServerVerifier::builder_with_provider(roots.into(), provider());
        built.build().ok()
    }

    const DAMAGED: &str = "-----BEGIN CERTIFICATE-----\nnot base64!\n-----END CERTIFICATE-----\n";

    /// Some stand in the file and some in a folder, where files are linked twice and something else lies about.
    fn roots(file: &[&Authority], folder: &[&Authority]) -> (tempfile::TempDir, SystemRoots) {
        let place = tempfile::tempdir().expect("a folder");
        let mut text = String::from("# whom this computer trusts\n");
        for one in file {
            text.push_str(&one.certificate.pem());
            text.push_str(DAMAGED);
        }
        let path = place.path().join("bundle.pem");
        fs::write(&path, text).expect("written");
        let below = place.path().join("certs");
        fs::create_dir(&below).expect("a folder");
        for (number, one) in folder.iter().enumerate() {
            let path = below.join(format!("{number}.pem"));
            fs::write(&path, one.certificate.pem()).expect("written");
            std::os::unix::fs::symlink(&path, below.join(format!("{number}.0"))).expect("a link");
        }
        fs::write(below.join("README"), "nothing").expect("written");
        fs::create_dir(below.join("java")).expect("a folder");
        std::os::unix::fs::symlink("nowhere", below.join("dangling")).expect("a link");
        let places = Places::new(Some(&path), Some(below.as_os_str()));
        (place, SystemRoots::new(places, provider()))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(150))]
        /// Whoever is trusted, and by whatever way the server's certificate was issued: the answer is that of the verifier
        /// that loads everything.
        #[test]
        fn it_says_what_a_verifier_says_that_has_read_them_all(
            names in proptest::collection::vec(0..3_usize, 1..6),
            trusted in any::<u8>(),
            in_folder in any::<u8>(),
            by in any::<usize>(),
            intermediate in any::<bool>(),
            left_out in any::<bool>(),
            expired in 0..4_u8,
            asked in 0..4_u8,
        ) {
            let all: Vec<Authority> =
                names.iter().map(|name| authority(&format!("authority {name}"))).collect();
            let is = |set: u8, at: usize| set >> at & 1 == 1;
            let of = |wanted: &dyn Fn(usize) -> bool| -> Vec<&Authority> {
                (0..all.len()).filter(|at| wanted(*at)).map(|at| &all[at]).collect()
            };
            let file = of(&|at| is(trusted, at) && !is(in_folder, at));
            let folder = of(&|at| is(trusted, at) && is(in_folder, at));
            let by = &all[by % all.len()];
            let mut chain = Vec::new();
            if intermediate {
                let (certificate, below) = issued(by, "between", false, true);
                chain.push(issued(&below, "vault.example", expired == 0, false).0);
                if !left_out {
                    chain.push(certificate);
                }
            } else {
                chain.push(issued(by, "vault.example", expired == 0, false).0);
            }
            let name = if asked == 0 { "other.example" } else { "vault.example" };
            let now = UnixTime::now();
            let (_place, ours) = roots(&file, &folder);
            let theirs = of_all(&of(&|at| is(trusted, at)));
            // With none there is no such verifier.
            let wanted = theirs.map_or(Err(Error::General(ours.places.empty())), |theirs| {
                verify_at(theirs.as_ref(), &chain, name, now)
            });
            // Twice: the second answer is of those who have vouched before.
            for _ in 0..2 {
                prop_assert_eq!(&verify_at(&ours, &chain, name, now), &wanted);
            }
        }
    }

    #[test]
    fn it_reads_no_further_than_it_must() {
        let (first, second) = (authority("first"), authority("second"));
        let (place, roots) = roots(&[&first, &second], &[]);
        let (certificate, _) = issued(&first, "vault.example", false, false);
        let chain = [certificate];
        assert_eq!(verify(&roots, &chain, "vault.example"), Ok(()));
        // Who has vouched is known; whom nobody has asked for is not.
        drop(place);
        assert_eq!(verify(&roots, &chain, "vault.example"), Ok(()));
        let (other, _) = issued(&second, "vault.example", false, false);
        let error = verify(&roots, &[other], "vault.example").expect_err("no file");
        assert!(error.to_string().contains("cannot be read"), "{error}");
    }
}
