//! Properties of patterns: printing and parsing are inverse, no text breaks the parser, and the matcher agrees with one
//! that tries everything.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use proptest::prelude::*;
use stix::pattern::ast::{
    Comparison, Condition, Expression, Literal, Negation, ObjectPath, Operator, Pattern, Qualifier, Seconds,
    Step,
};
use stix::pattern::matching::{Observations, Outcome, Prepared};
use stix::{Json, Timestamp};

fn key() -> impl Strategy<Value = Box<str>> {
    prop_oneof![
        "[a-z_]{1,6}".prop_map(Into::into),
        "[a-zA-Z0-9.'\\\\ -]{0,6}".prop_map(Into::into),
        prop::sample::select(vec!["AND", "IN", "LAST", "true", "SHA-256", "é\n"]).prop_map(Into::into),
    ]
}

fn path() -> impl Strategy<Value = ObjectPath> {
    let step = prop_oneof![
        key().prop_map(Step::Key),
        (0..=(1_u64 << 53) - 1).prop_map(Step::Index),
        Just(Step::Any),
    ];
    let object_type = prop_oneof![Just("file"), Just("x-a"), Just("_b-"), Just("LAST")];
    (object_type, key(), prop::collection::vec(step, 0..4)).prop_map(|(object_type, first, rest)| {
        let steps = std::iter::once(Step::Key(first)).chain(rest).collect();
        ObjectPath::new(object_type, steps).unwrap()
    })
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    (0..10_000_u32, 1..13_u32, 1..29_u32, "(\\.[0-9]{1,25})?").prop_map(|(year, month, day, fraction)| {
        Timestamp::parse(&format!("{year:04}-{month:02}-{day:02}T01:02:03{fraction}Z")).unwrap()
    })
}

fn literal() -> impl Strategy<Value = Literal> {
    let integer = -((1_i64 << 53) - 1)..(1_i64 << 53);
    prop_oneof![
        any::<String>().prop_map(|text| Literal::String(text.into())),
        integer.prop_map(Literal::Integer),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Literal::Float),
        any::<bool>().prop_map(Literal::Boolean),
        any::<Vec<u8>>().prop_map(Literal::Binary),
        any::<Vec<u8>>().prop_map(Literal::Hex),
        timestamp().prop_map(Literal::Timestamp),
    ]
}

fn comparison() -> impl Strategy<Value = Comparison> {
    use Operator as O;
    let operators = vec![
        O::Equal,
        O::NotEqual,
        O::Less,
        O::LessOrEqual,
        O::Greater,
        O::GreaterOrEqual,
        O::In,
        O::Like,
        O::Matches,
        O::Exists,
    ];
    let negation = prop_oneof![Just(Negation::Plain), Just(Negation::Negated)];
    (path(), prop::sample::select(operators), negation, prop::collection::vec(literal(), 0..3))
        .prop_filter_map("literals fit the operator", |(path, operator, negation, mut literals)| {
            match operator {
                O::In => {}
                O::Exists => literals.clear(),
                _ => literals.truncate(1),
            }
            Comparison::new(path, operator, negation, literals).ok()
        })
}

fn condition() -> impl Strategy<Value = Condition> {
    comparison().prop_map(Condition::Comparison).prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Condition::And),
            prop::collection::vec(inner, 2..4).prop_map(Condition::Or),
        ]
    })
}

fn qualifiers() -> impl Strategy<Value = Vec<Qualifier>> {
    let repeats = (1..1_u64 << 53).prop_map(Qualifier::Repeats);
    let within = "[0-9]{1,12}(\\.[0-9]{1,30})?"
        .prop_filter_map("positive", |text| Seconds::parse(&text).ok().map(Qualifier::Within));
    let start_stop = (timestamp(), timestamp()).prop_map(|(start, stop)| Qualifier::StartStop(start, stop));
    (repeats, within, start_stop, 1..8_u8, any::<bool>()).prop_map(
        |(repeats, within, start_stop, which, turned)| {
            let mut all: Vec<Qualifier> = [(1, repeats), (2, within), (4, start_stop)]
                .into_iter()
                .filter_map(|(bit, qualifier)| (which & bit != 0).then_some(qualifier))
                .collect();
            if turned {
                all.reverse();
            }
            all
        },
    )
}

fn pattern() -> impl Strategy<Value = Pattern> {
    let expression = condition().prop_map(Expression::Observation).prop_recursive(4, 12, 3, |inner| {
        let operands = prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            operands.clone().prop_map(Expression::And),
            operands.clone().prop_map(Expression::Or),
            operands.prop_map(Expression::FollowedBy),
            (inner, qualifiers()).prop_map(|(inner, all)| Expression::Qualified(Box::new(inner), all)),
        ]
    });
    expression.prop_filter_map("AND is over one type", |expression| Pattern::new(expression).ok())
}

proptest! {
    #[test]
    fn what_is_printed_parses_to_the_same_tree(pattern in pattern()) {
        let printed = pattern.to_string();
        let parsed = stix::pattern::parse(&printed);
        prop_assert_eq!(parsed.as_ref(), Ok(&pattern), "{}", &printed);
        prop_assert_eq!(parsed.unwrap().to_string(), printed);
    }

    #[test]
    fn no_text_breaks_the_parser(text in any::<String>()) {
        if let Err(error) = stix::pattern::parse(&text) {
            prop_assert!(error.offset <= text.len());
        }
    }

    #[test]
    fn no_mixture_of_tokens_breaks_the_parser(
        tokens in prop::collection::vec(prop::sample::select(vec![
            "[", "]", "(", ")", "file:name", "x-y:'a-b'", ".", "[*]", "[0]", "=", "!=", "<", " NOT ", " IN ", " LIKE ",
            " MATCHES ", " EXISTS ", " AND ", " OR ", " FOLLOWEDBY ", " WITHIN ", " SECONDS", " REPEATS ", " TIMES",
            " START ", " STOP ", "'a'", "1", "-1.5", "h'00'", "b'AA=='", "t'2020-01-01T00:00:00Z'", "true", ",", "/*",
            "*/", "//", "\n", "'", "\\", "é",
        ]), 0..30)
    ) {
        let text = tokens.concat();
        match stix::pattern::parse(&text) {
            Ok(pattern) => {
                let printed = pattern.to_string();
                prop_assert_eq!(stix::pattern::parse(&printed), Ok(pattern));
            }
            Err(error) => prop_assert!(error.offset <= text.len()),
        }
    }

    #[test]
    fn no_pattern_and_no_data_break_the_matcher(pattern in pattern(), values in prop::collection::vec(any::<String>(), 3)) {
        let [name, number, time] = values.as_slice() else { return Ok(()) };
        let quote = |text: &str| serde_json::to_string(text).unwrap();
        let text = format!(
            "[{{\"type\":\"file\",\"id\":\"f\",\"a\":{0},\"b\":[{0},1,null,{{\"c\":{1}}}]}},{{\"type\":\"observed-data\",\
             \"number_observed\":{2},\"first_observed\":{1},\"object_refs\":[\"f\",{0},5]}}]",
            quote(name), quote(time), if number.len() % 2 == 0 { "1" } else { "-1.5" },
        );
        let bundle = format!("{{\"objects\":{text}}}");
        let json = Json::parse(bundle.as_bytes()).unwrap();
        let _ = pattern.match_over(&Observations::from_bundle(&json));
    }
}

/// Half-seconds after the beginning.
type Half = i64;

/// A pattern in the small: what the naive matcher understands.
#[derive(Clone, Debug)]
enum Small {
    Name(char),
    And(Vec<Small>),
    Or(Vec<Small>),
    FollowedBy(Vec<Small>),
    Repeats(usize, Box<Small>),
    Within(Half, Box<Small>),
    StartStop(Half, Half, Box<Small>),
}

/// An observed-data object in the small.
#[derive(Clone, Debug)]
struct Seen {
    names: Vec<char>,
    first: Half,
    last: Half,
    count: usize,
}

fn small() -> impl Strategy<Value = Small> {
    let leaf = || prop::sample::select(vec!['a', 'b', 'c']).prop_map(Small::Name);
    // Twice a layer of operators and qualifiers, so that nearly every pattern has something to do with time.
    let low = prop_oneof![2 => leaf(), 3 => layer(leaf().boxed())].boxed();
    let middle = prop_oneof![1 => low.clone(), 3 => layer(low)].boxed();
    prop_oneof![1 => middle.clone(), 3 => layer(middle)]
}

fn layer(inner: BoxedStrategy<Small>) -> impl Strategy<Value = Small> {
    let operands = prop::collection::vec(inner.clone(), 2..4);
    let boxed = inner.prop_map(Box::new);
    prop_oneof![
        1 => operands.clone().prop_map(Small::And),
        1 => operands.clone().prop_map(Small::Or),
        3 => operands.prop_map(Small::FollowedBy),
        1 => (2..4_usize, boxed.clone()).prop_map(|(times, inner)| Small::Repeats(times, inner)),
        3 => (1..8_i64, boxed.clone()).prop_map(|(window, inner)| Small::Within(window, inner)),
        1 => (0..12_i64, 0..16_i64, boxed).prop_map(|(start, stop, inner)| Small::StartStop(start, stop, inner)),
    ]
}

fn seen() -> impl Strategy<Value = Vec<Seen>> {
    let names = prop::collection::vec(prop::sample::select(vec!['a', 'b', 'c']), 1..3);
    let length = prop_oneof![3 => Just(0_i64), 2 => 0..10_i64];
    let one = (names, 0..14_i64, length, prop_oneof![3 => Just(1_usize), 1 => Just(2)])
        .prop_map(|(names, first, length, count)| Seen { names, first, last: first + length, count });
    prop::collection::vec(one, 2..7)
}

impl Small {
    /// The pattern as text, every operand in parentheses.
    fn text(&self) -> String {
        let join = |all: &[Self], word: &str| {
            all.iter().map(|one| format!("({})", one.text())).collect::<Vec<_>>().join(word)
        };
        match self {
            Self::Name(name) => format!("[file:name = '{name}']"),
            Self::And(all) => join(all, " AND "),
            Self::Or(all) => join(all, " OR "),
            Self::FollowedBy(all) => join(all, " FOLLOWEDBY "),
            Self::Repeats(times, inner) => format!("({}) REPEATS {times} TIMES", inner.text()),
            Self::Within(window, inner) => {
                format!("({}) WITHIN {} SECONDS", inner.text(), *window as f64 / 2.0)
            }
            Self::StartStop(start, stop, inner) => {
                format!("({}) START t'{}' STOP t'{}'", inner.text(), time(*start), time(*stop))
            }
        }
    }

    /// How many observations the largest binding has.
    fn size(&self) -> usize {
        match self {
            Self::Name(_) => 1,
            Self::And(all) | Self::FollowedBy(all) => all.iter().map(Self::size).sum(),
            Self::Or(all) => all.iter().map(Self::size).max().unwrap_or(0),
            Self::Repeats(times, inner) => times * inner.size(),
            Self::Within(_, inner) | Self::StartStop(_, _, inner) => inner.size(),
        }
    }
}

fn time(at: Half) -> String {
    format!("2024-01-01T00:00:{:02}.{}Z", at / 2, if at % 2 == 0 { 0 } else { 5 })
}

/// A way to satisfy a part: the observations, and what their moments have to do. Observation 0 is the beginning of time.
#[derive(Clone, Default)]
struct Way {
    units: Vec<usize>,
    /// The moment of the first is at most that of the second plus so much; less than, where `true`.
    rules: Vec<(usize, usize, Half, bool)>,
}

impl Way {
    fn and(&self, other: &Self) -> Option<Self> {
        if self.units.iter().any(|unit| other.units.contains(unit)) {
            return None;
        }
        let units = self.units.iter().chain(&other.units).copied().collect();
        let rules = self.rules.iter().chain(&other.rules).copied().collect();
        Some(Self { units, rules })
    }
}

/// Every way to satisfy a part; `units` are the single observations, the first of them none.
fn ways(part: &Small, units: &[Option<&Seen>]) -> Vec<Way> {
    let pairs = |left: Vec<Way>, right: &[Way]| -> Vec<Way> {
        left.iter()
            .flat_map(|one| right.iter().filter_map(|other| one.and(other)).collect::<Vec<_>>())
            .collect()
    };
    match part {
        Small::Name(name) => {
            let fits = |unit: &usize| units[*unit].is_some_and(|seen| seen.names.contains(name));
            (1..units.len()).filter(fits).map(|unit| Way { units: vec![unit], rules: Vec::new() }).collect()
        }
        Small::Or(all) => all.iter().flat_map(|one| ways(one, units)).collect(),
        Small::And(all) => {
            all.iter().fold(vec![Way::default()], |so_far, one| pairs(so_far, &ways(one, units)))
        }
        Small::Repeats(times, inner) => {
            let inner = ways(inner, units);
            (0..*times).fold(vec![Way::default()], |so_far, _| pairs(so_far, &inner))
        }
        Small::FollowedBy(all) => all.iter().fold(vec![Way::default()], |so_far, one| {
            let right = ways(one, units);
            let mut found = Vec::new();
            for left in &so_far {
                for right in &right {
                    if let Some(mut both) = left.and(right) {
                        for earlier in &left.units {
                            both.rules.extend(right.units.iter().map(|later| (*earlier, *later, 0, false)));
                        }
                        found.push(both);
                    }
                }
            }
            found
        }),
        Small::Within(window, inner) => {
            let mut found = ways(inner, units);
            for way in &mut found {
                for one in way.units.clone() {
                    let others = way.units.clone();
                    way.rules.extend(
                        others
                            .into_iter()
                            .filter(|other| *other != one)
                            .map(|other| (one, other, *window, true)),
                    );
                }
            }
            found
        }
        Small::StartStop(start, stop, inner) => {
            let mut found = ways(inner, units);
            for way in &mut found {
                for unit in way.units.clone() {
                    way.rules.extend([(unit, 0, *stop, true), (0, unit, -start, false)]);
                }
            }
            found
        }
    }
}

/// Whether moments exist: no cycle of rules may ask for less than itself (shortest paths between all pairs).
fn feasible(way: &Way, units: &[Option<&Seen>]) -> bool {
    let nodes = units.len();
    let mut least: Vec<Option<(Half, i64)>> = vec![None; nodes * nodes];
    let mut rules = way.rules.clone();
    for unit in &way.units {
        if let Some(seen) = units[*unit] {
            rules.extend([(*unit, 0, seen.last, false), (0, *unit, -seen.first, false)]);
        }
    }
    // A strict bound counts as a hair less.
    for (one, other, most, strict) in rules {
        let bound = (most, -i64::from(strict));
        let cell = &mut least[one * nodes + other];
        *cell = Some(cell.map_or(bound, |so_far| so_far.min(bound)));
    }
    for middle in 0..nodes {
        for from in 0..nodes {
            for to in 0..nodes {
                if let (Some(left), Some(right)) = (least[from * nodes + middle], least[middle * nodes + to])
                {
                    let sum = (left.0 + right.0, left.1 + right.1);
                    let cell = &mut least[from * nodes + to];
                    *cell = Some(cell.map_or(sum, |so_far| so_far.min(sum)));
                }
            }
        }
    }
    (0..nodes).all(|node| least[node * nodes + node].is_none_or(|sum| sum >= (0, 0)))
}

fn bundle(seen: &[Seen]) -> String {
    let mut objects = Vec::new();
    for (at, one) in seen.iter().enumerate() {
        let mut ids = Vec::new();
        for name in &one.names {
            ids.push(format!("\"file--{at}{name}\""));
            objects.push(format!("{{\"type\":\"file\",\"id\":\"file--{at}{name}\",\"name\":\"{name}\"}}"));
        }
        objects.push(format!(
            "{{\"type\":\"observed-data\",\"number_observed\":{},\"first_observed\":\"{}\",\"last_observed\":\"{}\",\
             \"object_refs\":[{}]}}",
            one.count,
            time(one.first),
            time(one.last),
            ids.join(",")
        ));
    }
    format!("{{\"type\":\"bundle\",\"objects\":[{}]}}", objects.join(","))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, max_global_rejects: 100_000, ..ProptestConfig::default() })]

    #[test]
    fn the_matcher_agrees_with_trying_everything(small in small(), seen in seen()) {
        prop_assume!((2..=6).contains(&small.size()));
        let mut units: Vec<Option<&Seen>> = vec![None];
        let mut owner = vec![0];
        for (at, one) in seen.iter().enumerate() {
            for _ in 0..one.count {
                units.push(Some(one));
                owner.push(at);
            }
        }
        prop_assume!(units.len() <= 8);
        let all = ways(&small, &units);
        prop_assume!(all.len() < 20_000);
        let bindings: Vec<Vec<usize>> = all.iter().filter(|way| feasible(way, &units)).map(|way| {
            let mut objects: Vec<usize> = way.units.iter().map(|unit| owner[*unit]).collect();
            objects.sort_unstable();
            objects.dedup();
            objects
        }).collect();
        let text = bundle(&seen);
        let json = Json::parse(text.as_bytes()).unwrap();
        let observations = Observations::from_bundle(&json);
        let pattern = stix::pattern::parse(&small.text()).unwrap();
        if std::env::var_os("STAT").is_some() {
            eprintln!("STAT {} {}", !bindings.is_empty(), pattern);
        }
        match Prepared::new(&pattern).run(&observations) {
            Outcome::Matched(binding) => {
                prop_assert!(bindings.contains(&binding), "{:?} is not among {:?} for {}", binding, bindings, pattern);
            }
            outcome => prop_assert!(bindings.is_empty(), "{:?} but {:?} for {}", outcome, bindings, pattern),
        }
    }
}
