//! Looking up, searching, matching, sighting.

use node::{Detail, How, LookUpError, SearchError, SearchQuery, SightError, SightRequest};

use super::*;

async fn filled() -> (Bench, Principal) {
    let (bench, _) = Bench::new().await;
    let root = bench.operator().await;
    let objects = [
        indicator(1, "[ipv4-addr:value = '198.51.100.7']", r#","valid_until":"2025-06-01T00:00:00Z""#),
        indicator(2, "[ipv4-addr:value ISSUBSET '198.51.100.0/24']", ""),
        indicator(3, "[domain-name:value = 'evil.example']", r#","confidence":70"#),
        indicator(4, "[url:value = 'http://evil.example/a']", r#","revoked":true"#),
        indicator(5, "[file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e']", RED),
    ];
    bench.accept(&root, "inbox", &objects).await;
    (bench, root)
}

#[tokio::test]
async fn values_are_answered_with_what_is_known_and_how() {
    let (bench, root) = filled().await;
    let values = [
        "198.51.100.7",
        "hxxp://www.evil[.]example/",
        "http://evil.example/a",
        "8.8.8.8",
        "",
        "198.51.100.0/25",
    ];
    let answers = bench.node.look_up(&root, &values, Detail::Sightings).await.unwrap().into_inner();
    assert_eq!(answers.iter().map(|answer| answer.value).collect::<Vec<_>>(), values);
    let address = &answers[0].matches;
    assert_eq!(address.iter().map(|found| found.how).collect::<Vec<_>>(), [How::Exact, How::Range]);
    assert!(address[0].expired && !address[1].expired && address[0].type_name() == "indicator");
    assert_eq!(answers[1].matches[0].how, How::ParentDomain);
    assert_eq!(answers[1].matches[0].confidence, Some(70));
    let url = &answers[2].matches;
    assert_eq!(
        url.iter().map(|found| (found.how, found.revoked)).collect::<Vec<_>>(),
        [(How::Exact, true), (How::Host, false)]
    );
    assert!(!answers[3].known && !answers[4].known && answers[4].matches.is_empty());
    let range: Vec<_> = answers[5].matches.iter().map(|found| found.how).collect();
    assert_eq!(range, [How::Range, How::Inside]);
    assert_eq!(address[0].sightings, Some(node::Sightings::default()));
}

#[tokio::test]
async fn spellings_of_a_value_find_the_same() {
    let (bench, root) = filled().await;
    for spelling in [
        "http://evil.example/a",
        "hxxp://evil.example/a",
        "hXXp://evil[.]example/a",
        "HTTP://EVIL.example:80/a",
        " http://evil(dot)example/a ",
        "evil.example/a",
    ] {
        let answers = bench.node.look_up(&root, &[spelling], Detail::Brief).await.unwrap();
        let matches = &answers.get()[0].matches;
        let hows: Vec<_> = matches.iter().map(|found| found.how).collect();
        assert_eq!(hows, [How::Exact, How::Host], "{spelling}");
    }
}

#[tokio::test]
async fn what_is_withheld_is_unknown() {
    let (bench, root) = filled().await;
    let ann = bench.user("ann", Role::Analyst).await;
    let hash = ["D41D8CD98F00B204E9800998ECF8427E"];
    assert!(bench.node.look_up(&root, &hash, Detail::Brief).await.unwrap().get()[0].known);
    assert!(!bench.node.look_up(&ann, &hash, Detail::Brief).await.unwrap().get()[0].known);
}

/// Hosts with any number of URLs, asked for by the thousand: each has a few of them, says that there are more, and refuses no question;
/// asked for alone it has as many as any value. That a URL on it is known says nothing of a host.
#[tokio::test]
async fn hosts_with_many_urls_refuse_no_look_up() {
    let (bench, root) = filled().await;
    let (hosts, urls) = (11, base::limit::LOOKUP_MATCHES_MAX as u32 + 1);
    let url =
        |no: u32| indicator(1_000 + no, &format!("[url:value = 'http://h{}.example/{no}']", no % hosts), "");
    let objects: Vec<String> = (0..hosts * urls).map(url).collect();
    bench.accept(&root, "inbox", &objects).await;
    bench.accept(&root, "inbox", &[indicator(900, "[domain-name:value = 'h1.example']", "")]).await;
    let names: Vec<String> = (0..hosts).map(|no| format!("h{no}.example")).collect();
    let values: Vec<&str> = names.iter().map(String::as_str).cycle().take(1_100).collect();
    let answers = bench.node.look_up(&root, &values, Detail::Brief).await.unwrap().into_inner();
    for answer in &answers {
        let is_known = answer.value == "h1.example";
        assert_eq!((answer.known, answer.more), (is_known, true), "{}", answer.value);
        let on_host = answer.matches.iter().filter(|found| found.how == How::OnHost).count();
        assert_eq!(on_host, base::limit::LOOKUP_ON_HOST_MAX);
        assert_eq!(answer.matches.len(), on_host + usize::from(is_known));
        assert_eq!(answer.matches[0].how, if is_known { How::Exact } else { How::OnHost });
    }
    let alone = bench.node.look_up(&root, &["h0.example"], Detail::Brief).await.unwrap().into_inner();
    assert_eq!((alone[0].matches.len(), alone[0].more), (base::limit::LOOKUP_MATCHES_MAX, true));
    let newest = |answer: &node::LookUpAnswer<'_>| answer.matches.iter().map(|found| found.added).max();
    assert_eq!(newest(&alone[0]), newest(&answers[0]), "the newest are among the few");
    let few =
        bench.node.look_up(&root, &["evil.example", "8.8.8.8"], Detail::Brief).await.unwrap().into_inner();
    assert_eq!(
        few.iter().map(|answer| (answer.matches.len(), answer.more)).collect::<Vec<_>>(),
        [(2, false), (0, false)]
    );
}

#[tokio::test]
async fn limits_of_a_look_up_hold() {
    let (bench, root) = filled().await;
    let most = vec!["d41d8cd98f00b204e9800998ecf8427f"; base::limit::LOOKUP_VALUES_MAX];
    assert_eq!(bench.node.look_up(&root, &most, Detail::Brief).await.unwrap().get().len(), most.len());
    let more = vec!["a"; base::limit::LOOKUP_VALUES_MAX + 1];
    assert!(matches!(
        bench.node.look_up(&root, &more, Detail::Brief).await,
        Err(LookUpError::TooManyValues(_))
    ));
    let long = "a".repeat(base::limit::QUERY_BYTES_MAX);
    assert!(bench.node.look_up(&root, &[&long], Detail::Brief).await.is_ok());
    let longer = format!("{long}a");
    assert!(matches!(
        bench.node.look_up(&root, &["x", &longer], Detail::Brief).await,
        Err(LookUpError::TooLong(1))
    ));
}

#[tokio::test]
async fn text_is_searched_by_its_words() {
    let (bench, root) = filled().await;
    let query = |text: &str, open_ended| SearchQuery {
        text: text.into(),
        open_ended,
        limit: 10,
        ..SearchQuery::default()
    };
    let found = bench.node.search(&root, query("Number INDICATOR", false)).await.unwrap().into_inner();
    assert_eq!(found.rows.len(), 5);
    assert!(found.rows.iter().any(|row| row.revoked));
    assert_eq!(bench.node.search(&root, query("indicator numb", true)).await.unwrap().get().rows.len(), 5);
    assert_eq!(bench.node.search(&root, query("indicator numb", false)).await.unwrap().get().rows.len(), 0);
    assert!(matches!(bench.node.search(&root, query(" ", false)).await, Err(SearchError::Empty)));
    let long = "a ".repeat(base::limit::QUERY_BYTES_MAX);
    assert!(matches!(bench.node.search(&root, query(&long, false)).await, Err(SearchError::TooLong)));
}

#[tokio::test]
async fn observations_are_matched_by_patterns_and_how_these_stand_is_told() {
    let (bench, root) = filled().await;
    let bundle = r#"{"type":"bundle","id":"bundle--00000000-0000-4000-8000-000000000000","objects":[
        {"type":"domain-name","spec_version":"2.1","id":"domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7","value":"evil.example"},
        {"type":"url","spec_version":"2.1","id":"url--c1477287-23ac-5971-a010-5c287877fa60","value":"http://evil.example/a"},
        {"type":"observed-data","spec_version":"2.1","id":"observed-data--00000000-0000-4000-8000-000000000001",
         "created":"2025-01-01T00:00:00.000Z","modified":"2025-01-01T00:00:00.000Z","first_observed":"2025-01-01T00:00:00Z",
         "last_observed":"2025-01-01T00:00:00Z","number_observed":1,
         "object_refs":["domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7","url--c1477287-23ac-5971-a010-5c287877fa60"]}]}"#;
    for _ in 0..2 {
        let observed = bench.node.observed(&root, Bytes::from(bundle)).await.unwrap().into_inner();
        let told: Vec<_> = observed.matches.iter().map(|found| (found.id.as_str(), found.revoked)).collect();
        let (current, revoked) = (
            "indicator--00000000-0000-4000-8000-000000000003",
            "indicator--00000000-0000-4000-8000-000000000004",
        );
        assert_eq!(told, [(current, false), (revoked, true)]);
        assert_eq!(observed.matches[0].observations, [0]);
    }
    for junk in ["", "[]", "{}", r#"{"type":"bundle","objects":[]}"#] {
        assert!(bench.node.observed(&root, Bytes::from(junk)).await.is_err(), "{junk}");
    }
}

#[tokio::test]
async fn sightings_are_counted_and_stand_where_the_object_does() {
    let (bench, root) = filled().await;
    let seen = SightRequest { what: "evil.example".into(), count: Some(3), ..SightRequest::default() };
    let sighted = bench.node.sight(&root, seen).await.unwrap();
    assert_eq!(sighted.of, ["indicator--00000000-0000-4000-8000-000000000003"]);
    assert_eq!(sighted.receipts[0].outcome, node::Outcome::Accepted, "{:?}", sighted.receipts);
    assert!(sighted.receipts[0].findings.is_empty(), "{:?}", sighted.receipts);
    let again = SightRequest { what: sighted.of[0].clone(), ..SightRequest::default() };
    bench.node.sight(&root, again).await.unwrap();
    let answers = bench.node.look_up(&root, &["evil.example"], Detail::Sightings).await.unwrap();
    let sightings = answers.get()[0].matches[0].sightings.unwrap();
    assert_eq!((sightings.reports, sightings.count), (2, 4));
    // In a sector: those who saw it are of a class, which is one object however often it is said.
    let in_sector = |sector: &str| SightRequest {
        what: sighted.of[0].clone(),
        sector: Some(sector.into()),
        ..SightRequest::default()
    };
    let mut classes = std::collections::BTreeSet::new();
    for _ in 0..2 {
        let said = bench.node.sight(&root, in_sector(" energy ")).await.unwrap();
        assert_eq!((said.receipts.len(), said.receipts[0].outcome), (1, node::Outcome::Accepted));
        let id = said.receipts[0].id.clone().unwrap();
        let seen = bench.node.object(&root, &id, None).await.unwrap().into_inner();
        let seen: serde_json::Value = serde_json::from_slice(&seen.bytes).unwrap();
        classes.insert(seen["where_sighted_refs"][1].as_str().unwrap().to_owned());
    }
    assert_eq!(classes.len(), 1);
    let class = bench.node.object(&root, classes.first().unwrap(), None).await.unwrap().into_inner();
    let class: serde_json::Value = serde_json::from_slice(&class.bytes).unwrap();
    assert_eq!((&class["identity_class"], &class["sectors"][0]), (&"class".into(), &"energy".into()));
    for unfit in ["", " ", "a\nb", &"x".repeat(101)] {
        let refused = bench.node.sight(&root, in_sector(unfit)).await.unwrap_err();
        assert_eq!(refused.code(), "sector-unfit", "{unfit:?}");
    }
    for (what, code) in [
        ("unknown.example", "value-unknown"),
        ("indicator--00000000-0000-4000-8000-000000000099", "value-unknown"),
        ("marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1", "value-unfit"),
    ] {
        let request = SightRequest { what: what.into(), ..SightRequest::default() };
        assert_eq!(bench.node.sight(&root, request).await.unwrap_err().code(), code, "{what}");
    }
    // Known is known, but not everything known is sighted: which it is is said.
    let observable = r#"{"type":"domain-name","spec_version":"2.1","id":"domain-name--00000000-0000-4000-8000-0000000000ab","value":"seen.example"}"#;
    bench.accept(&root, "inbox", &[observable.to_owned()]).await;
    let request = SightRequest { what: "seen.example".into(), ..SightRequest::default() };
    let refused = bench.node.sight(&root, request).await.unwrap_err();
    assert_eq!(refused.code(), "observable-only");
    assert!(refused.to_string().contains("domain-name--00000000-0000-4000-8000-0000000000ab"), "{refused}");
    bench.user("bob", Role::Reader).await;
    let request = SightRequest { what: "evil.example".into(), ..SightRequest::default() };
    let refused = bench.node.sight(&bench.principal("bob").await.as_ref().clone(), request).await;
    assert!(matches!(refused, Err(SightError::CollectionNotNamed)));
}

#[tokio::test]
async fn what_bears_the_name_is_told_before_what_mentions_it() {
    let (bench, root) = filled().await;
    let tool = r#"{"type":"tool","spec_version":"2.1","id":"tool--00000000-0000-4000-8000-0000000000aa","created":"2024-01-01T00:00:00.000Z","modified":"2024-01-01T00:00:00.000Z","name":"Keyring Reader","aliases":["krd"]}"#;
    bench.accept(&root, "inbox", &[tool.to_owned()]).await;
    let mentions: Vec<String> = (100..125)
        .map(|n| {
            indicator(
                n,
                "[domain-name:value = 'x.example']",
                r#","description":"dropped by Keyring  reader (KRD)""#,
            )
        })
        .collect();
    bench.accept(&root, "inbox", &mentions).await;
    for text in ["keyring reader", "KRD"] {
        let (mut ids, mut next) = (Vec::new(), None);
        loop {
            let query = SearchQuery { text: text.into(), limit: 10, next, ..SearchQuery::default() };
            let page = bench.node.search(&root, query).await.unwrap().into_inner();
            assert!(page.rows.len() <= 10);
            ids.extend(page.rows.into_iter().map(|row| row.id));
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        assert_eq!(
            ids.first().map(String::as_str),
            Some("tool--00000000-0000-4000-8000-0000000000aa"),
            "{text}"
        );
        let distinct: std::collections::BTreeSet<&String> = ids.iter().collect();
        assert_eq!((ids.len(), distinct.len()), (26, 26), "{text}: each once");
    }
    let of_type = SearchQuery {
        text: "krd".into(),
        types: vec!["indicator".into()],
        limit: 10,
        ..SearchQuery::default()
    };
    let page = bench.node.search(&root, of_type).await.unwrap().into_inner();
    assert!(page.rows.iter().all(|row| row.id.starts_with("indicator--")));
}

/// Pages keep to their limit, however many bear the name, and what bears it may become more or less between two of them: nothing that is
/// there all the while is missed, and nothing is told twice.
#[tokio::test]
async fn nothing_is_missed_while_what_bears_the_name_comes_and_goes() {
    let (bench, root) = filled().await;
    let id = |n: usize| format!("tool--00000000-0000-4000-8000-{n:012x}");
    let named = |n: usize| {
        let name = format!("needle{}", n / 1_000);
        format!(
            r#"{{"type":"tool","spec_version":"2.1","id":"{}","created":"2024-01-01T00:00:00.000Z","modified":"2024-01-01T00:00:00.000Z","name":"{name}"}}"#,
            id(n)
        )
    };
    let other = |n: usize| {
        let more = format!(r#","description":"a needle{}""#, n / 1_000);
        indicator(u32::try_from(n).unwrap(), "[domain-name:value = 'x.example']", &more)
    };
    let mut turn = 0;
    // (how many bear it, how many of them go after the first page, how many come then)
    for (count, gone, come) in [(21, 1, 0), (20, 0, 1), (19, 2, 3), (20, 20, 0), (12, 0, 0), (3, 1, 30)] {
        for limit in [1, 5, 20, 50] {
            turn += 1;
            let from = turn * 1_000;
            let about = format!("{count} {gone} {come} {limit}");
            bench.accept(&root, "inbox", &(from..from + count).map(named).collect::<Vec<_>>()).await;
            bench.accept(&root, "inbox", &(from + 100..from + 108).map(other).collect::<Vec<_>>()).await;
            let (mut seen, mut next, mut first) = (Vec::new(), None, true);
            loop {
                let text = format!("needle{turn}");
                let query = SearchQuery { text, limit, next, ..SearchQuery::default() };
                let page = bench.node.search(&root, query).await.unwrap().into_inner();
                assert!((1..=limit).contains(&page.rows.len()), "{about}");
                seen.extend(page.rows.into_iter().map(|row| row.id));
                next = page.next;
                if next.is_none() {
                    break;
                }
                if std::mem::take(&mut first) {
                    for n in from..from + gone {
                        bench.node.delete(&root, "inbox", &id(n), &store::Filter::default()).await.unwrap();
                    }
                    let new: Vec<String> = (from + 50..from + 50 + come).map(named).collect();
                    bench.accept(&root, "inbox", &new).await;
                }
            }
            let distinct: std::collections::BTreeSet<&String> = seen.iter().collect();
            assert_eq!(distinct.len(), seen.len(), "{about}: {seen:?}");
            assert!((from + gone..from + count).all(|n| distinct.contains(&id(n))), "{about}: {seen:?}");
            assert_eq!(seen.iter().filter(|id| id.starts_with("indicator")).count(), 8, "{about}: {seen:?}");
            if gone + come == 0 {
                assert!(seen[..count].iter().all(|id| id.starts_with("tool")), "{about}: {seen:?}");
            }
        }
    }
    let query =
        |text: &str, next| SearchQuery { text: text.into(), limit: 2, next, ..SearchQuery::default() };
    let next = bench.node.search(&root, query("needle17", None)).await.unwrap().into_inner().next;
    assert!(next.is_some());
    for (text, next) in [("needle18", next), ("needle17", Some("00.".into())), ("needle17", Some("é".into()))]
    {
        assert!(matches!(bench.node.search(&root, query(text, next)).await, Err(SearchError::BadCursor)));
    }
}
