//! What a plugin tried is on record, and no more of it than fits there.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use offboard::{
    egress::{Audit, AuditedRequest, Phase},
    grant::Refusal,
};

use super::{
    Attack, Offboarding, Scripted, TOKEN, assert_as_ordered, assert_nothing_left, connection,
    service,
};

/// An audit in memory: each entry as text.
#[derive(Default)]
struct Kept {
    entries: Mutex<Vec<String>>,
    /// How many entries it got.
    count: AtomicUsize,
    /// The longest method, scheme or authority, and the longest query.
    longest: AtomicUsize,
    longest_query: AtomicUsize,
    /// The position of the one entry that it rejects.
    fails: Option<usize>,
}

impl Audit for Kept {
    fn record(&self, entry: &AuditedRequest<'_>) -> io::Result<()> {
        let position = self.count.fetch_add(1, Ordering::SeqCst);
        if self.fails == Some(position) {
            return Err(io::Error::other("full"));
        }
        let phase = match entry.phase {
            Phase::Decision => "decision",
            Phase::End => "end",
        };
        let AuditedRequest { method, scheme, .. } = entry;
        for word in [method, scheme, &entry.authority] {
            self.longest.fetch_max(word.len(), Ordering::SeqCst);
        }
        let query = entry.query.unwrap_or("-");
        self.longest_query.fetch_max(query.len(), Ordering::SeqCst);
        let what = match (entry.refusal, entry.exchange) {
            (Some(refusal), _) => refusal.to_string(),
            (None, Some(exchange)) => format!("{:?}", exchange.status),
            (None, None) => "let out".to_owned(),
        };
        let mut entries = self.entries.lock().unwrap();
        entries.push(format!("{phase} {method} {scheme} {query}: {what}"));
        Ok(())
    }
}

fn kept(fails: Option<usize>) -> Arc<Kept> {
    Arc::new(Kept {
        fails,
        ..Kept::default()
    })
}

/// The call of an attack, and the audit's entries.
async fn noted(name: &str, server: &Scripted, fails: Option<usize>) -> (Offboarding, Vec<String>) {
    let kept = kept(fails);
    let attack = Attack::new(name).audited(kept.clone());
    let called = attack.offboard(&connection(server.root())).await;
    let entries = kept.entries.lock().unwrap().clone();
    (called, entries)
}

#[tokio::test]
async fn a_request_is_noted_before_it_leaves_and_when_it_ended() {
    let server = service();
    let (called, entries) = noted("credential/reads_the_answer", &server, None).await;
    assert_eq!(
        entries,
        [
            "decision POST http -: let out",
            "end POST http -: Some(200)"
        ]
    );
    assert_as_ordered(&called, &server);
}

#[tokio::test]
async fn a_request_that_cannot_be_noted_does_not_leave() {
    let server = service();
    let (called, entries) = noted("credential/reads_the_answer", &server, Some(0)).await;
    let refusal = Refusal::Audit;
    assert_eq!(entries, [format!("decision POST http -: {refusal}")]);
    assert_eq!(called.record.refusals, [refusal], "{called:?}");
    assert_nothing_left(&called, &server);
}

#[tokio::test]
async fn a_request_whose_end_cannot_be_noted_is_the_last() {
    let server = service();
    let kept = kept(Some(1));
    let attack = Attack::new("credential/reads_the_answer").audited(kept.clone());
    let connection = connection(server.root());
    let called = attack.offboard(&connection).await;
    assert_eq!(called.record.refused, 0, "{called:?}");
    let called = attack.offboard(&connection).await;
    assert_eq!(called.record.refusals, [Refusal::Audit], "{called:?}");
    assert_eq!(
        *kept.entries.lock().unwrap(),
        [
            "decision POST http -: let out".to_owned(),
            format!("decision POST http -: {}", Refusal::Audit)
        ]
    );
    assert_as_ordered(&called, &server);
}

#[tokio::test]
async fn a_query_is_noted() {
    let server = service();
    let (called, entries) = noted("routes/query", &server, None).await;
    assert_eq!(called.record.refusals, [Refusal::Query], "{called:?}");
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert!(!entries[0].contains(" -: "), "{entries:?}");
    assert_nothing_left(&called, &server);
}

#[tokio::test]
async fn a_scheme_of_one_s_own_is_noted() {
    let server = service();
    let (_, entries) = noted("addresses/custom_scheme", &server, None).await;
    let refusal = Refusal::Scheme("gopher".to_owned());
    assert_eq!(entries, [format!("decision POST gopher -: {refusal}")]);
}

#[tokio::test]
async fn a_header_that_it_may_not_set_is_noted() {
    let server = service();
    let (_, entries) = noted("headers/authorization", &server, None).await;
    assert_eq!(
        entries,
        [
            "decision   -: the header \"authorization\" is not granted",
            "decision POST http -: let out",
            "end POST http -: Some(200)"
        ]
    );
    assert!(!entries.concat().contains(TOKEN));
}

#[tokio::test]
async fn a_thousand_headers_do_not_fill_the_record() {
    let server = service();
    let (called, entries) = noted("record/forbidden_headers", &server, None).await;
    assert_eq!(entries.len(), 257, "{entries:?}");
    assert!(entries[256].contains("too many"), "{entries:?}");
    assert_eq!(called.record.refused, 1001, "{called:?}");
    assert_nothing_left(&called, &server);
}

#[tokio::test]
async fn long_words_are_not_put_on_record_whole() {
    for name in ["record/long_words", "requests/huge_method"] {
        let server = service();
        let kept = kept(None);
        let attack = Attack::new(name).audited(kept.clone());
        let called = attack.offboard(&connection(server.root())).await;
        assert_nothing_left(&called, &server);
        let reasons = called.record.refusals.iter();
        assert!(
            reasons
                .map(|reason| reason.to_string().len())
                .sum::<usize>()
                < 300
        );
        assert!(kept.longest.load(Ordering::SeqCst) <= 200, "{name}");
        assert!(kept.longest_query.load(Ordering::SeqCst) <= 2000, "{name}");
    }
}
