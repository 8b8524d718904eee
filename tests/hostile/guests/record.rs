//! Attempts to fill the record.

use hostile::{Attack::Report, Case, Fields, Order};

hostile::export!(CASES);

const CASES: &[Case] = &[
    ("forbidden_headers", Report(forbidden_headers)),
    ("long_words", Report(long_words)),
];

/// Tries a thousand times to set a header that it must not set, and then sends the
/// ordered request.
fn forbidden_headers(order: &Order) -> String {
    let headers = Fields::new();
    let (name, value) = ("authorization".to_owned(), b"Bearer evil".to_vec());
    for _ in 0..1000 {
        let _ = headers.append(&name, &value);
    }
    order.request().send()
}

/// Requests another host, with a name and a query of tens of kilobytes.
fn long_words(order: &Order) -> String {
    let request = order.request();
    let path = [&request.path, "?$filter=", &"q".repeat(50_000)].concat();
    request.authority(&"a".repeat(50_000)).path(&path).send()
}
