//! Signed statements: bytes carried exactly as they were signed, with their type, in a DSSE envelope.
//!
//! A statement made for one purpose cannot be passed off as another: the signature covers the payload's type together with
//! its bytes, and [`Signed::verify_with`] demands the type the caller expects. The payload is never parsed here nor written
//! anew, so that fields a reader does not know survive and the signature keeps holding.
//!
//! The key id beside a signature is a hint which key to try, as DSSE says; a caller learns who signed only by naming keys.
//! Whether a key may say this at all is for the registry of members.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde::de::{Deserializer, Error as _};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use crate::limit::{PAYLOAD_TYPE_BYTES_MAX, SIGNATURES_MAX, SIGNED_PAYLOAD_BYTES_MAX, SIGNED_TEXT_BYTES_MAX};
use crate::signing::{BadSignature, KeyId, KeyTextError, PublicKey, Signature, Signer, Suite};
use crate::{digits, quoted};

/// DSSE leaves the choice of alphabet to the signer, and every verifier reads both, with padding or without.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const READ_STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const READ_URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// About how many bytes a signature takes in JSON before base64 widens them, and all the rest of an envelope.
const SIGNATURE_JSON_BYTES: usize = 140;
const ENVELOPE_JSON_BYTES: usize = 128;

/// A statement and the signatures on it.
///
/// # Shape
/// As JSON `{"payload": base64, "payloadType": text, "signatures": [{"keyid": "ed25519:<64 hex digits>", "sig": base64}]}`;
/// the key id names its suite. Members that are not known are passed over.
///
/// # Source
/// DSSE 1.0, `protocol.md` and `envelope.md`.
#[derive(Clone, PartialEq, Eq)]
pub struct Signed {
    payload_type: String,
    payload: Vec<u8>,
    signatures: Vec<(KeyId, Signature)>,
}

/// Why a text is no signed statement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Larger than [`SIGNED_TEXT_BYTES_MAX`].
    #[error("the signed statement has {0} bytes, more than {SIGNED_TEXT_BYTES_MAX}")]
    TooLarge(usize),
    /// Not the JSON of an envelope.
    #[error("cannot read the signed statement: not a DSSE envelope in JSON, at line {line}, column {column}")]
    Form {
        /// Line the trouble is in, from 1.
        line: usize,
        /// Column it was found at, in bytes.
        column: usize,
    },
    /// Not base64.
    #[error("cannot read {0} of the signed statement: not base64")]
    Base64(&'static str),
    /// The type is missing, too long, or not printable ASCII.
    #[error("the payload type {0} is not 1 to {PAYLOAD_TYPE_BYTES_MAX} printable ASCII characters")]
    TypeUnfit(String),
    /// The payload is larger than [`SIGNED_PAYLOAD_BYTES_MAX`].
    #[error("the payload has {0} bytes, more than {SIGNED_PAYLOAD_BYTES_MAX}")]
    PayloadTooLarge(usize),
    /// More signatures than [`SIGNATURES_MAX`].
    #[error("the statement has {0} signatures, more than {SIGNATURES_MAX}")]
    TooManySignatures(usize),
    /// A key id or a signature is none.
    #[error("cannot read a signature of the statement: {0}")]
    Signature(#[from] KeyTextError),
}

/// Why a statement does not count as said by a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// It is another kind of statement than the one asked for.
    #[error("this is a statement of type {found}, not {expected}")]
    OtherType {
        /// The type asked for, quoted.
        expected: String,
        /// The type it has, quoted.
        found: String,
    },
    /// There is no signature by the key.
    #[error("the statement is not signed by key {0}")]
    NotSigned(KeyId),
    /// There is one that does not hold.
    #[error(transparent)]
    Bad(#[from] BadSignature),
}

impl Signed {
    /// A statement without a signature yet, to be signed by [`Signed::add`].
    ///
    /// # Errors
    /// `TypeUnfit` and `PayloadTooLarge`.
    pub fn unsigned(payload_type: &str, payload: Vec<u8>) -> Result<Self, EnvelopeError> {
        check(payload_type, payload.len())?;
        Ok(Self { payload_type: payload_type.to_owned(), payload, signatures: Vec::new() })
    }

    /// A statement signed by `signer`.
    ///
    /// # Errors
    /// `TypeUnfit` and `PayloadTooLarge`.
    pub fn sign(payload_type: &str, payload: Vec<u8>, signer: &dyn Signer) -> Result<Self, EnvelopeError> {
        let mut signed = Self::unsigned(payload_type, payload)?;
        signed.add(signer)?;
        Ok(signed)
    }

    /// Adds a signature; one by the same key is there only once.
    ///
    /// # Errors
    /// `TooManySignatures`; nothing was added.
    pub fn add(&mut self, signer: &dyn Signer) -> Result<(), EnvelopeError> {
        let signature = signer.sign(&self.message());
        self.attach(signer.public_key().id(), signature)
    }

    /// Adds a signature that was made elsewhere; the same one is there only once. It is not checked here.
    ///
    /// # Errors
    /// `TooManySignatures`; nothing was added.
    pub fn attach(&mut self, key: KeyId, signature: Signature) -> Result<(), EnvelopeError> {
        if self.signatures.contains(&(key, signature)) {
            return Ok(());
        }
        if self.signatures.len() >= SIGNATURES_MAX {
            return Err(EnvelopeError::TooManySignatures(SIGNATURES_MAX.saturating_add(1)));
        }
        self.signatures.push((key, signature));
        Ok(())
    }

    /// What the payload is, for a reader that must choose; it is trustworthy only after [`Signed::verify_with`].
    #[must_use]
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// The payload, not verified: for looking up which keys to verify with, and for carrying it on.
    #[must_use]
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// The signatures as they came, with the keys they claim to be by.
    #[must_use]
    pub fn signatures(&self) -> &[(KeyId, Signature)] {
        &self.signatures
    }

    /// The payload, if `key` signed it as a statement of type `payload_type`.
    ///
    /// # Errors
    /// See [`VerifyError`]. `Bad` when there are signatures in the key's name and none holds.
    pub fn verify_with(&self, payload_type: &str, key: &PublicKey) -> Result<&[u8], VerifyError> {
        self.demand(payload_type)?;
        let message = self.message();
        let id = key.id();
        let mut last = VerifyError::NotSigned(id);
        for (_, signature) in self.signatures.iter().filter(|(by, _)| *by == id) {
            match key.verify(&message, signature) {
                Ok(()) => return Ok(&self.payload),
                Err(bad) => last = bad.into(),
            }
        }
        Err(last)
    }

    /// Which of `keys` signed it as a statement of type `payload_type`: each counts once, however often it signed.
    ///
    /// # Errors
    /// `OtherType`. Signatures that do not hold, and those by other keys, are passed over.
    pub fn signers<'k>(
        &self,
        payload_type: &str,
        keys: impl IntoIterator<Item = &'k PublicKey>,
    ) -> Result<BTreeSet<KeyId>, VerifyError> {
        self.demand(payload_type)?;
        let message = self.message();
        let mut signers = BTreeSet::new();
        for key in keys {
            let id = key.id();
            let mut own = self.signatures.iter().filter(|(by, _)| *by == id);
            if own.any(|(_, signature)| key.verify(&message, signature).is_ok()) {
                signers.insert(id);
            }
        }
        Ok(signers)
    }

    /// Reads a statement from JSON. What it says is not verified.
    ///
    /// # Errors
    /// See [`EnvelopeError`].
    ///
    /// # Limits
    /// Linear in the text, which is refused unread above [`SIGNED_TEXT_BYTES_MAX`].
    pub fn parse(text: &[u8]) -> Result<Self, EnvelopeError> {
        if text.len() > SIGNED_TEXT_BYTES_MAX {
            return Err(EnvelopeError::TooLarge(text.len()));
        }
        // The reader of forms would also take a list of values in the order of the members.
        if text.trim_ascii_start().first() != Some(&b'{') {
            return Err(EnvelopeError::Form { line: 1, column: 0 });
        }
        let form: Form = serde_json::from_slice(text)
            .map_err(|error| EnvelopeError::Form { line: error.line(), column: error.column() })?;
        form.read()
    }

    /// The statement as one line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Written by hand, as serde would write it: every act that is sent, taken or kept goes this way.
        let bytes =
            self.payload.len().saturating_add(self.signatures.len().saturating_mul(SIGNATURE_JSON_BYTES));
        let mut json =
            String::with_capacity(bytes.saturating_mul(4).div_ceil(3).saturating_add(ENVELOPE_JSON_BYTES));
        json.push_str("{\"payload\":\"");
        STANDARD.encode_string(&self.payload, &mut json);
        json.push_str("\",\"payloadType\":");
        // Printable ASCII, as was checked: nothing else of it is written with escapes.
        if self.payload_type.contains(['"', '\\']) {
            json.push_str(&serde_json::Value::from(self.payload_type.as_str()).to_string());
        } else {
            json.push('"');
            json.push_str(&self.payload_type);
            json.push('"');
        }
        json.push_str(",\"signatures\":[");
        for (at, (key, signature)) in self.signatures.iter().enumerate() {
            json.push_str(if at == 0 { "{\"keyid\":\"" } else { ",{\"keyid\":\"" });
            json.push_str(signature.suite().name());
            json.push(':');
            json.push_str(&digits::of_32(key.as_bytes()));
            json.push_str("\",\"sig\":\"");
            STANDARD.encode_string(signature.as_bytes(), &mut json);
            json.push_str("\"}");
        }
        json.push_str("]}");
        json
    }

    /// The bytes that are signed: type and payload with their lengths, so that no two pairs give the same.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        pre_authentication(&self.payload_type, &self.payload)
    }

    fn demand(&self, payload_type: &str) -> Result<(), VerifyError> {
        if self.payload_type == payload_type {
            return Ok(());
        }
        Err(VerifyError::OtherType {
            expected: quoted(payload_type).to_string(),
            found: quoted(&self.payload_type).to_string(),
        })
    }
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by: Vec<&KeyId> = self.signatures.iter().map(|(key, _)| key).collect();
        write!(f, "Signed({}, {} bytes, by {by:?})", quoted(&self.payload_type), self.payload.len())
    }
}

impl Serialize for Signed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let signatures = self.signatures.iter().map(|(key, signature)| SignatureForm {
            keyid: format!("{}:{key}", signature.suite()),
            sig: STANDARD.encode(signature.as_bytes()),
        });
        let form = Form {
            payload: STANDARD.encode(&self.payload),
            payload_type: self.payload_type.clone(),
            signatures: signatures.collect(),
        };
        form.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Signed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Form::deserialize(deserializer)?.read().map_err(D::Error::custom)
    }
}

/// DSSE's PAE: `DSSEv1`, then length and bytes of the type and of the body, each after a space.
fn pre_authentication(payload_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), body.len());
    let mut message = head.into_bytes();
    message.extend_from_slice(body);
    message
}

/// The envelope as it stands in JSON.
#[derive(Serialize, Deserialize)]
struct Form {
    #[serde(default)]
    payload: String,
    #[serde(rename = "payloadType", default)]
    payload_type: String,
    #[serde(default)]
    signatures: Vec<SignatureForm>,
}

#[derive(Serialize, Deserialize)]
struct SignatureForm {
    #[serde(default)]
    keyid: String,
    #[serde(default)]
    sig: String,
}

impl Form {
    fn read(self) -> Result<Signed, EnvelopeError> {
        if self.signatures.len() > SIGNATURES_MAX {
            return Err(EnvelopeError::TooManySignatures(self.signatures.len()));
        }
        let payload = decode(&self.payload).ok_or(EnvelopeError::Base64("the payload"))?;
        check(&self.payload_type, payload.len())?;
        let signatures = self.signatures.iter().map(SignatureForm::read).collect::<Result<_, _>>()?;
        Ok(Signed { payload_type: self.payload_type, payload, signatures })
    }
}

impl SignatureForm {
    fn read(&self) -> Result<(KeyId, Signature), EnvelopeError> {
        let (suite, key) = self.keyid.split_once(':').ok_or(KeyTextError::NoSuite)?;
        let suite: Suite = suite.parse()?;
        let key = key.parse()?;
        let bytes = decode(&self.sig).ok_or(EnvelopeError::Base64("a signature"))?;
        Ok((key, Signature::from_bytes(suite, &bytes)?))
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let url_safe = text.bytes().any(|byte| matches!(byte, b'-' | b'_'));
    if url_safe { READ_URL_SAFE.decode(text).ok() } else { READ_STANDARD.decode(text).ok() }
}

fn check(payload_type: &str, payload_bytes: usize) -> Result<(), EnvelopeError> {
    let fit = (1..=PAYLOAD_TYPE_BYTES_MAX).contains(&payload_type.len())
        && payload_type.bytes().all(|byte| byte.is_ascii_graphic());
    if !fit {
        return Err(EnvelopeError::TypeUnfit(quoted(payload_type).to_string()));
    }
    if payload_bytes > SIGNED_PAYLOAD_BYTES_MAX {
        return Err(EnvelopeError::PayloadTooLarge(payload_bytes));
    }
    Ok(())
}

#[cfg(test)]
#[path = "signed_tests.rs"]
mod tests;
