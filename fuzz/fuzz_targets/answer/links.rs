//! Retry-after and next links.

use offboard_plugin::{page, request};
use url::Url;

const MAX_CURSOR: usize = 16 * 1024;

/// A whole number of seconds is kept; anything else is ignored.
pub(super) fn check_retry_after(header: Option<&str>, seconds: Option<u64>) {
    let header = header.unwrap_or_default().trim();
    let digits = header.strip_prefix('+').unwrap_or(header);
    let number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let significant = digits.trim_start_matches('0');
    let significant = if significant.is_empty() {
        "0"
    } else {
        significant
    };
    match seconds {
        Some(seconds) => assert!(number && significant == seconds.to_string()),
        // A number above the range.
        None => assert!(!number || significant.len() >= u64::MAX.to_string().len()),
    }
}

/// The request of a cursor keeps the route and the host of the first page.
pub(super) fn check_target(target: &str, path: &str, query: &str) {
    assert!(target.bytes().all(|byte| byte.is_ascii_graphic()));
    let root = Url::parse("https://api.example.test:8443").expect("a URL");
    for url in [
        Url::parse(&format!("https://api.example.test:8443{target}")),
        root.join(target),
    ] {
        let url = url.expect("a target is a URL");
        assert_eq!(url.origin(), root.origin());
        assert_eq!((url.username(), url.password()), ("", None));
        assert_eq!(url.path(), path);
        assert_eq!(url.fragment(), None);
        assert_eq!(url.query().map(decoded), Some(decoded(query)));
    }
    assert_eq!(target, format!("{path}?{query}"));
}

/// Decodes percent encoding, which may differ for the same query.
pub(super) fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let [byte, rest @ ..] = bytes {
        bytes = rest;
        let pair = rest
            .get(..2)
            .and_then(|pair| std::str::from_utf8(pair).ok());
        let value = pair
            .filter(|pair| pair.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match value {
            Some(value) if *byte == b'%' => {
                decoded.push(value);
                bytes = &rest[2..];
            }
            _ => decoded.push(*byte),
        }
    }
    decoded
}

/// For any text as a next link, the resulting query can be sent.
pub(super) fn next_query(link: &str) {
    if let Some(query) = page::next_query(link) {
        assert!((1..=MAX_CURSOR).contains(&query.len()));
        assert!(!query.contains('#'));
        let next = request::list_machines(Some(&query), 1).expect("its own cursor");
        check_target(&next.target, "/api/machines", &query);
    }
}
