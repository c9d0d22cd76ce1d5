//! Figures about the door itself, in the text form that Prometheus reads. Routes are named by template, never by address.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use base::Micros;
use node::{PeerFigures, RelayFigures, Status};
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use store::Figures;

use crate::router::RouteTemplate;

/// Which requests a figure counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    method: &'static str,
    route: RouteTemplate,
    status: u16,
}

/// Which route a time belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: RouteTemplate,
}

impl EncodeLabelValue for RouteTemplate {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> std::fmt::Result {
        encoder.write_str(self.as_str())
    }
}

/// How objects of a request ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

/// Everything counted while serving.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    seconds: Family<Route, Histogram, fn() -> Histogram>,
    objects: Family<Outcome, Counter>,
    connections: Gauge,
}

fn buckets() -> Histogram {
    Histogram::new([0.000_1, 0.000_3, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0])
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("cresset");
        let requests = Family::default();
        let seconds: Family<Route, Histogram, fn() -> Histogram> = Family::new_with_constructor(buckets);
        let objects = Family::default();
        let connections = Gauge::default();
        registry.register("http_requests", "Requests by method, route and status", requests.clone());
        registry.register("http_request_seconds", "Time from head to answer by route", seconds.clone());
        registry.register("objects_received", "Objects brought in by how they ended", objects.clone());
        registry.register("connections", "Connections being served", connections.clone());
        Self { registry, requests, seconds, objects, connections }
    }
}

impl Metrics {
    /// Counters, beside the last moment of the certificate that is served with, where there is one, in seconds of POSIX.
    pub(crate) fn of(certificate_until: Option<i64>) -> Self {
        let mut metrics = Self::default();
        if let Some(until) = certificate_until {
            let gauge: Gauge = Gauge::default();
            gauge.set(until);
            metrics.registry.register(
                "certificate_not_after_seconds",
                "When the certificate of --tls-cert ends, in seconds since 1970",
                gauge,
            );
        }
        metrics
    }

    /// One request answered.
    pub(crate) fn answered(&self, method: &'static str, route: &RouteTemplate, status: u16, took: Duration) {
        let request = Request { method, route: route.clone(), status };
        self.requests.get_or_create(&request).inc();
        self.seconds.get_or_create(&Route { route: route.clone() }).observe(took.as_secs_f64());
    }

    /// `count` objects of a request ended as `outcome` (`accepted`, `known`, `newer`, `older`, `refused`).
    pub fn received(&self, outcome: &'static str, count: u64) {
        if count > 0 {
            self.objects.get_or_create(&Outcome { outcome }).inc_by(count);
        }
    }

    pub(crate) fn connected(&self) {
        self.connections.inc();
    }

    pub(crate) fn disconnected(&self) {
        self.connections.dec();
    }

    /// Everything in Prometheus' text form, the store's own figures included.
    #[must_use]
    pub fn to_text(
        &self,
        figures: &Figures,
        status: Status,
        (relay, glass): (&RelayFigures, usize),
        peers: &[PeerFigures],
    ) -> String {
        let mut out = String::new();
        if encode(&mut out, &self.registry).is_err() {
            out.clear();
        }
        let body = out.strip_suffix("# EOF\n").map(str::to_owned).unwrap_or(out);
        let mut out = body;
        for (name, help, value) in [
            ("objects", "Objects held, by identifier", figures.objects),
            ("versions", "Versions of objects held", figures.versions),
            ("collections", "Collections", figures.collections),
            ("disk_bytes", "Bytes of the store on disk", figures.disk_bytes),
            (
                "altered_reads",
                "Reads not answered since the start, for stored bytes were changed after they came in",
                figures.altered_reads,
            ),
            (
                "recovering",
                "1 while a restored node takes back what it lost",
                u64::from(status == Status::Recovering),
            ),
            ("relay_parcels", "Sealed parcels kept for other members", relay.held.parcels),
            ("relay_bytes", "Bytes of the parcels kept for other members", relay.held.bytes),
            ("relay_members", "Members that are not met and reached over relays", relay.away),
            (
                "glass_broken",
                "Deeds done without a second person within seven days, by breaking the glass",
                u64::try_from(glass).unwrap_or(u64::MAX),
            ),
            ("read_only", "1 while the store takes no writes", u64::from(status == Status::ReadOnly)),
        ] {
            let line = format!(
                "# HELP cresset_{name} {help}.\n# TYPE cresset_{name} gauge\ncresset_{name} {value}\n"
            );
            out.push_str(&line);
        }
        if !figures.by_type.is_empty() {
            out.push_str("# HELP cresset_objects_by_type Objects held, by type.\n# TYPE cresset_objects_by_type gauge\n");
        }
        for (name, count) in by_label(&figures.by_type) {
            writeln!(out, "cresset_objects_by_type{{type=\"{name}\"}} {count}")
                .expect("invariant: a string takes what is written to it");
        }
        by_peer(&mut out, peers);
        out.push_str("# EOF\n");
        out
    }
}

/// Writes into a text of figures when the last backup was made, where one was noted.
pub(crate) fn with_backup(text: &str, at: Option<Micros>) -> String {
    let Some(at) = at else { return text.to_owned() };
    let seconds = at.0.div_euclid(Micros::SECOND);
    format!(
        "{}# HELP cresset_last_backup_seconds When the last backup was made, in seconds since 1970.\n# TYPE cresset_last_backup_seconds gauge\n\
         cresset_last_backup_seconds {seconds}\n# EOF\n",
        text.strip_suffix("# EOF\n").unwrap_or(text)
    )
}

/// Writes into a text of figures what the doors for members' nodes have refused: the door, the code, how often.
pub(crate) fn with_refusals(text: &str, refused: &[(&'static str, &'static str, u64)]) -> String {
    let mut out = text.strip_suffix("# EOF\n").unwrap_or(text).to_owned();
    if !refused.is_empty() {
        out.push_str(
            "# HELP cresset_members_refused Refusals since the start of what says it is from a member's node, by door and code.\n# TYPE cresset_members_refused counter\n",
        );
    }
    for (door, code, count) in refused {
        out.push_str(&format!("cresset_members_refused_total{{door=\"{door}\",code=\"{code}\"}} {count}\n"));
    }
    out.push_str("# EOF\n");
    out
}

/// One figure of a peer: its name, what it says, and where it is taken from.
type PeerGauge = (&'static str, &'static str, fn(&PeerFigures) -> u64);

const PEER_GAUGES: [PeerGauge; 8] = [
    ("peer_reachable", "1 while the member was heard of within the last minutes", |peer| {
        u64::from(peer.reachable)
    }),
    (
        "peer_unreached_seconds",
        "Seconds since the member was last heard of, or first called in vain where it never was; 0 while it is reachable",
        |peer| peer.unreached_seconds,
    ),
    ("peer_lag_in", "Acts of the member that came and that no head of its ledger covers yet", |peer| {
        peer.lag_in
    }),
    ("peer_lag_out", "Envelopes that wait for the member", |peer| peer.lag_out),
    ("peer_last_head", "Leaves of the member's last head known here", |peer| peer.last_head),
    ("peer_gaps", "Places in the member's lanes at which something is missing", |peer| peer.gaps),
    (
        "peer_refusals",
        "Refusals of what the member sent and of what was sent to it, since they are counted",
        |peer| peer.refusals,
    ),
    ("peer_evidence", "Files of evidence that the member told two stories", |peer| peer.evidence),
];

/// Writes how it stands with each member.
fn by_peer(out: &mut String, peers: &[PeerFigures]) {
    for (name, help, value) in PEER_GAUGES.iter().filter(|_| !peers.is_empty()) {
        out.push_str(&format!("# HELP cresset_{name} {help}.\n# TYPE cresset_{name} gauge\n"));
        for peer in peers {
            let member = peer.member.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            out.push_str(&format!("cresset_{name}{{member=\"{member}\"}} {}\n", value(peer)));
        }
    }
}

/// Types as labels: names with other characters than types have are counted together, since no label may stand twice.
fn by_label(by_type: &[(String, u64)]) -> BTreeMap<&str, u64> {
    let mut labels = BTreeMap::new();
    for (name, count) in by_type {
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let label = if plain { name.as_str() } else { "other" };
        let sum: &mut u64 = labels.entry(label).or_default();
        *sum = sum.saturating_add(*count);
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_was_counted() {
        let metrics = Metrics::default();
        metrics.answered("GET", &RouteTemplate::of("/taxii2/"), 200, Duration::from_millis(2));
        metrics.received("accepted", 3);
        metrics.received("refused", 0);
        let by_type =
            [("indicator", 4), ("x_\"1", 1), ("x 2", 2)].map(|(name, count)| (name.to_owned(), count));
        let figures = Figures { objects: 7, by_type: by_type.to_vec(), ..Figures::default() };
        let peers = [PeerFigures {
            member: "cert-b".into(),
            lag_out: 3,
            evidence: 1,
            unreached_seconds: 90,
            ..PeerFigures::default()
        }];
        let relay = RelayFigures { away: 2, ..RelayFigures::default() };
        let text = metrics.to_text(&figures, Status::ReadOnly, (&relay, 3), &peers);
        for line in [
            "cresset_http_requests_total{method=\"GET\",route=\"/taxii2/\",status=\"200\"} 1",
            "cresset_objects_received_total{outcome=\"accepted\"} 3",
            "cresset_objects 7",
            "cresset_objects_by_type{type=\"indicator\"} 4",
            "cresset_objects_by_type{type=\"other\"} 3",
            "cresset_read_only 1",
            "cresset_relay_members 2",
            "cresset_peer_lag_out{member=\"cert-b\"} 3",
            "cresset_peer_evidence{member=\"cert-b\"} 1",
            "cresset_peer_unreached_seconds{member=\"cert-b\"} 90",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(!text.contains("refused"));
        assert_eq!(text.matches("# EOF").count(), 1);
        assert_eq!(with_refusals(&text, &[]), text);
        assert_eq!(with_backup(&text, None), text);
        let backed_up = with_backup(&text, Some(Micros(1_700_000_000_999_999)));
        assert!(backed_up.ends_with("\ncresset_last_backup_seconds 1700000000\n# EOF\n"), "{backed_up}");
        assert_eq!(backed_up.matches("# EOF").count(), 1);
        let told =
            with_refusals(&text, &[("registry", "quorum-missing", 2), ("wait", "message-unreadable", 1)]);
        let line = "cresset_members_refused_total{door=\"registry\",code=\"quorum-missing\"} 2\n";
        assert!(
            told.contains(line) && told.ends_with("} 1\n# EOF\n") && told.matches("# EOF").count() == 1,
            "{told}"
        );
    }
}
