//! The vocabularies and enumerations of section 10, as data.
//!
//! Whether a term outside the list is an error or a remark is decided where a property names its vocabulary: see
//! [`super::Value::Open`] and [`super::Value::Closed`].

/// A named list of terms.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    /// The specification's name, e.g. `opinion-enum`.
    pub(crate) name: &'static str,
    terms: &'static [&'static str],
}

impl Vocabulary {
    /// Whether `term` is in the list, letter for letter.
    pub(crate) fn contains(&self, term: &str) -> bool {
        self.terms.contains(&term)
    }
}

pub(crate) static ACCOUNT_TYPE: Vocabulary = Vocabulary {
    name: "account-type-ov",
    terms: &[
        "facebook",
        "ldap",
        "nis",
        "openid",
        "radius",
        "skype",
        "tacacs",
        "twitter",
        "unix",
        "windows-local",
        "windows-domain",
    ],
};

pub(crate) static ATTACK_MOTIVATION: Vocabulary = Vocabulary {
    name: "attack-motivation-ov",
    terms: &[
        "accidental",
        "coercion",
        "dominance",
        "ideology",
        "notoriety",
        "organizational-gain",
        "personal-gain",
        "personal-satisfaction",
        "revenge",
        "unpredictable",
    ],
};

pub(crate) static ATTACK_RESOURCE_LEVEL: Vocabulary = Vocabulary {
    name: "attack-resource-level-ov",
    terms: &["individual", "club", "contest", "team", "organization", "government"],
};

pub(crate) static ENCRYPTION_ALGORITHM: Vocabulary = Vocabulary {
    name: "encryption-algorithm-enum",
    terms: &["AES-256-GCM", "ChaCha20-Poly1305", "mime-type-indicated"],
};

pub(crate) static EXTENSION_TYPE: Vocabulary = Vocabulary {
    name: "extension-type-enum",
    terms: &["new-sdo", "new-sco", "new-sro", "property-extension", "toplevel-property-extension"],
};

pub(crate) static GROUPING_CONTEXT: Vocabulary = Vocabulary {
    name: "grouping-context-ov",
    terms: &["suspicious-activity", "malware-analysis", "unspecified"],
};

pub(crate) static IDENTITY_CLASS: Vocabulary = Vocabulary {
    name: "identity-class-ov",
    terms: &["individual", "group", "system", "organization", "class", "unknown"],
};

pub(crate) static IMPLEMENTATION_LANGUAGE: Vocabulary = Vocabulary {
    name: "implementation-language-ov",
    terms: &[
        "applescript",
        "bash",
        "c",
        "c++",
        "c#",
        "go",
        "java",
        "javascript",
        "lua",
        "objective-c",
        "perl",
        "php",
        "powershell",
        "python",
        "ruby",
        "scala",
        "swift",
        "typescript",
        "visual-basic",
        "x86-32",
        "x86-64",
        "rust",
    ],
};

pub(crate) static INDICATOR_TYPE: Vocabulary = Vocabulary {
    name: "indicator-type-ov",
    terms: &[
        "anomalous-activity",
        "anonymization",
        "benign",
        "compromised",
        "malicious-activity",
        "attribution",
        "unknown",
    ],
};

pub(crate) static INDUSTRY_SECTOR: Vocabulary = Vocabulary {
    name: "industry-sector-ov",
    terms: &[
        "agriculture",
        "aerospace",
        "automotive",
        "chemical",
        "commercial",
        "communications",
        "construction",
        "defense",
        "education",
        "energy",
        "entertainment",
        "financial-services",
        "government",
        "emergency-services",
        "government-national",
        "government-regional",
        "government-local",
        "government-public-services",
        "healthcare",
        "hospitality-leisure",
        "infrastructure",
        "dams",
        "nuclear",
        "water",
        "insurance",
        "manufacturing",
        "mining",
        "non-profit",
        "pharmaceuticals",
        "retail",
        "technology",
        "telecommunications",
        "transportation",
        "utilities",
        "legal",
    ],
};

pub(crate) static INFRASTRUCTURE_TYPE: Vocabulary = Vocabulary {
    name: "infrastructure-type-ov",
    terms: &[
        "amplification",
        "anonymization",
        "botnet",
        "command-and-control",
        "control-system",
        "exfiltration",
        "firewall",
        "hosting-malware",
        "hosting-target-lists",
        "phishing",
        "reconnaissance",
        "routers-switches",
        "staging",
        "workstation",
        "unknown",
    ],
};

pub(crate) static MALWARE_RESULT: Vocabulary =
    Vocabulary { name: "malware-result-ov", terms: &["malicious", "suspicious", "benign", "unknown"] };

pub(crate) static MALWARE_CAPABILITIES: Vocabulary = Vocabulary {
    name: "malware-capabilities-ov",
    terms: &[
        "accesses-remote-machines",
        "anti-debugging",
        "anti-disassembly",
        "anti-emulation",
        "anti-memory-forensics",
        "anti-sandbox",
        "anti-vm",
        "captures-input-peripherals",
        "captures-output-peripherals",
        "captures-system-state-data",
        "cleans-traces-of-infection",
        "commits-fraud",
        "communicates-with-c2",
        "compromises-data-availability",
        "compromises-data-integrity",
        "compromises-system-availability",
        "controls-local-machine",
        "degrades-security-software",
        "degrades-system-updates",
        "determines-c2-server",
        "emails-spam",
        "escalates-privileges",
        "evades-av",
        "exfiltrates-data",
        "fingerprints-host",
        "hides-artifacts",
        "hides-executing-code",
        "infects-files",
        "infects-remote-machines",
        "installs-other-components",
        "persists-after-system-reboot",
        "prevents-artifact-access",
        "prevents-artifact-deletion",
        "probes-network-environment",
        "self-modifies",
        "steals-authentication-credentials",
        "violates-system-operational-integrity",
    ],
};

pub(crate) static MALWARE_TYPE: Vocabulary = Vocabulary {
    name: "malware-type-ov",
    terms: &[
        "adware",
        "backdoor",
        "bot",
        "bootkit",
        "ddos",
        "downloader",
        "dropper",
        "exploit-kit",
        "keylogger",
        "ransomware",
        "remote-access-trojan",
        "resource-exploitation",
        "rogue-security-software",
        "rootkit",
        "screen-capture",
        "spyware",
        "trojan",
        "unknown",
        "virus",
        "webshell",
        "wiper",
        "worm",
    ],
};

pub(crate) static NETWORK_SOCKET_ADDRESS_FAMILY: Vocabulary = Vocabulary {
    name: "network-socket-address-family-enum",
    terms: &["AF_UNSPEC", "AF_INET", "AF_IPX", "AF_APPLETALK", "AF_NETBIOS", "AF_INET6", "AF_IRDA", "AF_BTH"],
};

pub(crate) static NETWORK_SOCKET_TYPE: Vocabulary = Vocabulary {
    name: "network-socket-type-enum",
    terms: &["SOCK_STREAM", "SOCK_DGRAM", "SOCK_RAW", "SOCK_RDM", "SOCK_SEQPACKET"],
};

pub(crate) static OPINION: Vocabulary = Vocabulary {
    name: "opinion-enum",
    terms: &["strongly-disagree", "disagree", "neutral", "agree", "strongly-agree"],
};

pub(crate) static PATTERN_TYPE: Vocabulary =
    Vocabulary { name: "pattern-type-ov", terms: &["stix", "pcre", "sigma", "snort", "suricata", "yara"] };

pub(crate) static PROCESSOR_ARCHITECTURE: Vocabulary = Vocabulary {
    name: "processor-architecture-ov",
    terms: &["alpha", "arm", "ia-64", "mips", "powerpc", "sparc", "x86", "x86-64"],
};

pub(crate) static REGION: Vocabulary = Vocabulary {
    name: "region-ov",
    terms: &[
        "africa",
        "eastern-africa",
        "middle-africa",
        "northern-africa",
        "southern-africa",
        "western-africa",
        "americas",
        "latin-america-caribbean",
        "south-america",
        "caribbean",
        "central-america",
        "northern-america",
        "asia",
        "central-asia",
        "eastern-asia",
        "southern-asia",
        "south-eastern-asia",
        "western-asia",
        "europe",
        "eastern-europe",
        "northern-europe",
        "southern-europe",
        "western-europe",
        "oceania",
        "antarctica",
        "australia-new-zealand",
        "melanesia",
        "micronesia",
        "polynesia",
    ],
};

pub(crate) static REPORT_TYPE: Vocabulary = Vocabulary {
    name: "report-type-ov",
    terms: &[
        "attack-pattern",
        "campaign",
        "identity",
        "indicator",
        "intrusion-set",
        "malware",
        "observed-data",
        "threat-actor",
        "threat-report",
        "tool",
        "vulnerability",
        "incident",
    ],
};

pub(crate) static THREAT_ACTOR_TYPE: Vocabulary = Vocabulary {
    name: "threat-actor-type-ov",
    terms: &[
        "activist",
        "competitor",
        "crime-syndicate",
        "criminal",
        "hacker",
        "insider-accidental",
        "insider-disgruntled",
        "nation-state",
        "sensationalist",
        "spy",
        "terrorist",
        "unknown",
        "private-sector",
    ],
};

pub(crate) static THREAT_ACTOR_ROLE: Vocabulary = Vocabulary {
    name: "threat-actor-role-ov",
    terms: &[
        "agent",
        "director",
        "independent",
        "infrastructure-architect",
        "infrastructure-operator",
        "malware-author",
        "sponsor",
    ],
};

pub(crate) static THREAT_ACTOR_SOPHISTICATION: Vocabulary = Vocabulary {
    name: "threat-actor-sophistication-ov",
    terms: &["none", "minimal", "intermediate", "advanced", "expert", "innovator", "strategic"],
};

pub(crate) static TOOL_TYPE: Vocabulary = Vocabulary {
    name: "tool-type-ov",
    terms: &[
        "denial-of-service",
        "exploitation",
        "information-gathering",
        "network-capture",
        "credential-exploitation",
        "remote-access",
        "vulnerability-scanning",
        "unknown",
    ],
};

pub(crate) static WINDOWS_INTEGRITY_LEVEL: Vocabulary =
    Vocabulary { name: "windows-integrity-level-enum", terms: &["low", "medium", "high", "system"] };

pub(crate) static WINDOWS_PEBINARY_TYPE: Vocabulary =
    Vocabulary { name: "windows-pebinary-type-ov", terms: &["dll", "exe", "sys"] };

pub(crate) static WINDOWS_REGISTRY_DATATYPE: Vocabulary = Vocabulary {
    name: "windows-registry-datatype-enum",
    terms: &[
        "REG_NONE",
        "REG_SZ",
        "REG_EXPAND_SZ",
        "REG_BINARY",
        "REG_DWORD",
        "REG_DWORD_BIG_ENDIAN",
        "REG_DWORD_LITTLE_ENDIAN",
        "REG_LINK",
        "REG_MULTI_SZ",
        "REG_RESOURCE_LIST",
        "REG_FULL_RESOURCE_DESCRIPTION",
        "REG_RESOURCE_REQUIREMENTS_LIST",
        "REG_QWORD",
        "REG_INVALID_TYPE",
    ],
};

pub(crate) static WINDOWS_SERVICE_START_TYPE: Vocabulary = Vocabulary {
    name: "windows-service-start-type-enum",
    terms: &[
        "SERVICE_AUTO_START",
        "SERVICE_BOOT_START",
        "SERVICE_DEMAND_START",
        "SERVICE_DISABLED",
        "SERVICE_SYSTEM_ALERT",
    ],
};

pub(crate) static WINDOWS_SERVICE_TYPE: Vocabulary = Vocabulary {
    name: "windows-service-type-enum",
    terms: &[
        "SERVICE_KERNEL_DRIVER",
        "SERVICE_FILE_SYSTEM_DRIVER",
        "SERVICE_WIN32_OWN_PROCESS",
        "SERVICE_WIN32_SHARE_PROCESS",
    ],
};

pub(crate) static WINDOWS_SERVICE_STATUS: Vocabulary = Vocabulary {
    name: "windows-service-status-enum",
    terms: &[
        "SERVICE_CONTINUE_PENDING",
        "SERVICE_PAUSE_PENDING",
        "SERVICE_PAUSED",
        "SERVICE_RUNNING",
        "SERVICE_START_PENDING",
        "SERVICE_STOP_PENDING",
        "SERVICE_STOPPED",
    ],
};
