//! STIX Cyber-observable Objects: section 6, in its order, with the properties that make their identifiers.

use super::extension;
use super::property::OBSERVABLE;
use super::vocabulary as voc;
use super::{COUNT, INTEGER, Kind, Prop, Rule, Schema, Shape, TEXT, Target, Value, optional, required};
use crate::check::rules;
use crate::syntax;

const TEXTS: Value = Value::List(&TEXT);
const CHARACTER_SET: Value = Value::Formed(syntax::name::check_character_set);
const MIME_TYPE: Value = Value::Formed(syntax::name::check_mime_type);
const PORT: Value = Value::Integer(0, 65_535);
const ARTIFACT: Value = Value::Reference(Target::Types(&["artifact"]));
const EMAIL: Value = Value::Reference(Target::Types(&["email-addr"]));
const EMAILS: Value = Value::List(&EMAIL);
const ACCOUNT: Value = Value::Reference(Target::Types(&["user-account"]));
const MACS: Value = Value::List(&Value::Reference(Target::Types(&["mac-addr"])));
const SYSTEMS: Value = Value::List(&Value::Reference(Target::Types(&["autonomous-system"])));
const TRAFFIC: Value = Value::Reference(Target::Types(&["network-traffic"]));
const PROCESS_REF: Value = Value::Reference(Target::Types(&["process"]));
const ENDPOINT: Value =
    Value::Reference(Target::Types(&["ipv4-addr", "ipv6-addr", "mac-addr", "domain-name"]));

const fn sco(
    name: &'static str,
    contributes: &'static [&'static str],
    own: &'static [Prop],
    rules: &'static [Rule],
) -> Schema {
    Schema { name, kind: Kind::Observable, general: OBSERVABLE, own, rules, extensions: &[], contributes }
}

/// All of them.
pub(crate) static ALL: &[&Schema] = &[
    &ARTIFACT_OBJECT,
    &AUTONOMOUS_SYSTEM,
    &DIRECTORY,
    &DOMAIN_NAME,
    &EMAIL_ADDR,
    &EMAIL_MESSAGE,
    &FILE,
    &IPV4_ADDR,
    &IPV6_ADDR,
    &MAC_ADDR,
    &MUTEX,
    &NETWORK_TRAFFIC,
    &PROCESS,
    &SOFTWARE,
    &URL,
    &USER_ACCOUNT,
    &WINDOWS_REGISTRY_KEY,
    &X509_CERTIFICATE,
];

static ARTIFACT_OBJECT: Schema = sco(
    "artifact",
    &["hashes", "payload_bin"],
    &[
        optional("mime_type", MIME_TYPE),
        optional("payload_bin", Value::Binary),
        optional("url", Value::Formed(syntax::url::check)),
        optional("hashes", Value::Hashes),
        optional("encryption_algorithm", Value::Closed(&voc::ENCRYPTION_ALGORITHM)),
        optional("decryption_key", TEXT),
    ],
    &[
        Rule::OneOf(&["payload_bin", "url"]),
        Rule::NotBoth("payload_bin", "url"),
        Rule::Needs("url", "hashes"),
        Rule::Needs("decryption_key", "encryption_algorithm"),
    ],
);

static AUTONOMOUS_SYSTEM: Schema = sco(
    "autonomous-system",
    &["number"],
    &[required("number", COUNT), optional("name", TEXT), optional("rir", TEXT)],
    &[],
);

static DIRECTORY: Schema = sco(
    "directory",
    &["path"],
    &[
        required("path", TEXT),
        optional("path_enc", CHARACTER_SET),
        optional("ctime", Value::Timestamp),
        optional("mtime", Value::Timestamp),
        optional("atime", Value::Timestamp),
        optional("contains_refs", Value::List(&Value::Reference(Target::Types(&["file", "directory"])))),
    ],
    &[],
);

static DOMAIN_NAME: Schema = sco(
    "domain-name",
    &["value"],
    &[
        required("value", Value::Formed(syntax::domain::check)),
        optional(
            "resolves_to_refs",
            Value::List(&Value::Reference(Target::Types(&["ipv4-addr", "ipv6-addr", "domain-name"]))),
        ),
    ],
    &[],
);

static EMAIL_ADDR: Schema = sco(
    "email-addr",
    &["value"],
    &[
        required("value", Value::Formed(syntax::email::check)),
        optional("display_name", TEXT),
        optional("belongs_to_ref", ACCOUNT),
    ],
    &[],
);

static EMAIL_MESSAGE: Schema = sco(
    "email-message",
    &["from_ref", "subject", "body"],
    &[
        required("is_multipart", Value::Boolean),
        optional("date", Value::Timestamp),
        optional("content_type", TEXT),
        optional("from_ref", EMAIL),
        optional("sender_ref", EMAIL),
        optional("to_refs", EMAILS),
        optional("cc_refs", EMAILS),
        optional("bcc_refs", EMAILS),
        optional("message_id", TEXT),
        optional("subject", TEXT),
        optional("received_lines", TEXTS),
        optional("additional_header_fields", Value::Dictionary(&TEXTS)),
        optional("body", TEXT),
        optional("body_multipart", Value::List(&Value::Struct(&MIME_PART))),
        optional("raw_email_ref", ARTIFACT),
    ],
    &[Rule::Own(rules::multipart), Rule::Own(rules::decoded_headers)],
);

static MIME_PART: Shape = Shape {
    props: &[
        optional("body", TEXT),
        optional("body_raw_ref", Value::Reference(Target::Types(&["artifact", "file"]))),
        optional("content_type", TEXT),
        optional("content_disposition", TEXT),
    ],
    rules: &[Rule::OneOf(&["body", "body_raw_ref"])],
};

static FILE: Schema = Schema {
    name: "file",
    kind: Kind::Observable,
    general: OBSERVABLE,
    own: &[
        optional("hashes", Value::Hashes),
        optional("size", COUNT),
        optional("name", TEXT),
        optional("name_enc", CHARACTER_SET),
        optional("magic_number_hex", Value::Hex),
        optional("mime_type", MIME_TYPE),
        optional("ctime", Value::Timestamp),
        optional("mtime", Value::Timestamp),
        optional("atime", Value::Timestamp),
        optional("parent_directory_ref", Value::Reference(Target::Types(&["directory"]))),
        optional("contains_refs", Value::List(&Value::Reference(Target::Observable))),
        optional("content_ref", ARTIFACT),
    ],
    rules: &[Rule::OneOf(&["hashes", "name"]), Rule::Needs("name_enc", "name")],
    extensions: extension::FILE,
    contributes: &["hashes", "name", "extensions", "parent_directory_ref"],
};

static IPV4_ADDR: Schema = sco(
    "ipv4-addr",
    &["value"],
    &[
        required("value", Value::Formed(syntax::address::check_ipv4)),
        optional("resolves_to_refs", MACS),
        optional("belongs_to_refs", SYSTEMS),
    ],
    &[],
);

static IPV6_ADDR: Schema = sco(
    "ipv6-addr",
    &["value"],
    &[
        required("value", Value::Formed(syntax::address::check_ipv6)),
        optional("resolves_to_refs", MACS),
        optional("belongs_to_refs", SYSTEMS),
    ],
    &[],
);

static MAC_ADDR: Schema =
    sco("mac-addr", &["value"], &[required("value", Value::Formed(syntax::address::check_mac))], &[]);

static MUTEX: Schema = sco("mutex", &["name"], &[required("name", TEXT)], &[]);

static NETWORK_TRAFFIC: Schema = Schema {
    name: "network-traffic",
    kind: Kind::Observable,
    general: OBSERVABLE,
    own: &[
        optional("start", Value::Timestamp),
        optional("end", Value::Timestamp),
        optional("is_active", Value::Boolean),
        optional("src_ref", ENDPOINT),
        optional("dst_ref", ENDPOINT),
        optional("src_port", PORT),
        optional("dst_port", PORT),
        required("protocols", Value::List(&Value::Formed(syntax::name::check_protocol))),
        optional("src_byte_count", COUNT),
        optional("dst_byte_count", COUNT),
        optional("src_packets", COUNT),
        optional("dst_packets", COUNT),
        optional("ipfix", Value::Dictionary(&Value::TextOrInteger)),
        optional("src_payload_ref", ARTIFACT),
        optional("dst_payload_ref", ARTIFACT),
        optional("encapsulates_refs", Value::List(&TRAFFIC)),
        optional("encapsulated_by_ref", TRAFFIC),
    ],
    rules: &[
        Rule::OneOf(&["src_ref", "dst_ref"]),
        Rule::NotBefore("start", "end"),
        Rule::Own(rules::active_traffic),
    ],
    extensions: extension::NETWORK_TRAFFIC,
    contributes: &["start", "end", "src_ref", "dst_ref", "src_port", "dst_port", "protocols", "extensions"],
};

static PROCESS: Schema = Schema {
    name: "process",
    kind: Kind::Observable,
    general: OBSERVABLE,
    own: &[
        optional("is_hidden", Value::Boolean),
        optional("pid", INTEGER),
        optional("created_time", Value::Timestamp),
        optional("cwd", TEXT),
        optional("command_line", TEXT),
        optional("environment_variables", Value::Dictionary(&TEXT)),
        optional("opened_connection_refs", Value::List(&TRAFFIC)),
        optional("creator_user_ref", ACCOUNT),
        optional("image_ref", Value::Reference(Target::Types(&["file"]))),
        optional("parent_ref", PROCESS_REF),
        optional("child_refs", Value::List(&PROCESS_REF)),
    ],
    rules: &[Rule::AnyOwnOrExtension],
    extensions: extension::PROCESS,
    contributes: &[],
};

static SOFTWARE: Schema = sco(
    "software",
    &["name", "cpe", "swid", "vendor", "version"],
    &[
        required("name", TEXT),
        optional("cpe", Value::Formed(syntax::cpe::check)),
        optional("swid", TEXT),
        optional("languages", Value::List(&Value::Formed(syntax::language::check))),
        optional("vendor", TEXT),
        optional("version", TEXT),
    ],
    &[],
);

static URL: Schema = sco("url", &["value"], &[required("value", Value::Formed(syntax::url::check))], &[]);

static USER_ACCOUNT: Schema = Schema {
    name: "user-account",
    kind: Kind::Observable,
    general: OBSERVABLE,
    own: &[
        optional("user_id", TEXT),
        optional("credential", TEXT),
        optional("account_login", TEXT),
        optional("account_type", Value::Open(&voc::ACCOUNT_TYPE)),
        optional("display_name", TEXT),
        optional("is_service_account", Value::Boolean),
        optional("is_privileged", Value::Boolean),
        optional("can_escalate_privs", Value::Boolean),
        optional("is_disabled", Value::Boolean),
        optional("account_created", Value::Timestamp),
        optional("account_expires", Value::Timestamp),
        optional("credential_last_changed", Value::Timestamp),
        optional("account_first_login", Value::Timestamp),
        optional("account_last_login", Value::Timestamp),
    ],
    rules: &[Rule::AnyOwnOrExtension],
    extensions: extension::USER_ACCOUNT,
    contributes: &["account_type", "user_id", "account_login"],
};

static WINDOWS_REGISTRY_KEY: Schema = sco(
    "windows-registry-key",
    &["key", "values"],
    &[
        optional("key", Value::Formed(syntax::name::check_registry_key)),
        optional("values", Value::List(&Value::Struct(&REGISTRY_VALUE))),
        optional("modified_time", Value::Timestamp),
        optional("creator_user_ref", ACCOUNT),
        optional("number_of_subkeys", COUNT),
    ],
    &[Rule::AnyOwn],
);

static REGISTRY_VALUE: Shape = Shape {
    props: &[
        optional("name", TEXT),
        optional("data", TEXT),
        optional("data_type", Value::Closed(&voc::WINDOWS_REGISTRY_DATATYPE)),
    ],
    rules: &[Rule::AnyOwn],
};

static X509_CERTIFICATE: Schema = sco(
    "x509-certificate",
    &["hashes", "serial_number"],
    &[
        optional("is_self_signed", Value::Boolean),
        optional("hashes", Value::Hashes),
        optional("version", TEXT),
        optional("serial_number", TEXT),
        optional("signature_algorithm", TEXT),
        optional("issuer", TEXT),
        optional("validity_not_before", Value::Timestamp),
        optional("validity_not_after", Value::Timestamp),
        optional("subject", TEXT),
        optional("subject_public_key_algorithm", TEXT),
        optional("subject_public_key_modulus", TEXT),
        optional("subject_public_key_exponent", INTEGER),
        optional("x509_v3_extensions", Value::Struct(&X509_V3_EXTENSIONS)),
    ],
    &[Rule::AnyOwn],
);

static X509_V3_EXTENSIONS: Shape = Shape {
    props: &[
        optional("basic_constraints", TEXT),
        optional("name_constraints", TEXT),
        optional("policy_constraints", TEXT),
        optional("key_usage", TEXT),
        optional("extended_key_usage", TEXT),
        optional("subject_key_identifier", TEXT),
        optional("authority_key_identifier", TEXT),
        optional("subject_alternative_name", TEXT),
        optional("issuer_alternative_name", TEXT),
        optional("subject_directory_attributes", TEXT),
        optional("crl_distribution_points", TEXT),
        optional("inhibit_any_policy", TEXT),
        optional("private_key_usage_period_not_before", Value::Timestamp),
        optional("private_key_usage_period_not_after", Value::Timestamp),
        optional("certificate_policies", TEXT),
        optional("policy_mappings", TEXT),
    ],
    rules: &[Rule::AnyOwn],
};
