//! What an analyst reads on pages: what a report is about, what an object has to do with, and nothing of what is withheld.

use handling::Role;
use serde_json::{Value, json};

use crate::house::{House, id, indicator, modified};

fn report(number: usize, name: &str, refs: &[String]) -> Value {
    json!({
        "type": "report", "spec_version": "2.1", "id": id("report", number), "name": name,
        "created": "2024-01-01T00:00:00.000Z", "modified": modified(0), "published": "2024-01-01T00:00:00Z",
        "report_types": ["campaign"], "object_refs": refs,
    })
}

fn relationship(number: usize, source: &str, name: &str, target: &str) -> Value {
    json!({
        "type": "relationship", "spec_version": "2.1", "id": id("relationship", number),
        "created": "2024-01-01T00:00:00.000Z", "modified": modified(0),
        "relationship_type": name, "source_ref": source, "target_ref": target,
    })
}

/// A section of a page, by the id of its heading.
fn section<'p>(page: &'p str, heading: &str) -> &'p str {
    let start = page
        .find(&format!("aria-labelledby=\"{heading}\""))
        .unwrap_or_else(|| panic!("no {heading} in {page}"));
    page[start..].split("</section>").next().unwrap()
}

/// The text of a piece of a page.
fn text(page: &str) -> String {
    let pieces = page.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text));
    pieces.collect::<Vec<_>>().join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Where a page goes on; nothing where it does not.
fn next(page: &str) -> String {
    let link = page
        .split("<a href=\"")
        .find(|link| link.split('>').next().is_some_and(|tag| tag.contains("rel=\"next\"")));
    let href = link.map_or("", |link| link.split('"').next().unwrap_or_default()).replace("&#38;", "&");
    href.split('#').next().unwrap_or_default().to_owned()
}

/// The contents of a report are a table of what its reader may see; what is withheld is not told from what is not here.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_a_report_shows_what_it_is_about_and_tells_nothing_of_what_is_withheld() {
    const GREEN: &str = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb";
    let house = House::new().await;
    let (ann, bob) = (house.person("ann", Role::Analyst).await, house.person("bob", Role::Reader).await);
    house.collection("c1", &[(&ann, "rw"), (&bob, "r")]).await;
    house.collection("c2", &[(&ann, "rw")]).await;
    let mut green = indicator(1, 0);
    green["object_marking_refs"] = json!([GREEN]);
    let ties = relationship(5, &id("indicator", 1), "related-to", &id("indicator", 2));
    let refs = [
        id("relationship", 5),
        id("indicator", 1),
        id("indicator", 2),
        id("indicator", 3),
        id("indicator", 4),
        id("indicator", 1),
    ];
    ann.post("c1", &[green, indicator(2, 0), ties, report(1, "about bob", &refs)]).await;
    let target = format!("/objects/{}", id("report", 1));
    let before = house.page("bob", &target).await;
    ann.post("c2", &[indicator(3, 0)]).await;
    let after = house.page("bob", &target).await;
    let told = section(&before, "contents");
    assert_eq!(told, section(&after, "contents"), "what is withheld is told from what is not here");
    assert!(
        text(told).contains("Contents 3 object type level added n1 v0 indicator indicator TLP:GREEN"),
        "{}",
        text(told)
    );
    assert!(told.contains("2 references lead to nothing that is here and that you may see."), "{told}");
    for away in [3, 4] {
        assert!(told.contains(&format!("<li class=\"id\">{}</li>", id("indicator", away))), "{told}");
    }
    let place = |what: &str| told.find(what).unwrap_or_else(|| panic!("no {what} in {told}"));
    assert!(
        place("n1 v0</a>") < place("n2 v0</a>") && place("n2 v0</a>") < place("n1 v0 related-to n2 v0</a>")
    );
    let all = house.page("ann", &target).await;
    let told = section(&all, "contents");
    assert!(told.contains("n3 v0</a>") && told.contains("1 reference leads to nothing"), "{told}");
    assert!(!text(&all).contains("object_ refs"), "twice on one page");
}

/// Large contents come in pages, of the version that is shown.
#[tokio::test(flavor = "multi_thread")]
async fn the_contents_of_a_large_report_come_in_pages() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    let objects: Vec<Value> = (0..120).map(|number| indicator(number, 0)).collect();
    let refs: Vec<String> = (0..120).map(|number| id("indicator", number)).collect();
    ann.post("c1", &objects).await;
    ann.post("c1", &[report(1, "first", &refs)]).await;
    let mut second = report(1, "second", &refs[..1]);
    second["modified"] = json!(modified(1));
    ann.post("c1", &[second]).await;
    let page = house.page("ann", &format!("/objects/{}", id("report", 1))).await;
    assert!(text(section(&page, "contents")).starts_with("Contents 1 object"), "{page}");
    let mut target = format!("/objects/{}?version={}", id("report", 1), modified(0).replace(':', "%3A"));
    let mut seen = Vec::new();
    for said in ["1 to 50 shown", "51 to 100 shown", "101 to 120 shown"] {
        let page = house.page("ann", &target).await;
        let told = section(&page, "contents");
        assert!(told.contains(said), "{said}: {}", text(told));
        seen.extend(told.split("<a href=\"/objects/indicator--").skip(1).map(|row| row[..36].to_owned()));
        target = next(told);
    }
    assert_eq!(target, "", "a page behind the last");
    let wrong = house.page("ann", &format!("/objects/{}?contents=-1", id("report", 1))).await;
    assert!(wrong.contains("contents is the number of rows"), "{wrong}");
    let beyond = house.page("ann", &format!("/objects/{}?contents=999", id("report", 1))).await;
    assert!(text(section(&beyond, "contents")).starts_with("Contents 1 object"), "{beyond}");
    let wanted: Vec<String> = refs.iter().map(|id| id["indicator--".len()..].to_owned()).collect();
    assert_eq!(seen, wanted);
}

/// Relations are gathered by kind with how many the reader sees, a few of each, and all of one on a page of its own.
#[tokio::test(flavor = "multi_thread")]
async fn relations_are_gathered_and_counted_as_far_as_the_reader_sees_them() {
    let house = House::new().await;
    let (ann, bob) = (house.person("ann", Role::Analyst).await, house.person("bob", Role::Reader).await);
    house.collection("c1", &[(&ann, "rw"), (&bob, "r")]).await;
    house.collection("c2", &[(&ann, "rw")]).await;
    let centre = id("indicator", 0);
    let ties = |number: usize, name: &str| relationship(number, &centre, name, &id("indicator", number));
    let mut objects: Vec<Value> = (0..=12).map(|number| indicator(number, 0)).collect();
    objects.extend((1..=11).map(|number| ties(number, "related-to")));
    objects.extend([ties(12, "derived-from"), report(1, "a report", std::slice::from_ref(&centre))]);
    ann.post("c1", &objects).await;
    let target = format!("/objects/{centre}");
    let before = house.page("bob", &target).await;
    ann.post(
        "c2",
        &[ties(13, "related-to"), ties(14, "aims-at"), report(2, "withheld", std::slice::from_ref(&centre))],
    )
    .await;
    let after = house.page("bob", &target).await;
    assert_eq!(section(&before, "outward"), section(&after, "outward"));
    assert_eq!(section(&before, "inward"), section(&after, "inward"));
    let told = text(section(&after, "outward"));
    assert!(told.starts_with("Leads to derived-from 1 n12 v0 indicator"), "{told}");
    assert!(
        told.contains(" related-to 11 n11 v0 indicator")
            && section(&after, "outward").contains("All of <bdi>related-to</bdi>, 11"),
        "{told}"
    );
    let listed = section(&after, "outward").matches("<li><a href=\"/objects/indicator--").count();
    assert_eq!(listed, 1 + 8, "{told}");
    assert_eq!(text(section(&after, "inward")), "Referred to by listed in object_refs 1 a report report");
    let all = section(&house.page("ann", &target).await, "outward").to_owned();
    assert!(text(&all).contains("aims-at 1") && text(&all).contains("related-to 12"), "{all}");
    assert!(all.contains("not here, or not for you"), "{all}");
    let whole = house.page("bob", &format!("{target}/related?way=out&name=related-to")).await;
    assert_eq!(whole.matches("<li><a href=\"/objects/indicator--").count(), 11, "{whole}");
    assert!(whole.contains("<h1 dir=\"auto\">n0 v0</h1>"), "{whole}");
    let none = house.page("bob", &format!("{target}/related?way=out&name=aims-at")).await;
    assert!(none.contains("Nothing to show."), "{none}");
    // A word that is longer than any is cut, and no address leads to all of it.
    let endless = "x".repeat(2_000);
    let many = (20..30).map(|number| relationship(number, &centre, &endless, &id("indicator", 1)));
    ann.post("c1", &many.collect::<Vec<_>>()).await;
    let told = section(&house.page("ann", &target).await, "outward").to_owned();
    let cut = format!("{}… 10", "x".repeat(80));
    assert!(text(&told).contains(&cut) && !told.contains(&endless[..81]), "{told}");
    // A relationship may be named as a property is.
    ann.post("c1", &[ties(15, "name")]).await;
    let told = section(&house.page("ann", &target).await, "outward").to_owned();
    assert!(told.contains("<h3><bdi>name</bdi>"), "{told}");
    for wrong in ["/related?way=up&name=x", "/related"] {
        assert!(house.page("bob", &format!("{target}{wrong}")).await.contains("way is out"), "{wrong}");
    }
    let absent = format!("/objects/{}/related?way=out&name=x", id("indicator", 99));
    assert!(house.page("bob", &absent).await.contains("no such object"));
}

/// Search and collections leave one type where asked; the types and counts beside them are of what the reader sees.
#[tokio::test(flavor = "multi_thread")]
async fn lists_are_filtered_by_types_that_the_reader_sees() {
    let house = House::new().await;
    let (ann, bob) = (house.person("ann", Role::Analyst).await, house.person("bob", Role::Reader).await);
    let collection = house.collection("c1", &[(&ann, "rw"), (&bob, "r")]).await;
    house.collection("c2", &[(&ann, "rw")]).await;
    let mut objects: Vec<Value> = (0..3).map(|number| indicator(number, 0)).collect();
    objects.push(indicator(1, 1));
    objects.push(report(1, "n1 and others", &[id("indicator", 1)]));
    ann.post("c1", &objects).await;
    ann.post("c2", &[relationship(1, &id("indicator", 1), "n1-like", &id("indicator", 2))]).await;
    let filter = |page: &str| {
        let shown = page.split("aria-label=\"Types\"").nth(1).unwrap_or_else(|| panic!("{page}"));
        text(shown.split_once('>').unwrap().1.split("</nav>").next().unwrap())
    };
    // Those of what was found first, the others behind a summary.
    let page = house.page("bob", "/search?q=n1").await;
    assert_eq!(filter(&page), "all types report indicator");
    let page = house.page("bob", "/search?q=others").await;
    assert_eq!(filter(&page), "all types report 1 more type indicator");
    let page = house.page("ann", "/search?q=others").await;
    assert_eq!(filter(&page), "all types report 2 more types indicator relationship");
    let page = house.page("bob", "/search?q=n1&type=report").await;
    assert!(page.contains("n1 and others") && !page.contains("n1 v1"), "{page}");
    assert!(page.contains("type=report\" aria-current=\"true\""), "{page}");
    assert!(page.contains("name=\"type\" value=\"report\""), "typing on loses the type: {page}");
    let page = house.page("bob", "/search?q=10.0.0.1&type=report").await;
    assert!(!page.contains("Known value"), "{page}");
    let page = house.page("bob", "/search?q=n1&type=relationship").await;
    assert!(page.contains("of type <bdi>relationship</bdi> in what you may read"), "{page}");
    // Without words: the newest of the type.
    assert!(house.page("bob", "/").await.contains("<a href=\"/search?type=report\">report</a>"));
    let page = house.page("bob", "/search?type=report").await;
    assert!(
        page.contains("Newest first") && page.contains("n1 and others") && !page.contains("n1 v1"),
        "{page}"
    );
    for none in ["relationship", "nonsense"] {
        let page = house.page("bob", &format!("/search?type={none}")).await;
        assert!(page.contains(&format!("Nothing of type <bdi>{none}</bdi> in what you may read.")), "{page}");
    }
    // White space asks for nothing, and what an address says of a type is bounded where it is shown.
    let page = house.page("bob", "/search?q=%20&type=report").await;
    assert!(page.contains("Newest first") && !page.contains("Objects with these words"), "{page}");
    let page = house.page("bob", &format!("/search?part=results&type={}", "a".repeat(900))).await;
    assert!(page.contains(&format!("of type <bdi>{}…</bdi> in what", "a".repeat(80))), "{page}");
    assert!(page.contains("<div aria-live=\"off\"><nav class=\"filter\""), "{page}");
    let stuck = house.page("bob", "/search?type=report&next=zz").await;
    assert!(stuck.contains("the cursor does not belong") && !stuck.contains("Nothing of"), "{stuck}");
    let target = format!("/collections/{collection}");
    let page = house.page("bob", &target).await;
    assert_eq!(filter(&page), "all types indicator 3 report 1");
    let page = house.page("bob", &format!("{target}?type=report")).await;
    assert_eq!(page.matches("<td class=\"value\"").count(), 1, "{page}");
    let many: Vec<Value> = (10..200).map(|number| indicator(number, 0)).collect();
    ann.post("c1", &many).await;
    let (mut newest, mut seen) = ("/search?type=indicator".to_owned(), 0);
    while !newest.is_empty() {
        let page = house.page("bob", &newest).await;
        seen += page.matches("<li><a href=\"/objects/indicator--").count();
        newest = next(&page);
    }
    assert_eq!(seen, 193);
    let (mut target, mut seen) = (format!("{target}?type=indicator"), 0);
    while !target.is_empty() {
        let page = house.page("bob", &target).await;
        seen += page.matches("<a href=\"/objects/indicator--").count();
        assert_eq!(filter(&page), "all types indicator 193 report 1");
        target = next(&page);
    }
    assert_eq!(seen, 193);
}

/// What is found says in which reports it stands: the newest few that the reader sees, and where the others are.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_found_says_in_which_reports_it_stands() {
    let house = House::new().await;
    let (ann, bob) = (house.person("ann", Role::Analyst).await, house.person("bob", Role::Reader).await);
    house.collection("c1", &[(&ann, "rw"), (&bob, "r")]).await;
    house.collection("c2", &[(&ann, "rw")]).await;
    let mut objects: Vec<Value> = (1..=3).map(|number| indicator(number, 0)).collect();
    objects.extend((1..=4).map(|number| report(number, &format!("R{number}"), &[id("indicator", 1)])));
    objects.push(report(5, "both", &[id("indicator", 2), id("indicator", 3)]));
    ann.post("c1", &objects).await;
    let pages = async |name: &str| {
        let search = house.page(name, "/search?q=10.0.0.1").await;
        let words = house.page(name, "/search?q=n1").await;
        let look_up = house.filled(name, "/look-up", "values=10.0.0.1%0A10.0.0.2%0A10.0.0.9").await;
        let listed = |page: &str| -> Vec<String> {
            page.split("class=\"in\"")
                .skip(1)
                .map(|one| text(one.split_once('>').unwrap().1.split("</span>").next().unwrap()))
                .collect()
        };
        assert_eq!(listed(&search), listed(&words), "{search} {words}");
        (listed(&search), listed(&look_up), look_up)
    };
    let (search, look_up, page) = pages("bob").await;
    assert_eq!(search, ["listed in R4 , R3 , R2 and more"]);
    assert_eq!(look_up, ["listed in R4 , R3 , R2 and more", "listed in both"]);
    let all = format!("/objects/{}/related?way=in&#38;name=object_refs", id("indicator", 1));
    assert!(page.contains(&format!("<a href=\"{all}\">and more</a>")), "{page}");
    let rest = house.page("bob", &all.replace("&#38;", "&")).await;
    assert_eq!(rest.matches("<li><a href=\"/objects/report--").count(), 4, "{rest}");
    ann.post("c2", &[report(6, "withheld", &[id("indicator", 1), id("indicator", 2)])]).await;
    assert_eq!(pages("bob").await.0, search);
    assert_eq!(pages("ann").await.1, ["listed in withheld , R4 , R3 and more", "listed in withheld , both"]);
}

/// Of a long look-up the last value says in which reports it stands as well as the first.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_look_up_says_of_every_value_in_which_reports_it_stands() {
    const MANY: usize = 600;
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    let values: Vec<String> = (0..MANY).map(|number| format!("h{number}.example")).collect();
    let mut objects: Vec<Value> = values
        .iter()
        .enumerate()
        .map(|(number, value)| {
            json!({"type": "domain-name", "spec_version": "2.1", "id": id("domain-name", number), "value": value})
        })
        .collect();
    let all: Vec<String> = (0..MANY).map(|number| id("domain-name", number)).collect();
    objects.push(report(1, "all of them", &all));
    ann.post("c1", &objects).await;
    let page = house.filled("ann", "/look-up", &format!("values={}", values.join("%0A"))).await;
    assert!(page.contains("600 of 600 known."), "{page}");
    assert_eq!(page.matches("<bdi>all of them</bdi>").count(), MANY);
}

/// The history of an object with very many versions comes in pages, each of which goes on in the version that is shown; and so do its
/// relations, where there are more than one page shows.
#[tokio::test(flavor = "multi_thread")]
async fn what_goes_on_of_an_object_goes_on_in_the_version_that_is_shown() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    let hour = |version: usize| modified(version % 60).replace("T00", &format!("T{:02}", version / 60));
    let versions = (0..150).map(|version| {
        let mut object = indicator(1, version);
        object["modified"] = json!(hour(version));
        object
    });
    let mut objects: Vec<Value> = versions.collect();
    objects.extend((0..25).map(|number| {
        relationship(number, &id("indicator", 1), &format!("relation-{number:02}"), &id("indicator", 2))
    }));
    ann.post("c1", &objects).await;
    let page = house.page("ann", &format!("/objects/{}", id("indicator", 1))).await;
    let history = section(&page, "history");
    assert!(text(history).contains("History 150, 1 to 100 shown"), "{}", text(history));
    assert_eq!(history.matches("<tr><td>").count(), 100);
    let link = |page: &str, words: &str| {
        let before = page.split(&format!("\">{words}</a>")).next().filter(|before| before.len() < page.len());
        let before = before.unwrap_or_else(|| panic!("no {words} in {page}"));
        let href = before.rsplit("<a href=\"").next().unwrap().replace("&#38;", "&");
        href.split('#').next().unwrap().to_owned()
    };
    let shown = format!("/objects/{}?version={}", id("indicator", 1), modified(7).replace(':', "%3A"));
    let page = house.page("ann", &shown).await;
    assert!(page.contains("<h1 dir=\"auto\">n1 v7</h1>"), "{page}");
    let earlier = house.page("ann", &link(&page, "Earlier versions")).await;
    let history = section(&earlier, "history");
    assert!(text(history).contains("History 150, 101 to 150 shown"), "{}", text(history));
    assert!(
        earlier.contains("<h1 dir=\"auto\">n1 v7</h1>") && history.contains("aria-current=\"true\""),
        "{history}"
    );
    assert!(history.contains(&modified(0)) && !history.contains("Earlier versions"), "{history}");
    let later = house.page("ann", &link(&earlier, "Later versions")).await;
    assert!(later.contains("<h1 dir=\"auto\">n1 v7</h1>") && later.contains("1 to 100 shown"), "{later}");
    let further = house.page("ann", &link(&page, "Further relations")).await;
    assert!(further.contains("<h1 dir=\"auto\">n1 v7</h1>"), "{further}");
    assert!(section(&further, "outward").contains("relation-24"), "{further}");
    let odd = house.page("ann", &format!("/objects/{}?history=x", id("indicator", 1))).await;
    assert!(odd.contains("history is the number of versions"), "{odd}");
}

/// A file without a name is called by its hash wherever it is named, and a name of letters that look like others is told in both writings.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_called_the_same_everywhere() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    let collection = house.collection("c1", &[(&ann, "rw")]).await;
    let hash = "ab".repeat(32);
    let file =
        json!({"type": "file", "spec_version": "2.1", "id": id("file", 1), "hashes": {"SHA-256": hash}});
    let alike = json!({"type": "domain-name", "spec_version": "2.1", "id": id("domain-name", 1), "value": "xn--80ak6aa92e.com"});
    let (host, beside) = ("xn--80ak6aa92e.com", "(Cyrillic letters: аррӏе.com)");
    let after = format!("{host}</a> <bdi class=\"quiet\">{beside}</bdi>");
    let seen = json!({
        "type": "observed-data", "spec_version": "2.1", "id": id("observed-data", 1), "number_observed": 1,
        "created": "2024-01-01T00:00:00.000Z", "modified": modified(0),
        "first_observed": "2024-01-01T00:00:00Z", "last_observed": "2024-01-01T00:00:00Z",
        "object_refs": [id("file", 1), id("domain-name", 1)],
    });
    ann.post("c1", &[file, alike, seen]).await;
    for (object, name) in [
        (id("file", 1), hash.as_str()),
        (id("domain-name", 1), host),
        (id("observed-data", 1), &id("observed-data", 1)),
    ] {
        let page = house.page("ann", &format!("/objects/{object}")).await;
        assert!(page.contains(&format!("<h1 dir=\"auto\">{name}</h1>")), "{page}");
        assert!(page.contains(&format!("<title>{name} · ")), "{page}");
        for list in ["/".to_owned(), format!("/collections/{collection}")] {
            let page = house.page("ann", &list).await;
            assert!(page.contains(&format!("{name}</a>")), "{list}: {page}");
        }
    }
    let contents = house.page("ann", &format!("/objects/{}", id("observed-data", 1))).await;
    for name in [&format!("{hash}</a>"), &after] {
        assert!(section(&contents, "contents").contains(name), "{contents}");
    }
    let page = house.page("ann", &format!("/objects/{}", id("domain-name", 1))).await;
    assert!(
        page.contains(
            ">xn--80ak6aa92e.com</div><div class=\"quiet\" dir=\"auto\">(Cyrillic letters: аррӏе.com)</div>"
        ),
        "{page}"
    );
    assert!(
        page.contains(&format!("<h1 dir=\"auto\">{host}</h1><p class=\"quiet\" dir=\"auto\">{beside}</p>")),
        "{page}"
    );
    let page = house.filled("ann", "/look-up", "values=%D0%B0%D1%80%D1%80%D3%8F%D0%B5.com").await;
    assert!(page.contains("аррӏе.com<br><span class=\"quiet\">(xn--80ak6aa92e.com)</span>"), "{page}");
    assert!(page.contains("<a href") && page.contains(&after), "{page}");
}
