//! Media types: no header breaks the negotiation, and the plain TAXII type is always accepted as a body.
#![no_main]

use libfuzzer_sys::fuzz_target;
use taxii::media::{self, Offer};

fuzz_target!(|text: &str| {
    let narrow = media::accepts([text], Offer::Taxii);
    let wide = media::accepts([text, media::MEDIA_TYPE], Offer::Taxii);
    assert!(!narrow || wide, "one more range makes an acceptable answer unacceptable");
    let _ = (media::is_taxii(text), media::speaks_taxii([text]));
    assert!(media::is_taxii(media::MEDIA_TYPE));
});
