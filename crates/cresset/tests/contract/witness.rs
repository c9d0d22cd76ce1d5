//! A member as a witness over HTTP, by the letter of C2SP tlog-witness: whoever brings a head and a proof gets a cosignature.

use std::io::{Read, Write};
use std::net::TcpStream;

use base::signing::{KeyId, SigningKey};
use ledger::TreeHash;
use ledger::checkpoint::{Origin, SignedCheckpoint};
use ledger::head::HeadKeeper;
use ledger::proof::{TreeHead, consistency};
use ledger::tile::{Tile, TilePath, Tiles};
use ledger::witness::AddCheckpoint;

use crate::scene::{bundle, indicator};
use crate::town::{Town, community, until};

/// A node's address, and the token of somebody who signs in there.
struct Door {
    address: String,
    token: String,
}

impl Door {
    fn of(town: &Town) -> Self {
        Self {
            address: town.address(),
            token: town.scene.init["admin"]["token"].as_str().unwrap().to_owned(),
        }
    }

    fn to_strangers(&self) -> Self {
        Self { address: self.address.clone(), token: "none".to_owned() }
    }
}

/// An answer over a bare socket: status, content type, body.
fn ask(door: &Door, head: &str, body: &[u8]) -> (u16, String, Vec<u8>) {
    let mut stream = TcpStream::connect(&door.address).unwrap();
    let (length, token) = (body.len(), &door.token);
    let head = format!(
        "{head} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|part| part == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let kind = head.lines().find_map(|line| line.strip_prefix("content-type: ")).unwrap_or_default();
    (status, kind.to_owned(), answer[end + 4..].to_vec())
}

fn witness(door: &Door, body: &[u8]) -> (u16, String, String) {
    let (status, kind, body) = ask(door, "POST /ledger/add-checkpoint", body);
    (status, kind, String::from_utf8(body).unwrap())
}

/// A refusal: its status and code.
fn refused(door: &Door, body: &[u8]) -> (u16, String) {
    let (status, _, body) = witness(door, body);
    let problem: serde_json::Value = serde_json::from_str(&body).unwrap();
    (status, problem["code"].as_str().unwrap().to_owned())
}

/// A member's ledger as everybody may read it: head and hashes.
struct Ledger {
    note: SignedCheckpoint,
    leaves: Vec<TreeHash>,
}

impl Ledger {
    fn of(town: &Town) -> Self {
        let (status, _, note) = ask(&Door::of(town), "GET /ledger/checkpoint", b"");
        assert_eq!(status, 200);
        let note = SignedCheckpoint::parse(&note).unwrap();
        let (status, _, tile) =
            ask(&Door::of(town), &format!("GET /ledger/tile/0/000.p/{}", note.head().size), b"");
        assert_eq!(status, 200);
        let leaves = Tile::from_bytes(&tile).unwrap().hashes().to_vec();
        Self { note, leaves }
    }

    fn size(&self) -> u64 {
        self.note.head().size
    }

    fn request(&self, old: u64) -> Vec<u8> {
        let proof = if old == 0 { Vec::new() } else { consistency(self, old, self.size()).unwrap() };
        AddCheckpoint { old, proof, checkpoint: self.note.clone() }.to_body().into_bytes()
    }
}

impl Tiles for Ledger {
    type Error = std::convert::Infallible;

    fn tile(&self, path: TilePath) -> Result<Tile, Self::Error> {
        Ok(Tile::new(self.leaves[..usize::from(path.width)].to_vec()).unwrap())
    }
}

fn does_something(town: &Town, number: usize) {
    let one = indicator(
        &format!("00000000-0000-4000-8000-{number:012}"),
        &format!("[ipv4-addr:value = '198.18.0.{number}']"),
    );
    let file = town.scene.file("one.json", bundle(&[one]));
    town.node.there(&["import", &file, "--tlp", "amber", "--to", "cert-b"]).exits(0);
}

#[test]
fn a_head_is_cosigned_by_the_letter_and_what_was_cosigned_outlives_a_sudden_death() {
    let [a, mut b] = community([("cert-a", "cert"), ("cert-b", "cert")]);
    does_something(&a, 1);
    until("B mirrors it", || {
        let before = Ledger::of(&a).size();
        b.ok(&["peer", "list"])[0]["last_head"] == before
    });
    // What A does next B hears from nobody but whoever asks it to cosign.
    let door = Door::of(&b);
    b.node.dies();
    let mirrored = Ledger::of(&a).size();
    does_something(&a, 2);
    let middle = Ledger::of(&a);
    does_something(&a, 3);
    let last = Ledger::of(&a);
    assert!(mirrored < middle.size() && middle.size() < last.size());
    let (scene, member) = (a.scene, a.node);
    assert_eq!(member.terminate(), 0);
    b.node = b.scene.serve_at(&door.address);

    // A stranger is not told how far A is.
    assert_eq!(refused(&door.to_strangers(), &middle.request(0)), (401, "credential-wrong".to_owned()));

    // Who does not know what was cosigned last asks from zero and is told.
    let conflict = |size: u64| (409, "text/x.tlog.size".to_owned(), format!("{size}\n"));
    assert_eq!(witness(&door, &middle.request(0)), conflict(mirrored));
    let (status, kind, line) = witness(&door, &middle.request(mirrored));
    assert_eq!((status, kind.as_str()), (200, "text/plain; charset=utf-8"), "{line}");
    assert!(line.starts_with("\u{2014} ") && line.ends_with('\n') && line.lines().count() == 1, "{line}");
    // The line stands under the checkpoint as the specification lets a client put it there.
    let signed = format!("{}{line}", middle.note);
    assert_eq!(SignedCheckpoint::parse(signed.as_bytes()).unwrap().head(), middle.note.head());

    // It died the moment it had answered: it knows what it cosigned.
    b.dies_and_comes_back();
    assert_eq!(witness(&door, &last.request(mirrored)), conflict(middle.size()));
    assert_eq!(witness(&door, &last.request(middle.size())).0, 200);
    assert_eq!(witness(&door, &middle.request(middle.size())), conflict(last.size()), "never a smaller one");
    assert_eq!(witness(&door, &last.request(last.size())).0, 200, "the same again");

    // A proof that is none, an old size beyond the head, and what is no request.
    let mut wrong = AddCheckpoint::parse(&last.request(middle.size())).unwrap();
    wrong.old = last.size();
    assert_eq!(refused(&door, wrong.to_body().as_bytes()), (422, "witness-proof".to_owned()));
    wrong.old = last.size() + 1;
    assert_eq!(refused(&door, wrong.to_body().as_bytes()), (400, "witness-request".to_owned()));
    let many = format!("old 0\n{}", format!("{}\n", TreeHash::empty()).repeat(64));
    for junk in ["", "old 01\n\nx\n1\ny\n", "new 0\n\n", &many] {
        assert_eq!(refused(&door, junk.as_bytes()), (400, "witness-request".to_owned()), "{junk}");
    }
    // Another's ledger, and A's under another's key; one of the same size is a fork, and kept as evidence.
    let stranger = SigningKey::from_seed(&[9; 32]);
    let signed = |origin: &Origin, head: TreeHead| {
        let note = HeadKeeper::new(origin.clone(), &stranger).sign(head, &[], &stranger).unwrap();
        AddCheckpoint { old: 0, proof: Vec::new(), checkpoint: note }.to_body()
    };
    let unknown = signed(&Origin::of_member(&KeyId::from_bytes([7; 32])), last.note.head());
    assert_eq!(refused(&door, unknown.as_bytes()), (404, "witness-ledger-unknown".to_owned()));
    let forged = signed(&last.note.checkpoint().origin, last.note.head());
    assert_eq!(refused(&door, forged.as_bytes()), (403, "witness-signature".to_owned()));
    let (status, _, _) = ask(&door, "GET /ledger/add-checkpoint", b"");
    assert_eq!(status, 405);
    let (status, _, _) = witness(&door, &vec![b'x'; 100_000]);
    assert_eq!(status, 413);

    // A comes back, and its leaves are those of the heads that were cosigned.
    let a = Town { node: scene.serve(), scene };
    until("B mirrors all of it", || b.ok(&["peer", "list"])[0]["last_head"] == last.size());
    drop(a);
    assert_eq!(b.ok(&["community", "show"])["evidence"], 0);
}
