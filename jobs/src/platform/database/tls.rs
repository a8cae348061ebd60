//! `sslmode` and `sslrootcert` as libpq means them, on rustls with ring. What is not supported is refused.
//!
//! Source: <https://www.postgresql.org/docs/current/libpq-ssl.html>, section "Protection Provided in Different Modes".

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::task::AbortHandle;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{CancelToken, Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::super::problem::{Kind, Problem};
use super::url::{Parameter, parameters, split_query};

/// How the connection is secured.
pub(super) struct Tls {
    mode: SslMode,
    connector: Option<MakeRustlsConnect>,
}

/// Reads an address that [`DatabaseUrl::parse`](super::DatabaseUrl::parse) has accepted, and prepares what its TLS
/// options ask for, which the driver underneath does not know. All else in it reaches the driver as it is written.
pub(super) fn from_address(address: &str) -> Result<(Config, Tls), Problem> {
    let (before, query) = split_query(address);
    let (mut mode, mut roots, mut others) = (String::from("prefer"), None, Vec::new());
    for text in parameters(query) {
        match Parameter::read(text) {
            Some(Parameter { name, value, .. }) if name == "sslmode" => mode = value.into_owned(),
            Some(Parameter { name, value, .. }) if name == "sslrootcert" => roots = Some(value.into_owned()),
            Some(Parameter { name, .. }) if name.starts_with("ssl") => {
                return Err(unsupported(&format!("{name} in the PostgreSQL address")));
            }
            _ => others.push(text),
        }
    }
    let rest = format!("{before}?{}", others.join("&"));
    let mut config: Config = rest.parse().map_err(|error: tokio_postgres::Error| {
        // The error names the option or part that is wrong, never its value.
        Problem::new(Kind::Configuration, "the PostgreSQL address is malformed").because(error)
    })?;
    // Like libpq: the server offers no TLS on a socket, where there is no network either.
    let sockets_only = config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
    let tls = Tls::new(if sockets_only { "disable" } else { &mode }, roots.as_deref())?;
    config.ssl_mode(tls.mode);
    Ok((config, tls))
}

impl Tls {
    fn new(mode: &str, roots: Option<&str>) -> Result<Self, Problem> {
        let (mode, verify) = match mode {
            "disable" => return Ok(Self { mode: SslMode::Disable, connector: None }),
            "prefer" => (SslMode::Prefer, Verify::Nothing),
            // libpq, too, verifies the authority under `require` when it is given one.
            "require" if roots.is_some() => (SslMode::Require, Verify::Authority),
            "require" => (SslMode::Require, Verify::Nothing),
            "verify-ca" => (SslMode::Require, Verify::Authority),
            "verify-full" => (SslMode::Require, Verify::Everything),
            other => return Err(unsupported(&format!("sslmode={other}"))),
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = match verify {
            Verify::Nothing => Arc::new(NoVerification(provider.clone())),
            Verify::Authority => Arc::new(AuthorityOnly(authorities(roots, &provider)?)),
            Verify::Everything => authorities(roots, &provider)?,
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Problem::new(Kind::Failed, "cannot set up TLS").because(error))?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        Ok(Self { mode, connector: Some(MakeRustlsConnect::new(config)) })
    }
}

enum Verify {
    Nothing,
    Authority,
    Everything,
}

fn unsupported(what: &str) -> Problem {
    Problem::new(Kind::Configuration, format!("{what} is not supported"))
        .hint("sslmode can be disable, prefer, require, verify-ca or verify-full; sslrootcert a PEM file or `system`")
}

/// The certificate authorities to trust: those of the operating system, of the file given, or of libpq's default file.
fn authorities(roots: Option<&str>, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, Problem> {
    let mut store = RootCertStore::empty();
    let place = match roots {
        Some("system") => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            PathBuf::from("the operating system's certificate store")
        }
        given => {
            let path = match given {
                Some(path) => PathBuf::from(path),
                None => std::env::home_dir().unwrap_or_default().join(".postgresql/root.crt"),
            };
            let read = |error: &dyn std::fmt::Display| {
                Problem::new(Kind::Configuration, format!("cannot read certificates from {}: {error}", path.display()))
                    .hint("name a PEM file in sslrootcert, or write sslrootcert=system")
            };
            for certificate in CertificateDer::pem_file_iter(&path).map_err(|error| read(&error))? {
                store.add(certificate.map_err(|error| read(&error))?).map_err(|error| read(&error))?;
            }
            path
        }
    };
    if store.is_empty() {
        return Err(Problem::new(Kind::Configuration, format!("there is no certificate in {}", place.display())));
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider.clone())
        .build()
        .map_err(|error| Problem::new(Kind::Configuration, "unusable certificate authorities").because(error))
}

pub(super) async fn open(config: &Config, tls: &Tls) -> Result<(Client, AbortHandle), tokio_postgres::Error> {
    match &tls.connector {
        None => {
            let (client, connection) = config.connect(NoTls).await?;
            Ok((client, drive(connection)))
        }
        Some(connector) => {
            let (client, connection) = config.connect(connector.clone()).await?;
            Ok((client, drive(connection)))
        }
    }
}

/// The connection's own task ends with the connection, whose users then hear that it is closed.
fn drive(connection: impl Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static) -> AbortHandle {
    let task = tokio::spawn(async {
        if let Err(error) = connection.await {
            log::debug!("the database connection ended: {error}");
        }
    });
    task.abort_handle()
}

pub(super) async fn cancel(token: &CancelToken, tls: &Tls) -> Result<(), tokio_postgres::Error> {
    match &tls.connector {
        None => token.cancel_query(NoTls).await,
        Some(connector) => token.cancel_query(connector.clone()).await,
    }
}

/// `prefer` and `require`: encrypted, with whomever it may be.
#[derive(Debug)]
struct NoVerification(Arc<CryptoProvider>);

/// `verify-ca`: signed by a trusted authority, under whatever name.
#[derive(Debug)]
struct AuthorityOnly(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for NoVerification {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

impl ServerCertVerifier for AuthorityOnly {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        // The name is compared last: an error about it means that everything else is in order.
        match self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests;
