//! Questions: what is understood prints to a query that means the same; a page is never empty nor endless.
#![no_main]

use libfuzzer_sys::fuzz_target;
use taxii::Query;

fuzz_target!(|text: &str| {
    let _ = taxii::Endpoint::parse(text, "/api1/");
    let Ok(query) = Query::parse(text) else { return };
    assert!((1..=base::limit::PAGE_MAX).contains(&query.page_size()));
    let printed = query.to_text();
    let again = Query::parse(printed.trim_start_matches('?')).expect("a printed query can be read");
    assert_eq!(printed, again.to_text());
});
