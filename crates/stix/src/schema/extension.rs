//! Predefined extensions of observables (section 6) and the structures inside them.

use super::vocabulary as voc;
use super::{COUNT, INTEGER, Rule, Shape, TEXT, Target, Value, optional, required};
use crate::check::rules;

const ARTIFACT: Value = Value::Reference(Target::Types(&["artifact"]));
const TEXTS: Value = Value::List(&TEXT);

/// The extensions of each type.
pub(crate) static ALL: [&[(&str, &Shape)]; 4] = [FILE, NETWORK_TRAFFIC, PROCESS, USER_ACCOUNT];

/// Of `file`.
pub(crate) static FILE: &[(&str, &Shape)] = &[
    ("archive-ext", &ARCHIVE),
    ("ntfs-ext", &NTFS),
    ("pdf-ext", &PDF),
    ("raster-image-ext", &RASTER_IMAGE),
    ("windows-pebinary-ext", &WINDOWS_PE),
];

/// Of `network-traffic`.
pub(crate) static NETWORK_TRAFFIC: &[(&str, &Shape)] =
    &[("http-request-ext", &HTTP_REQUEST), ("icmp-ext", &ICMP), ("socket-ext", &SOCKET), ("tcp-ext", &TCP)];

/// Of `process`.
pub(crate) static PROCESS: &[(&str, &Shape)] =
    &[("windows-process-ext", &WINDOWS_PROCESS), ("windows-service-ext", &WINDOWS_SERVICE)];

/// Of `user-account`.
pub(crate) static USER_ACCOUNT: &[(&str, &Shape)] = &[("unix-account-ext", &UNIX_ACCOUNT)];

static ARCHIVE: Shape = Shape {
    props: &[
        required("contains_refs", Value::List(&Value::Reference(Target::Types(&["file", "directory"])))),
        optional("comment", TEXT),
    ],
    rules: &[],
};

static NTFS: Shape = Shape {
    props: &[
        optional("sid", TEXT),
        optional("alternate_data_streams", Value::List(&Value::Struct(&DATA_STREAM))),
    ],
    rules: &[Rule::AnyOwn],
};

static DATA_STREAM: Shape = Shape {
    props: &[required("name", TEXT), optional("hashes", Value::Hashes), optional("size", COUNT)],
    rules: &[],
};

static PDF: Shape = Shape {
    props: &[
        optional("version", TEXT),
        optional("is_optimized", Value::Boolean),
        optional("document_info_dict", Value::Dictionary(&TEXT)),
        optional("pdfid0", TEXT),
        optional("pdfid1", TEXT),
    ],
    rules: &[Rule::AnyOwn],
};

static RASTER_IMAGE: Shape = Shape {
    props: &[
        optional("image_height", INTEGER),
        optional("image_width", INTEGER),
        optional("bits_per_pixel", INTEGER),
        optional("exif_tags", Value::Dictionary(&Value::TextOrInteger)),
    ],
    rules: &[Rule::AnyOwn],
};

static WINDOWS_PE: Shape = Shape {
    props: &[
        required("pe_type", Value::Open(&voc::WINDOWS_PEBINARY_TYPE)),
        optional("imphash", TEXT),
        optional("machine_hex", Value::Hex),
        optional("number_of_sections", COUNT),
        optional("time_date_stamp", Value::WholeSeconds),
        optional("pointer_to_symbol_table_hex", Value::Hex),
        optional("number_of_symbols", COUNT),
        optional("size_of_optional_header", COUNT),
        optional("characteristics_hex", Value::Hex),
        optional("file_header_hashes", Value::Hashes),
        optional("optional_header", Value::Struct(&PE_OPTIONAL_HEADER)),
        optional("sections", Value::List(&Value::Struct(&PE_SECTION))),
    ],
    rules: &[Rule::Own(rules::more_than_pe_type)],
};

static PE_OPTIONAL_HEADER: Shape = Shape {
    props: &[
        optional("magic_hex", Value::Hex),
        optional("major_linker_version", INTEGER),
        optional("minor_linker_version", INTEGER),
        optional("size_of_code", COUNT),
        optional("size_of_initialized_data", COUNT),
        optional("size_of_uninitialized_data", COUNT),
        optional("address_of_entry_point", INTEGER),
        optional("base_of_code", INTEGER),
        optional("base_of_data", INTEGER),
        optional("image_base", INTEGER),
        optional("section_alignment", INTEGER),
        optional("file_alignment", INTEGER),
        optional("major_os_version", INTEGER),
        optional("minor_os_version", INTEGER),
        optional("major_image_version", INTEGER),
        optional("minor_image_version", INTEGER),
        optional("major_subsystem_version", INTEGER),
        optional("minor_subsystem_version", INTEGER),
        optional("win32_version_value_hex", Value::Hex),
        optional("size_of_image", COUNT),
        optional("size_of_headers", COUNT),
        optional("checksum_hex", Value::Hex),
        optional("subsystem_hex", Value::Hex),
        optional("dll_characteristics_hex", Value::Hex),
        optional("size_of_stack_reserve", COUNT),
        optional("size_of_stack_commit", COUNT),
        optional("size_of_heap_reserve", COUNT),
        optional("size_of_heap_commit", COUNT),
        optional("loader_flags_hex", Value::Hex),
        optional("number_of_rva_and_sizes", INTEGER),
        optional("hashes", Value::Hashes),
    ],
    rules: &[Rule::AnyOwn],
};

static PE_SECTION: Shape = Shape {
    props: &[
        required("name", TEXT),
        optional("size", COUNT),
        optional("entropy", Value::Number(f64::MIN, f64::MAX)),
        optional("hashes", Value::Hashes),
    ],
    rules: &[],
};

static HTTP_REQUEST: Shape = Shape {
    props: &[
        required("request_method", TEXT),
        required("request_value", TEXT),
        optional("request_version", TEXT),
        optional("request_header", Value::Dictionary(&TEXTS)),
        optional("message_body_length", INTEGER),
        optional("message_body_data_ref", ARTIFACT),
    ],
    rules: &[],
};

static ICMP: Shape = Shape {
    props: &[required("icmp_type_hex", Value::Hex), required("icmp_code_hex", Value::Hex)],
    rules: &[],
};

static SOCKET: Shape = Shape {
    props: &[
        required("address_family", Value::Closed(&voc::NETWORK_SOCKET_ADDRESS_FAMILY)),
        optional("is_blocking", Value::Boolean),
        optional("is_listening", Value::Boolean),
        optional("options", Value::Dictionary(&INTEGER)),
        optional("socket_type", Value::Closed(&voc::NETWORK_SOCKET_TYPE)),
        optional("socket_descriptor", COUNT),
        optional("socket_handle", INTEGER),
    ],
    rules: &[Rule::Own(rules::socket_options)],
};

static TCP: Shape = Shape {
    props: &[optional("src_flags_hex", Value::Hex), optional("dst_flags_hex", Value::Hex)],
    rules: &[Rule::AnyOwn],
};

static WINDOWS_PROCESS: Shape = Shape {
    props: &[
        optional("aslr_enabled", Value::Boolean),
        optional("dep_enabled", Value::Boolean),
        optional("priority", TEXT),
        optional("owner_sid", TEXT),
        // the errata's table says windows_title, every earlier text window_title: both are read
        optional("windows_title", TEXT),
        optional("window_title", TEXT),
        optional("startup_info", Value::Dictionary(&Value::Free)),
        optional("integrity_level", Value::Closed(&voc::WINDOWS_INTEGRITY_LEVEL)),
    ],
    rules: &[Rule::AnyOwn],
};

static WINDOWS_SERVICE: Shape = Shape {
    props: &[
        optional("service_name", TEXT),
        optional("descriptions", TEXTS),
        optional("display_name", TEXT),
        optional("group_name", TEXT),
        optional("start_type", Value::Closed(&voc::WINDOWS_SERVICE_START_TYPE)),
        optional("service_dll_refs", Value::List(&Value::Reference(Target::Types(&["file"])))),
        optional("service_type", Value::Closed(&voc::WINDOWS_SERVICE_TYPE)),
        optional("service_status", Value::Closed(&voc::WINDOWS_SERVICE_STATUS)),
    ],
    rules: &[Rule::AnyOwn],
};

static UNIX_ACCOUNT: Shape = Shape {
    props: &[
        optional("gid", INTEGER),
        optional("groups", TEXTS),
        optional("home_dir", TEXT),
        optional("shell", TEXT),
    ],
    rules: &[Rule::AnyOwn],
};
