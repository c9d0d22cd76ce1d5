//! Members' nodes at the door: who shows whose node it is and who does not, judged before anything is read, and people beside
//! them who are asked for nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base::limit::ROAD_CERTIFICATE_SECONDS;
use base::{Micros, SeededRng};
use bytes::Bytes;
use community::{MemberId, QuorumRule, Word};
use dial::{Egress, Login, MemberDialler, Question, Repeat, Verb};
use node::{FoundRequest, JoinAsk, NodeIdentity};
use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use web::{MembersTls, Options};

use crate::client::{Answer, parse};
use crate::house::House;
use crate::secure::files;

const EXCHANGE: &str = "/federation/v1/exchange";
const REGISTRY: &str = "/federation/v1/registry";
const WAIT: &str = "/federation/v1/wait";

/// Takes whatever answers: what the door asks is looked at here, not who it is.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// Shows something, or nothing, and counts how often it was asked to.
#[derive(Debug, Default)]
struct Shows {
    what: Option<Arc<CertifiedKey>>,
    asked: AtomicUsize,
}

impl ResolvesClientCert for Shows {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.what.clone()
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn shows(chain: Vec<Vec<u8>>, secret: Vec<u8>) -> Arc<Shows> {
    let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(secret));
    let secret = aws_lc_rs::default_provider().key_provider.load_private_key(secret).unwrap();
    let chain = chain.into_iter().map(CertificateDer::from).collect();
    Arc::new(Shows { what: Some(Arc::new(CertifiedKey::new(chain, secret))), ..Shows::default() })
}

fn node_of(identity: &NodeIdentity) -> Arc<Shows> {
    shows(identity.chain.clone(), identity.secret.expose().to_vec())
}

async fn node_of_house(house: &House) -> Arc<Shows> {
    house.node.hold_certificate().await.unwrap();
    node_of(&house.node.identity().unwrap())
}

/// Asks in TLS, by the road that `protocol` names.
async fn ask(house: &House, shows: &Arc<Shows>, protocol: &str, request: &[u8]) -> Answer {
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_client_cert_resolver(Arc::clone(shows) as Arc<dyn ResolvesClientCert>);
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let stream = TcpStream::connect(house.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    parse(&answer, "POST")
}

fn posting(path: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Says something as a member's node would; the status and the code.
async fn says(house: &House, shows: &Arc<Shows>, (path, body): (&str, &[u8])) -> (u16, String) {
    told(&ask(house, shows, "cresset/1", &posting(path, body)).await)
}

fn told(answer: &Answer) -> (u16, String) {
    let code = serde_json::from_slice::<serde_json::Value>(&answer.body).unwrap_or_default();
    (answer.status, code["code"].as_str().unwrap_or_default().to_owned())
}

async fn me(house: &House) -> MemberId {
    house.node.community(&house.admin).await.unwrap().me.parse().unwrap()
}

/// Carries registry papers between two nodes until neither lacks anything.
async fn meet(one: &House, other: &House) {
    let (to, mut theirs) = (me(other).await, None);
    for _ in 0..20 {
        let Ok(question) = one.node.papers_question(to, theirs.as_ref()).await else { return };
        let Ok(answer) = other.node.papers_answer(&question, None).await else { return };
        let Ok(taken) = one.node.take_papers(to, (&question, theirs.as_ref()), &answer).await else { return };
        if !taken.more {
            return;
        }
        theirs = Some(taken.have);
    }
}

async fn all_meet(houses: &[House]) {
    for _ in 0..3 {
        for one in houses {
            for other in houses.iter().filter(|other| other.address != one.address) {
                meet(one, other).await;
            }
        }
    }
}

fn says_of_itself(house: &House, slug: &str) -> JoinAsk {
    JoinAsk {
        name: slug.into(),
        names: std::collections::BTreeMap::default(),
        slug: slug.into(),
        kind: "cert".into(),
        endpoint: format!("https://{}", house.address),
    }
}

async fn house(seed: u64, options: Options) -> House {
    let house = House::with_rng(options, Arc::new(SeededRng::new(seed))).await;
    house.node.hold_certificate().await.unwrap();
    house
}

/// Four members of one community, of which the first two have a certificate for people as well.
async fn members() -> [House; 4] {
    let own = |tls| Options { tls, ..Options::default() };
    let houses = [
        house(1, own(Some(files()))).await,
        house(2, own(Some(files()))).await,
        house(3, own(None)).await,
        house(4, Options { members_tls: MembersTls::Offered, ..Options::default() }).await,
    ];
    let slugs = ["a", "b", "c", "d"];
    let founder = &houses[0];
    let request = FoundRequest {
        name: "Region".into(),
        quorum: QuorumRule::AllButOne,
        member: says_of_itself(founder, slugs[0]),
    };
    founder.node.found_community(&founder.admin, request).await.unwrap();
    for at in 1..4 {
        let anchor = founder.node.community_anchor(&founder.admin).await.unwrap();
        let newcomer = &houses[at];
        let ask = says_of_itself(newcomer, slugs[at]);
        newcomer.node.join_community(&newcomer.admin, &anchor, &ask).await.unwrap();
        meet(newcomer, founder).await;
        all_meet(&houses[..at]).await;
        for member in &houses[..at] {
            // The last word may not be asked any more.
            let _ = member.node.say(&member.admin, slugs[at], Word::Approve).await;
        }
        all_meet(&houses[..=at]).await;
    }
    houses
}

async fn turn(from: &House, to: &House) -> Vec<u8> {
    from.node.turn_first(me(to).await).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_is_taken_from_a_node_of_its_member_and_from_no_other() {
    let houses = members().await;
    let [a, b, c, d] = &houses;
    let said = turn(a, b).await;
    let (own, others) = (node_of_house(a).await, node_of_house(c).await);
    assert_eq!(says(b, &own, (EXCHANGE, &said)).await.0, 200);
    assert_eq!(own.asked.load(Ordering::Relaxed), 1);
    assert_eq!(says(b, &own, (WAIT, &said)).await.0, 200);

    let before = b.node.state(&b.admin).await.unwrap();
    let stranger = house(9, Options::default()).await;
    let junk = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let junk = shows(vec![junk.cert.der().to_vec()], junk.signing_key.serialize_der());
    let nothing = Arc::new(Shows::default());
    for (shown, code) in [
        (&nothing, "certificate-missing"),
        (&others, "certificate-other"),
        (&node_of_house(&stranger).await, "certificate-unknown"),
        (&junk, "certificate-unknown"),
    ] {
        assert_eq!(says(b, shown, (EXCHANGE, &said)).await, (403, code.to_owned()), "{code}");
        // Also where nothing is said that could be judged: it is not even read.
        assert_eq!(says(b, shown, (WAIT, &said)).await, (403, code.to_owned()), "{code}");
        let refused = says(b, shown, (EXCHANGE, b"")).await;
        assert!(refused == (403, code.to_owned()) || code == "certificate-other", "{refused:?}");
    }
    // By the road of people, and in plain HTTP: who does not show whose node it is.
    let people = Arc::new(Shows::default());
    let refused = ask(b, &people, "http/1.1", &posting(EXCHANGE, &said)).await;
    assert_eq!(told(&refused), (403, "certificate-missing".to_owned()));
    let to_c = turn(a, c).await;
    let refused = c.ask("POST", EXCHANGE).body(to_c).send().await;
    assert_eq!(told(&refused), (403, "certificate-missing".to_owned()));
    assert_eq!(b.node.state(&b.admin).await.unwrap(), before);

    // Where the operator takes turns without a certificate, a wrong one is refused all the same.
    let to_d = turn(a, d).await;
    assert_eq!(d.ask("POST", EXCHANGE).body(to_d.clone()).send().await.status, 200);
    assert_eq!(says(d, &own, (EXCHANGE, &to_d)).await.0, 200);
    assert_eq!(says(d, &others, (EXCHANGE, &to_d)).await, (403, "certificate-other".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_end_by_time_by_a_new_key_and_with_the_member() {
    let houses = members().await;
    let [a, b, c, d] = &houses;
    let said = turn(a, b).await;
    let old = node_of_house(a).await;
    // A week later the old one does not count any more; a node that runs has made a new one.
    let week = (ROAD_CERTIFICATE_SECONDS + 1) * Micros::SECOND;
    b.clock.advance(week);
    assert_eq!(says(b, &old, (EXCHANGE, &said)).await, (403, "certificate-expired".to_owned()));
    let told_of = a.node.doctor(&a.admin, node::Depth::Quick).await.unwrap();
    assert!(told_of.iter().any(|check| check.name == "node certificate" && check.ok));
    a.clock.advance(week);
    let told_of = a.node.doctor(&a.admin, node::Depth::Quick).await.unwrap();
    assert!(told_of.iter().any(|check| check.name == "node certificate" && !check.ok));
    let new = node_of_house(a).await;
    assert_eq!(says(b, &new, (EXCHANGE, &turn(a, b).await)).await.0, 200);
    for house in [c, d] {
        house.clock.advance(week);
    }

    // A new key: with it comes a new certificate, which B takes for A's before it has heard of the key.
    a.node.rotate_key(&a.admin).await.unwrap();
    let newest = node_of(&a.node.identity().unwrap());
    let question = a.node.papers_question(me(b).await, None).await.unwrap();
    assert_eq!(says(b, &newest, (REGISTRY, &question)).await.0, 200);
    assert_eq!(says(b, &newest, (EXCHANGE, &turn(a, b).await)).await.0, 200);
    let refused = says(b, &new, (EXCHANGE, &turn(a, b).await)).await;
    assert_eq!(refused, (403, "certificate-revoked".to_owned()));

    // A member that was put aside.
    let from_c = (node_of_house(c).await, turn(c, b).await);
    assert_eq!(says(b, &from_c.0, (EXCHANGE, &from_c.1)).await.0, 200);
    all_meet(&houses).await;
    for member in [a, b, d] {
        let _ = member.node.propose(&member.admin, "c", Some("a trial".into())).await;
        all_meet(&houses).await;
    }
    let refused = says(b, &from_c.0, (EXCHANGE, &from_c.1)).await;
    assert_eq!(refused, (403, "certificate-revoked".to_owned()));
    for house in [a, d] {
        assert!(house.node.identity().is_some());
    }
}

/// Stands before a house and counts the connections that come.
async fn counted(house: &House) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, count, behind) =
        (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)), house.address);
    let counter = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut outside, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut inside = TcpStream::connect(behind).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
            });
        }
    });
    (address, count)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_connection_is_dropped_when_the_registry_tells_of_another_key_or_standing() {
    let houses = members().await;
    let [a, b, c, d] = &houses;
    let (before_c, count) = counted(c).await;
    let dialler = MemberDialler::new(Egress::default(), Arc::new(SeededRng::new(77)), a.node.clone());
    let say = async || {
        let body = Bytes::from(a.node.papers_question(me(c).await, None).await.unwrap());
        let question = Question {
            verb: Verb::Post,
            url: format!("https://{before_c}{REGISTRY}").parse().unwrap(),
            login: Login::None,
            accept: "*/*".to_owned(),
            body: Some((body, "application/json".to_owned())),
            repeat: Repeat::Never,
        };
        let answer = dialler.to(me(c).await).unwrap().ask(&question).await.unwrap();
        // A connection goes back to where the next question takes it from a moment after its answer was read.
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        (answer.status, count.load(Ordering::Relaxed))
    };
    assert_eq!([say().await, say().await], [(200, 1), (200, 1)], "it is kept");
    c.node.rotate_key(&c.admin).await.unwrap();
    assert_eq!(say().await, (200, 1), "A has not heard of the key yet");
    all_meet(&houses).await;
    assert_eq!([say().await, say().await], [(200, 2), (200, 2)], "another key");
    for member in [a, b, d] {
        let _ = member.node.propose(&member.admin, "c", Some("a trial".into())).await;
        all_meet(&houses).await;
    }
    let (_, connections) = say().await;
    assert_eq!(connections, 3, "another standing");
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_about_the_registry_are_for_newcomers_too() {
    let houses = members().await;
    let [a, b, c, _] = &houses;
    let question = a.node.papers_question(me(b).await, None).await.unwrap();
    let others = node_of_house(c).await;
    assert_eq!(says(b, &others, (REGISTRY, &question)).await, (403, "certificate-other".to_owned()));
    assert_eq!(says(b, &Arc::new(Shows::default()), (REGISTRY, &question)).await.0, 200);
    let newcomer = house(9, Options::default()).await;
    let anchor = b.node.community_anchor(&b.admin).await.unwrap();
    let ask = says_of_itself(&newcomer, "e");
    newcomer.node.join_community(&newcomer.admin, &anchor, &ask).await.unwrap();
    let question = newcomer.node.papers_question(me(b).await, None).await.unwrap();
    assert_eq!(says(b, &node_of_house(&newcomer).await, (REGISTRY, &question)).await.0, 200);
    assert_eq!(b.node.pending(&b.admin).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_and_programs_are_never_asked_for_a_certificate() {
    let houses = members().await;
    let [_, b, c, _] = &houses;
    let root = b.token("root", &handling::Scope::ALL).await;
    let asks = |path: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\r\n",
            root.token
        )
    };
    let people = node_of_house(c).await;
    for path in ["/taxii2/", "/api/v1/status", "/ledger/checkpoint", "/"] {
        let answer = ask(b, &people, "http/1.1", asks(path).as_bytes()).await;
        assert!([200, 303].contains(&answer.status), "{path} {}", answer.status);
    }
    assert_eq!(people.asked.load(Ordering::Relaxed), 0);
    // A member's node follows the ledger by its certificate; who shows none and does not sign in does not.
    let stranger = b"GET /ledger/checkpoint HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert_eq!(ask(b, &people, "http/1.1", stranger).await.status, 401);
    assert_eq!(ask(b, &people, "cresset/1", stranger).await.status, 200);
    // Where the operator has given no certificate, people come in plain HTTP to the port where members' nodes speak TLS.
    assert_eq!(c.ask("GET", "/healthz").send().await.status, 200);
    assert_eq!(says(c, &node_of_house(b).await, (EXCHANGE, &turn(b, c).await)).await.0, 200);
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let stream = TcpStream::connect(c.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    assert!(TlsConnector::from(Arc::new(config)).connect(name, stream).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_was_refused_too_often_waits_and_members_nodes_do_not() {
    let houses = members().await;
    let [_, b, c, _] = &houses;
    let noise = |path: &'static str| c.ask("POST", path).body(b"noise".to_vec()).send();
    let mut refused = Vec::new();
    for _ in 0..67 {
        for path in [EXCHANGE, REGISTRY, "/ledger/add-checkpoint"] {
            refused.push(noise(path).await.status);
        }
    }
    assert!(refused.iter().all(|status| [400, 401, 403, 422].contains(status)), "{refused:?}");
    for path in [EXCHANGE, REGISTRY, "/ledger/add-checkpoint"] {
        let told = noise(path).await;
        assert_eq!((told.status, told.header("retry-after")), (429, Some("1")), "{path}");
        assert_eq!(told.json()["code"], "too-many-requests");
    }
    // From the same place: a node that shows whose it is, and people.
    assert_eq!(says(c, &node_of_house(b).await, (EXCHANGE, &turn(b, c).await)).await.0, 200);
    assert_eq!(c.ask("GET", "/healthz").send().await.status, 200);
    let root = c.token("root", &handling::Scope::ALL).await;
    assert_eq!(root.get("/taxii2/").await.status, 200);
    c.clock.advance(Micros::SECOND);
    assert_eq!(noise(EXCHANGE).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_members_node_is_counted_by_its_member_and_by_no_address() {
    let houses = members().await;
    let [a, b, c, _] = &houses;
    let node_of_b = node_of_house(b).await;
    let mut refused = Vec::new();
    for _ in 0..201 {
        refused.push(says(c, &node_of_b, (EXCHANGE, b"noise")).await.0);
    }
    assert!(refused.iter().all(|status| [400, 401, 403, 422].contains(status)), "{refused:?}");
    assert_eq!(says(c, &node_of_b, (EXCHANGE, b"noise")).await.0, 429);
    // From the same address: another member's node, and strangers.
    assert_eq!(says(c, &node_of_house(a).await, (EXCHANGE, &turn(a, c).await)).await.0, 200);
    assert_eq!(c.ask("POST", EXCHANGE).body(b"noise".to_vec()).send().await.status, 403);
    c.clock.advance(Micros::SECOND);
    assert_eq!(says(c, &node_of_b, (EXCHANGE, &turn(b, c).await)).await.0, 200);
}
