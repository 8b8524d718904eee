//! Attempts to get the token: from the host, and from the service's responses.

use hostile::{Attack::Report, Case, Order, connection};

hostile::export!(CASES);

const CASES: &[Case] = &[
    ("requests_the_token", Report(requests_the_token)),
    // Everything that is visible of a response.
    ("reads_the_answer", Report(|order| order.request().send())),
    ("unescapes_the_answer", Report(unescapes_the_answer)),
];

fn requests_the_token(_: &Order) -> String {
    let root = connection::api_root();
    match connection::authorization() {
        Ok(Some(value)) => [root, " some ".to_owned(), value].concat(),
        Ok(None) => [root, " none".to_owned()].concat(),
        Err(reason) => [root, " error ".to_owned(), reason].concat(),
    }
}

/// Reads a response and undoes the escapes of JSON.
fn unescapes_the_answer(order: &Order) -> String {
    let report = order.request().send();
    let mut parts = report.split("\\u");
    let mut plain = parts.next().unwrap_or("").to_owned();
    for part in parts {
        let (digits, rest) = part.split_at(part.len().min(4));
        let number = u32::from_str_radix(digits, 16).unwrap_or(0xfffd);
        plain.push(char::from_u32(number).unwrap_or('?'));
        plain.push_str(rest);
    }
    plain
}
