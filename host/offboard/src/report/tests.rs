#![allow(clippy::unwrap_used)]
use std::{cell::Cell, io};

use super::{
    sample::{HOSTILE, entry, head, orders, saying},
    *,
};

fn page(entries: impl IntoIterator<Item = ReportOrder>) -> String {
    page_with(&head(), entries)
}

fn page_with(head: &Heading, entries: impl IntoIterator<Item = ReportOrder>) -> String {
    let mut page = Vec::new();
    write(&mut page, head, entries.into_iter().map(Ok::<_, io::Error>)).unwrap();
    String::from_utf8(page).unwrap()
}

/// Every text between two marks.
fn between<'a>(page: &'a str, begin: &str, end: &str) -> Vec<&'a str> {
    let parts = page.split(begin).skip(1);
    parts.map(|part| part.split_once(end).unwrap().0).collect()
}

/// The orders, as the script reads them.
fn data(page: &str) -> Vec<serde_json::Value> {
    between(page, "class=\"orders\">", "</script>")
        .into_iter()
        .flat_map(|block| serde_json::from_str::<Vec<serde_json::Value>>(block).unwrap())
        .collect()
}

/// Every tag and comment of a page, in order, except the text of its style and its scripts.
fn tags(page: &str) -> Vec<&str> {
    let mut tags = Vec::new();
    let mut rest = page;
    while let Some((_, begun)) = rest.split_once('<') {
        let (tag, after) = begun.split_once('>').unwrap();
        tags.push(tag);
        let name = tag.split_whitespace().next().unwrap();
        rest = match name {
            "style" | "script" => &after[after.find(&format!("</{name}")).unwrap()..],
            _ => after,
        };
    }
    tags
}

/// The names of a tag's attributes.
fn attributes(tag: &str) -> impl Iterator<Item = &str> {
    // Every other piece is a value in quotes.
    tag.split('"')
        .step_by(2)
        .enumerate()
        .flat_map(|(place, names)| {
            let names = names.split_whitespace().skip(usize::from(place == 0));
            names
                .map(|name| name.trim_end_matches('='))
                .filter(|name| *name != "/")
        })
}

#[test]
fn hostile_text_is_text_wherever_it_stands() {
    let plain = tags(&page((0..HOSTILE.len() as u64).map(|n| saying(n, "plain"))))
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    let hostile = page((0..).zip(HOSTILE).map(|(n, text)| saying(n, text)));
    // The page has the same tags as for harmless orders.
    assert_eq!(tags(&hostile), plain);
    for text in HOSTILE {
        let page = page([saying(1, text)]);
        assert!(!text.contains('<') || !page.contains(text), "{text}");
        assert_eq!(data(&page).len(), 1, "{text}");
    }
}

#[test]
fn the_head_is_as_harmless_as_the_orders() {
    let plain = head();
    for text in HOSTILE {
        let hostile = Heading {
            title: text.to_owned(),
            facts: plain
                .facts
                .iter()
                .map(|_| (text.to_owned(), text.to_owned()))
                .collect(),
            notes: vec![text.to_owned()],
        };
        assert_eq!(
            tags(&page_with(&hostile, [])),
            tags(&page_with(&plain, [])),
            "{text}"
        );
    }
}

#[test]
fn hostile_text_of_any_make_is_text() {
    // Every combination of three pieces: what one piece escapes, the next one must not
    // unescape.
    let pieces = [
        "<", ">", "&", "\"", "'", "/", "!--", "-->", "script", "{{data}}", "\\", "\0", "\u{2028}",
        "=", "on",
    ];
    let plain = page([saying(1, "plain")]);
    let plain = tags(&plain);
    for one in pieces {
        let texts = pieces
            .iter()
            .flat_map(|two| pieces.map(|three| format!("{one}{two}{three}")));
        let text: String = texts.collect();
        for text in [text.clone(), text.chars().rev().collect()] {
            // Not longer than the limit of a text, so that nothing is truncated.
            for part in text.chars().collect::<Vec<_>>().chunks(1500) {
                let part: String = part.iter().collect();
                let page = page([saying(1, &part)]);
                assert_eq!(tags(&page), plain, "{part}");
                assert_eq!(data(&page).len(), 1, "{part}");
            }
        }
    }
}

#[test]
fn a_name_that_is_a_slot_is_not_filled_in() {
    let page = page([saying(1, "{{script}}{{data}}")]);
    assert!(page.contains("<bdi>{{script}}{{data}}</bdi>"));
    assert_eq!(page.matches("\"use strict\"").count(), 1);
}

#[test]
fn what_cannot_be_seen_is_written_out() {
    let page = page((0..).zip(HOSTILE).map(|(n, text)| saying(n, text)));
    let hidden = |c: char| {
        c.is_control() && c != '\n'
            || "\u{200b}\u{202e}\u{2028}\u{2029}\u{2066}\u{feff}\u{e0041}".contains(c)
    };
    assert_eq!(page.chars().find(|c| hidden(*c)), None);
    assert!(page.contains("<bdi>\\u{202e}txt.exe\\u{2066}</bdi>"));
    assert_eq!(data(&page)[10]["name"], "\\u{202e}txt.exe\\u{2066}");
}

#[test]
fn an_answer_is_kept_as_the_service_wrote_it() {
    let answer = "{\"b\":1.50,\"a\":\"</script>\\u003c\",\"b\":2}";
    let mut order = saying(1, "plain");
    order.requests[0].answer = Some(answer.to_owned());
    assert_eq!(data(&page([order]))[0]["requests"][0]["answer"], answer);
}

#[test]
fn the_page_requests_nothing_from_other_hosts() {
    let page = page(orders(400));
    let harmless = [
        "charset",
        "class",
        "colspan",
        "content",
        "d",
        "data-label",
        "data-sort",
        "for",
        "height",
        "hidden",
        "html",
        "http-equiv",
        "id",
        "lang",
        "name",
        "role",
        "scope",
        "selected",
        "spellcheck",
        "autocomplete",
        "text-anchor",
        "transform",
        "type",
        "viewBox",
        "width",
        "x",
        "y",
    ];
    for tag in tags(&page) {
        for name in attributes(tag) {
            let known = harmless.contains(&name) || name.starts_with("aria-");
            assert!(known, "{name}: {tag}");
        }
    }
    for call in ["@import", "url("] {
        assert!(!STYLE.contains(call), "{call}");
    }
    for call in [
        "fetch",
        "XMLHttpRequest",
        "import",
        "WebSocket",
        "EventSource",
        "sendBeacon",
        "http:",
        "https:",
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval",
        "Function",
    ] {
        assert!(!SCRIPT.contains(call), "{call}");
    }
}

#[test]
fn the_policy_allows_this_style_and_this_script_alone() {
    let page = page(orders(3));
    let policy = between(&page, "Content-Security-Policy\" content=\"", "\"")[0];
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    for (source, begin, end) in [
        ("script-src", "<script>", "</script>"),
        ("style-src", "<style>", "</style>"),
    ] {
        let texts = between(&page, begin, end);
        assert_eq!(texts.len(), 1, "{source}");
        let hash = STANDARD.encode(Sha256::digest(texts[0]));
        assert!(
            policy.contains(&format!("{source} 'sha256-{hash}';")),
            "{policy}"
        );
    }
    // The note is above everything that it describes.
    let place = |text| page.find(text).unwrap();
    assert!(place("Content-Security-Policy") < place("<title>").min(place("<style>")));
}

#[test]
fn the_policy_fits_a_file_with_other_line_ends() {
    assert_eq!(unix("a\r\nb\n"), "a\nb\n");
    assert!(!page([]).contains('\r'));
}

#[test]
fn the_essentials_are_there_without_a_script() {
    let page = page(orders(400));
    let (still, _) = page.split_once("<script>").unwrap();
    assert!(still.contains("400 orders in total"));
    assert!(still.contains("<svg class=\"plot wide\""));
    assert_eq!(still.matches("<th scope=\"row\"><bdi>").count(), 400);
    let first = orders(1).next().unwrap();
    for text in [
        first.machine.unwrap(),
        first.requests[0].tracking.clone().unwrap(),
        "2026-11-26 10:20:32.150".to_owned(),
        "Retired, CHG-4471".to_owned(),
    ] {
        assert!(still.contains(&text), "{text}");
    }
    // Elements that need a script are hidden until it runs.
    for id in ["controls", "pages"] {
        let tag = tags(still)
            .into_iter()
            .find(|tag| tag.contains(&format!("id=\"{id}\"")))
            .unwrap();
        assert!(tag.ends_with(" hidden"), "{tag}");
    }
}

#[test]
fn a_hundred_thousand_orders_pass_through() {
    struct Counting<'a>(&'a Cell<usize>);
    impl io::Write for Counting<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.set(self.0.get() + bytes.len());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    // Less than the size of an order in the data.
    const ORDER: usize = 150;
    let written = Cell::new(0);
    let (mut taken, mut held) = (0_usize, 0);
    let entries = (1..=100_000).map(|number| {
        held = held.max((taken * ORDER).saturating_sub(written.get()));
        taken += 1;
        Ok::<_, io::Error>(entry(number, "succeeded"))
    });
    write(&mut Counting(&written), &head(), entries).unwrap();
    assert_eq!(taken, 100_000);
    assert!(written.get() > taken * ORDER);
    assert!(held < 100_000, "{held} bytes were held back");
}

#[test]
fn more_orders_than_a_table_holds_are_all_in_the_data() {
    let page = page(orders(1203));
    let numbers: Vec<_> = data(&page)
        .iter()
        .map(|order| order["number"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, (1..=1203).collect::<Vec<_>>());
    assert_eq!(page.matches("class=\"orders\">").count(), 3);
    assert!(page.contains("These are the first 500 of 1,203 orders."));
    assert!(page.contains("1,203 orders in total"));
}

#[test]
fn large_answers_make_more_blocks_and_fewer_rows() {
    let large = |number| {
        let mut order = saying(number, "plain");
        order.requests[0].answer = Some(format!("\"{}\"", "x".repeat(3 << 20)));
        order
    };
    let page = page((0..4).map(large));
    assert_eq!(page.matches("class=\"orders\">").count(), 4);
    assert_eq!(data(&page).len(), 4);
    // In a row, an answer is truncated like any text.
    assert!(between(&page, "<tbody id=\"rows\">", "</tbody>")[0].len() < 40_000);
}

#[test]
fn an_error_among_the_orders_ends_the_page() {
    let mut page = Vec::new();
    let entries = [
        Ok(entry(1, "succeeded")),
        Err(io::Error::other("the ledger cannot be read")),
        Ok(entry(2, "succeeded")),
    ];
    let error = write(&mut page, &head(), entries.into_iter()).unwrap_err();
    assert_eq!(error.to_string(), "the ledger cannot be read");
    let page = String::from_utf8(page).unwrap();
    assert!(!page.contains("</html>") && !page.contains("\"number\":2"));
}

#[test]
fn a_disk_that_is_full_before_the_last_byte_is_an_error() {
    struct Disk(usize);
    impl io::Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let free = self.0.checked_sub(bytes.len());
            self.0 = free.ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let none = || std::iter::empty::<Result<ReportOrder, io::Error>>();
    let length = page([]).len();
    write(&mut Disk(length), &head(), none()).unwrap();
    let error = write(&mut Disk(length - 1), &head(), none()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}

#[test]
fn every_slot_is_filled() {
    let page = page([saying(1, "plain")]);
    assert!(!page.contains("{{") && !page.contains("}}"));
    assert!(page.ends_with("</html>\n"));
}

/// Writes the page for the documentation's picture:
/// `OFFBOARD_SAMPLE=report.html cargo test -p offboard-cli --bin offboard sample`.
#[test]
fn the_sample_has_every_state() {
    let page = page(orders(420));
    let still = page.split("<script>").next().unwrap();
    for state in &states::STATES[..states::STATES.len() - 1] {
        assert!(
            still.contains(&format!("</span> {}</span></th>", state.name)),
            "{}",
            state.name
        );
    }
    if let Some(path) = std::env::var_os("OFFBOARD_SAMPLE") {
        std::fs::write(path, page).unwrap();
    }
}
