//! Certificates of one's own: `AWS_CA_BUNDLE`, and `ca_bundle` of the profile.

use std::path::Path;

use aws_smithy_http_client::tls::{TlsContext, TrustStore};
use gsictl_core::setting::SettingError;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::settings::variable;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// Whose certificates are trusted: as with the aws command line, those in the file that is
/// named and no others, or else those of the system.
/// (<https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-envvars.html>)
///
/// # Errors
/// [`SettingError`] where the file cannot be read, or holds no certificate.
pub(super) fn trusted(of_profile: Option<&str>, profile: &str) -> Result<TlsContext, SettingError> {
    let of_variable = ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"].map(|name| (name, variable(name)));
    let [first, last] = of_variable.map(|(name, path)| Some((path?, name.to_owned())));
    let of_profile = of_profile.filter(|path| !path.trim().is_empty());
    let of_profile =
        of_profile.map(|path| (path.to_owned(), format!("ca_bundle of the profile `{profile}`")));
    let store = match first.or(of_profile).or(last) {
        Some((path, from)) => bundle(Path::new(&path), &from)?,
        None => TrustStore::default(),
    };
    TlsContext::builder().with_trust_store(store).build().map_err(|error| SettingError {
        message: error.to_string(),
        next: "correct the CA bundle".to_owned(),
        of_option: false,
    })
}

fn bundle(path: &Path, from: &str) -> Result<TrustStore, SettingError> {
    let wrong = |what: &str| SettingError {
        message: format!("the CA bundle {} (from {from}) {what}", path.display()),
        next: format!("let {from} name a file of certificates in PEM form, or leave it out"),
        of_option: false,
    };
    let bytes = std::fs::read(path).map_err(|error| wrong(&format!("cannot be read: {error}")))?;
    let text = String::from_utf8_lossy(&bytes);
    let mut store = TrustStore::empty();
    let (mut usable, mut found) = (0_u32, 0_u32);
    for certificate in certificates(&text) {
        found += 1;
        // The SDK panics on one that it cannot use; what OpenSSL takes besides is of no
        // use to it, such as certificates of version 1.
        if is_usable(certificate) {
            usable += 1;
            store.add_pem_certificate(certificate.as_bytes());
        }
    }
    match (usable, found) {
        (0, 0) => Err(wrong(&format!("holds no certificate: a line `{BEGIN}` begins one"))),
        (0, _) => Err(wrong("holds no certificate that can be used")),
        _ => Ok(store),
    }
}

/// Each with the lines that begin and end it.
fn certificates(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices(BEGIN).filter_map(|(at, _)| {
        let rest = &text[at..];
        Some(&rest[..rest.find(END)? + END.len()])
    })
}

fn is_usable(certificate: &str) -> bool {
    CertificateDer::from_pem_slice(certificate.as_bytes())
        .is_ok_and(|certificate| RootCertStore::empty().add(certificate).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `trusted` would say of a file with this text.
    fn said(text: &[u8]) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        bundle(file.path(), "AWS_CA_BUNDLE").map_or_else(|error| error.message, |_| String::new())
    }

    #[test]
    fn a_bundle_without_a_certificate_is_named_with_its_variable() {
        for (text, told) in [
            (&b""[..], "(from AWS_CA_BUNDLE) holds no certificate: a line `-----BEGIN"),
            (b"\xff\xfe-\0-\0", "holds no certificate: a line"),
            (b"-----BEGIN CERTIFICATE-----\nAAAA\n", "holds no certificate: a line"),
            (
                b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                "holds no certificate that can be used",
            ),
            (
                b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n",
                "holds no certificate that can be used",
            ),
        ] {
            let shown = said(text);
            assert!(shown.contains(told), "{shown}");
        }
        let missing = bundle(Path::new("/no/such.pem"), "AWS_CA_BUNDLE").unwrap_err();
        let told = "the CA bundle /no/such.pem (from AWS_CA_BUNDLE) cannot be read: No such file";
        assert!(missing.message.starts_with(told), "{missing}");
    }
}
