//! The server's certificate, and HTTP and HTTPS on one port.

use std::fmt;
use std::io;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use super::Https;

/// How a TLS handshake begins: the content type "handshake" of RFC 8446, section 5.1.
const HANDSHAKE: u8 = 22;

/// A connection, with or without TLS.
pub(super) trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// What the server proves its name with.
pub(super) struct Tls {
    acceptor: TlsAcceptor,
    /// The authority that clients are told of, PEM.
    pub(super) authority: String,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// Certificates of an authority of its own, as `https` says.
    pub(super) fn new(https: Https) -> Self {
        let told = Authority::new();
        let name = if https == Https::OtherName { "192.0.2.1" } else { "127.0.0.1" };
        let acceptor = match https {
            Https::OtherAuthority => Authority::new().acceptor(name),
            _ => told.acceptor(name),
        };
        Self { acceptor, authority: told.pem }
    }

    /// Takes a connection, with TLS if that is what its first byte says.
    pub(super) async fn welcome(&self, stream: TcpStream) -> io::Result<Box<dyn Transport>> {
        let mut first = [0];
        stream.peek(&mut first).await?;
        if first == [HANDSHAKE] {
            return Ok(Box::new(self.acceptor.accept(stream).await?));
        }
        Ok(Box::new(stream))
    }
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "kubernetes");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Shows a certificate for `name`.
    fn acceptor(&self, name: &str) -> TlsAcceptor {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new([name.to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("TLS 1.3")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key.into())
            .expect("the key of the certificate");
        TlsAcceptor::from(Arc::new(config))
    }
}
