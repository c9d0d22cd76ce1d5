//! Notes: the published example byte for byte, and everything that must be refused.

use base::SeededRng;
use base::signing::SigningKey;

use super::*;

/// The example of the Go package `golang.org/x/mod/sumdb/note`.
const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const ENOCH: &str = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
const PETER_SEED: &str = "gQoUAtUUbI2E8kQzMPVAgOv5juF9nHT2JS/F1ccoMXM=";
const TEXT: &str =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const PETER_LINE: &str = "\u{2014} PeterNeumann \
     x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";
const ENOCH_LINE: &str = "\u{2014} EnochRoot \
     rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=";

fn key(text: &str) -> NoteKey {
    text.parse().unwrap()
}

#[test]
fn the_published_example() {
    let note = format!("{TEXT}\n{PETER_LINE}\n{ENOCH_LINE}\n");
    let parsed = Note::parse(note.as_bytes()).unwrap();
    assert_eq!(parsed.to_string(), note);
    assert_eq!(parsed.text(), TEXT);
    let keys = [key(PETER), key(ENOCH)];
    assert_eq!(parsed.verify(&keys).unwrap(), [&keys[0], &keys[1]]);
    assert_eq!(parsed.verify(&keys[1..]).unwrap(), [&keys[1]]);
    assert_eq!(keys[0].to_string(), PETER);
    assert_eq!(keys[0].hash(), 0xc74f_20a3);
}

#[test]
fn a_note_is_signed_as_published() {
    // "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz": a type byte, then the seed.
    let seed: [u8; 32] = STANDARD.decode(PETER_SEED).unwrap().try_into().unwrap();
    let signer = SigningKey::from_seed(&seed);
    let note = Note::sign(TEXT.to_owned(), "PeterNeumann".parse().unwrap(), &signer).unwrap();
    assert_eq!(note.to_string(), format!("{TEXT}\n{PETER_LINE}\n"));
}

#[test]
fn signatures_that_do_not_hold_are_told_from_unknown_ones() {
    let keys = [key(PETER)];
    let changed = format!("{}\n{PETER_LINE}\n", TEXT.replace("If", "if"));
    let changed = Note::parse(changed.as_bytes()).unwrap();
    assert!(matches!(changed.verify(&keys), Err(NoteError::Bad { .. })));
    let foreign = Note::parse(format!("{TEXT}\n{ENOCH_LINE}\n").as_bytes()).unwrap();
    assert_eq!(foreign.verify(&keys), Err(NoteError::Unknown));
    // A false line beside a true one spoils the note; one of another length is as false.
    let short = format!("{DASH}PeterNeumann {}", STANDARD.encode([0xc7, 0x4f, 0x20, 0xa3, 1]));
    let both = Note::parse(format!("{TEXT}\n{PETER_LINE}\n{short}\n").as_bytes()).unwrap();
    assert!(matches!(both.verify(&keys), Err(NoteError::Bad { .. })));
    // The same name with another short id, and the same short id with another name, are other keys.
    let other = PETER_LINE.replace("PeterNeumann", "PeterNewman");
    let other = Note::parse(format!("{TEXT}\n{other}\n").as_bytes()).unwrap();
    assert_eq!(other.verify(&keys), Err(NoteError::Unknown));
}

#[test]
fn a_witness_key_does_not_sign_texts() {
    let signer = SigningKey::generate(&SeededRng::new(1));
    let name: KeyName = "w.example/1".parse().unwrap();
    let witness = NoteKey::new(name.clone(), KeyKind::Cosignature, signer.public_key());
    assert_eq!(witness.to_string().parse(), Ok(witness.clone()));
    let mut note = Note::sign(TEXT.to_owned(), name, &signer).unwrap();
    note.attach(NoteSignature::new(&witness, signer.sign(TEXT.as_bytes()).as_bytes().to_vec())).unwrap();
    assert_eq!(note.verify(&[witness]), Err(NoteError::Unknown));
}

#[test]
fn what_is_no_note_is_refused() {
    let good = format!("{TEXT}\n{PETER_LINE}\n");
    let cases = [
        ("", NoteError::NoSignatures),
        ("\n\n", NoteError::NoSignatures),
        ("text\n", NoteError::NoSignatures),
        ("text\n\n", NoteError::NoSignatures),
        (good.trim_end(), NoteError::NoSignatures),
        (&format!("\n{PETER_LINE}\n"), NoteError::NoSignatures),
        (&format!("\n\n{PETER_LINE}\n"), NoteError::NoSignatures),
        (&format!("{good}\n"), NoteError::NoSignatures),
        (&format!("{good}x\n"), NoteError::Line(2)),
        (&good.replace('\u{2014}', "-"), NoteError::Line(1)),
        (&good.replace("PeterNeumann ", "Peter+Neumann "), NoteError::Line(1)),
        (&good.replace("PeterNeumann ", "Peter\u{2003}Neumann "), NoteError::Line(1)),
        (&good.replace("PeterNeumann ", " "), NoteError::Line(1)),
        (&good.replace("nAM=\n", "nAM\n"), NoteError::Line(1)),
        (&good.replace("know", "kn\tow"), NoteError::NotText),
        (&good.replace('\n', "\r\n"), NoteError::NotText),
        (&format!("{TEXT}\n{DASH}Peter x08gow==\n"), NoteError::Line(1)),
    ];
    for (text, error) in cases {
        assert_eq!(Note::parse(text.as_bytes()), Err(error), "{text:?}");
    }
    assert_eq!(Note::parse(b"text\xff\n\n"), Err(NoteError::NotText));
}

#[test]
fn limits_hold_at_the_limit_and_one_beyond() {
    let lines = |count: usize| format!("{TEXT}\n{}", format!("{PETER_LINE}\n").repeat(count));
    assert!(Note::parse(lines(NOTE_SIGNATURES_MAX).as_bytes()).is_ok());
    let many = lines(NOTE_SIGNATURES_MAX + 1);
    assert_eq!(Note::parse(many.as_bytes()), Err(NoteError::TooManySignatures));
    let filled = |bytes: usize| format!("{}\n\n{PETER_LINE}\n", "x".repeat(bytes - PETER_LINE.len() - 3));
    assert!(Note::parse(filled(NOTE_BYTES_MAX).as_bytes()).is_ok());
    let large = filled(NOTE_BYTES_MAX + 1);
    assert_eq!(Note::parse(large.as_bytes()), Err(NoteError::TooLarge(NOTE_BYTES_MAX + 1)));
    assert!("n".repeat(KEY_NAME_BYTES_MAX).parse::<KeyName>().is_ok());
    assert!("n".repeat(KEY_NAME_BYTES_MAX + 1).parse::<KeyName>().is_err());
}

#[test]
fn what_is_no_key_is_refused() {
    let wrong_hash = PETER.replace("c74f20a3", "c74f20a4");
    let upper = PETER.replace("c74f20a3", "C74F20A3");
    let kind = PETER.replace("ARpc", "Ahpc");
    for bad in
        ["", "a+b", "a+b+c", &wrong_hash, &upper, &kind, &PETER[..PETER.len() - 4], &format!("{PETER}AAAA")]
    {
        assert!(matches!(bad.parse::<NoteKey>(), Err(NoteError::Key(_))), "{bad}");
    }
}
