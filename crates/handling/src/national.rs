//! National markings and those of alliances, by their words in folded form (see [`crate::marks`]), in the lattice of TLP.
//!
//! For official use inside organisations: TLP:AMBER+STRICT. Classified information has no place on a node; where it is met, it is for the
//! one who brought it and nobody else: TLP:RED. Where a country's word for a low grade is another's for a higher one, it is the higher.

use stix::TlpLevel;

/// For official use.
static INNER: &[&str] = &[
    // Russian and other languages of the region
    "дсп",
    "для служебного пользования",
    "для внутреннего пользования",
    "служебная тайна",
    "коммерческая тайна",
    "конфиденциально",
    "для службового користування",
    "для службовага карыстання",
    "қбпү",
    "қызмет бабында пайдалану үшін",
    "кызматтык пайдалануу үчүн",
    "xizmat doirasida foydalanish uchun",
    "барои истифодаи хизматӣ",
    // East Asia
    "内部",
    "内部资料",
    "内部使用",
    "內部",
    "取扱注意",
    "대외비",
    // English
    "official sensitive",
    "for official use only",
    "fouo",
    "cui",
    "controlled unclassified information",
    "sensitive but unclassified",
    "sbu",
    "law enforcement sensitive",
    "protected a",
    "protected b",
    "restricted",
    "eu restricted",
    "nato restricted",
    "nato unclassified",
    // Others
    "vs nfd",
    "vs nur für den dienstgebrauch",
    "nur für den dienstgebrauch",
    "vertraulich",
    "eingeschränkt",
    "diffusion restreinte",
    "restreint ue",
    "riservato",
    "difusión limitada",
    "zastrzeżone",
    "vyhrazené",
    "departementaal vertrouwelijk",
    "begränsat hemlig",
    "käyttö rajoitettu",
    "begrenset",
    "til tjenestebrug",
    "hizmete özel",
];

/// Grades of secrecy.
static SECRET: &[&str] = &[
    // Russian and other languages of the region
    "секретно",
    "сов секретно",
    "совершенно секретно",
    "особой важности",
    "таємно",
    "цілком таємно",
    "особливої важливості",
    "құпия",
    "өте құпия",
    "maxfiy",
    "mutlaqo maxfiy",
    // East Asia
    "秘密",
    "机密",
    "機密",
    "绝密",
    "絕密",
    "極秘",
    "特定秘密",
    "비밀",
    // English and alliances
    "confidential",
    "secret",
    "top secret",
    "protected",
    "protected c",
    "eu confidential",
    "eu secret",
    "eu top secret",
    "nato confidential",
    "nato secret",
    "cosmic top secret",
    // Others
    "vs vertraulich",
    "geheim",
    "streng geheim",
    "confidentiel défense",
    "secret défense",
    "très secret défense",
    "très secret",
    "confidentiel ue",
    "secret ue",
    "très secret ue",
    "riservatissimo",
    "segreto",
    "segretissimo",
    "reservado",
    "confidencial",
    "secreto",
    "muito secreto",
    "poufne",
    "tajne",
    "ściśle tajne",
    "důvěrné",
    "tajné",
    "přísně tajné",
    "stg confidentieel",
    "stg geheim",
    "stg zeer geheim",
    "konfidentiell",
    "hemlig",
    "kvalificerat hemlig",
    "luottamuksellinen",
    "salainen",
    "erittäin salainen",
    "konfidensielt",
    "hemmelig",
    "strengt hemmelig",
    "fortroligt",
    "hemmeligt",
    "yderst hemmeligt",
    "gizli",
    "çok gizli",
    "سري",
    "سري جدا",
    "سري للغاية",
];

/// What folded words mark; `None` = they are not in the table.
pub(crate) fn level_of(words: &str) -> Option<TlpLevel> {
    let of = |table: &[&str], level| table.contains(&words).then_some(level);
    of(SECRET, TlpLevel::Red).or_else(|| of(INNER, TlpLevel::AmberStrict))
}

/// Everything in the table.
#[cfg(test)]
pub(crate) fn all() -> impl Iterator<Item = &'static str> {
    INNER.iter().chain(SECRET).copied()
}
