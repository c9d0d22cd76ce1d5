//! TLS with the operator's certificate: here one made for the run, for `localhost`.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ProtocolVersion, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use web::{Options, ServeError, Server, TlsFiles};

use crate::client::parse;
use crate::house::House;

/// A certificate for `localhost` and its key, signed by itself, in a directory that goes with the test run.
fn fixture(name: &str) -> PathBuf {
    static MADE: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
        let directory = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(directory.path().join("localhost.pem"), made.cert.pem()).unwrap();
        std::fs::write(directory.path().join("localhost.key.pem"), made.signing_key.serialize_pem()).unwrap();
        directory
    });
    MADE.path().join(name)
}

pub(crate) fn files() -> TlsFiles {
    TlsFiles { certificates: fixture("localhost.pem"), key: fixture("localhost.key.pem") }
}

fn trusting() -> Arc<ClientConfig> {
    let pem = std::fs::read(fixture("localhost.pem")).unwrap();
    let mut roots = RootCertStore::empty();
    for certificate in rustls_pemfile::certs(&mut pem.as_slice()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
}

#[tokio::test(flavor = "multi_thread")]
async fn speaks_tls_and_says_so() {
    let house = House::with(Options { tls: Some(files()), ..Options::default() }).await;
    let stream = TcpStream::connect(house.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(trusting()).connect(name, stream).await.unwrap();
    assert_eq!(stream.get_ref().1.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    let root = house.token("root", &handling::Scope::ALL).await;
    let request = format!(
        "GET /taxii2/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\r\n",
        root.token
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = parse(&answer, "GET");
    assert_eq!(answer.status, 200);
    assert!(answer.header("strict-transport-security").is_some());
    assert_eq!(answer.json()["default"], "https://localhost/api1/");
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_talk_to_a_tls_port_gets_no_answer() {
    let house = House::with(Options { tls: Some(files()), ..Options::default() }).await;
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP/1.1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_cannot_be_used_is_told_before_serving() {
    let house = House::new().await;
    let nothing = fixture("no-such.pem");
    for (certificates, key) in [
        (nothing.clone(), fixture("localhost.key.pem")),
        (fixture("localhost.pem"), nothing),
        (fixture("localhost.key.pem"), fixture("localhost.key.pem")),
        (fixture("localhost.pem"), fixture("localhost.pem")),
    ] {
        let options = Options { tls: Some(TlsFiles { certificates, key }), ..Options::default() };
        let refused = Server::bind("127.0.0.1:0", house.node.clone(), options).await;
        assert!(matches!(refused, Err(ServeError::Tls(_))));
    }
    let taken = Server::bind(&house.address.to_string(), house.node.clone(), Options::default()).await;
    assert!(matches!(taken, Err(ServeError::Listen { .. })));
}
