//! Top-level domains that free text is searched for: the countries' and the frequent general ones, less those that are file
//! extensions too.
//!
//! Not the whole root zone: a name under a rare top-level domain is found when it was made harmless or stands in a URL.

/// Two letters each.
const COUNTRIES: &str = "acadaeafagaialamaoaqarasatauawaxazbabbbdbebfbgbhbibjbmbnbobrbsbtbwbybzcacccdcfcgchcickclcmcn\
    cocrcucvcwcxcyczdedjdkdmdodzeceeegereseteufifjfkfmfofrgagdgegfggghgiglgmgngpgqgrgsgtgugwgyhkhmhnhrhthuidieilimin\
    ioiqirisitjejmjojpkekgkhkikmknkpkrkwkykzlalblclilklrlsltlulvlymamcmdmemgmhmkmlmmmnmomqmrmsmtmumvmwmxmymznancne\
    nfngninlnonpnrnunzompapepfpgphpkplpmpnprpsptpwpyqarerorsrurwsasbscsdsesgshsiskslsmsnsosrssstsusvsxsyszt\
    ctdtftgthtjtktltmtntotrtttvtwtzuaugukusuyuzvavcvevgvivnvuwfwsyeytzazmzw";

/// In alphabetical order.
const GENERAL: [&str; 96] = [
    "academy",
    "agency",
    "app",
    "arpa",
    "art",
    "asia",
    "bar",
    "best",
    "bid",
    "biz",
    "blog",
    "buzz",
    "cam",
    "capital",
    "careers",
    "casa",
    "cat",
    "center",
    "cfd",
    "cheap",
    "click",
    "cloud",
    "club",
    "com",
    "company",
    "coop",
    "cyou",
    "date",
    "design",
    "dev",
    "digital",
    "directory",
    "download",
    "edu",
    "email",
    "energy",
    "events",
    "example",
    "expert",
    "fit",
    "fun",
    "fyi",
    "games",
    "gdn",
    "gov",
    "group",
    "guru",
    "help",
    "host",
    "icu",
    "info",
    "ink",
    "int",
    "jobs",
    "link",
    "live",
    "loan",
    "lol",
    "ltd",
    "media",
    "men",
    "mil",
    "mobi",
    "monster",
    "museum",
    "name",
    "net",
    "network",
    "news",
    "ninja",
    "nyc",
    "one",
    "onion",
    "online",
    "org",
    "page",
    "party",
    "pics",
    "pro",
    "pub",
    "quest",
    "racing",
    "rest",
    "review",
    "sbs",
    "science",
    "shop",
    "site",
    "space",
    "store",
    "stream",
    "tech",
    "top",
    "vip",
    "website",
    "xyz",
];

/// Countries' domains that files end in as often.
const FILES: [&str; 8] = ["cc", "md", "ms", "ps", "py", "rs", "sh", "so"];

/// Whether a lower-case label is one of the top-level domains that count in free text.
pub(crate) fn is_top_level(label: &str) -> bool {
    if !label.is_ascii() || label.starts_with("xn--") {
        return is_national(label);
    }
    if label.len() == 2 {
        let listed = COUNTRIES.as_bytes().as_chunks::<2>().0.iter().any(|code| code == label.as_bytes());
        return listed && !FILES.contains(&label);
    }
    GENERAL.binary_search(&label).is_ok()
}

/// Top-level domains in other scripts, as written or as A-labels: any will do, no file extension looks like one.
fn is_national(label: &str) -> bool {
    label.chars().count() > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_in_order_and_whole() {
        assert!(GENERAL.is_sorted());
        assert_eq!(COUNTRIES.len() % 2, 0);
        for known in [
            "ru", "cn", "uz", "kz", "tj", "kg", "in", "ir", "by", "mn", "uk", "eu", "su", "us", "zw", "ac",
            "tm", "tc", "td", "com", "xyz", "рф", "xn--p1ai",
        ] {
            assert!(is_top_level(known), "{known}");
        }
        for other in ["exe", "dll", "py", "md", "js", "zz", "c", "", "ф", "txt", "local"] {
            assert!(!is_top_level(other), "{other}");
        }
    }
}
