//! The expected result for an answer: which cases are allowed, and what they must
//! contain.

use std::borrow::Cow;

use offboard_plugin::{
    answer::{self, Answer, Failure},
    request,
    tracking::ActionFilter,
    types::{ActionPage, MachineAction, MachinePage, ServiceError},
};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use url::Url;

use super::{
    entries::{Pairs, check_action, check_machine, is_action, member},
    json,
    links::{check_retry_after, check_target, decoded},
    refused::{Kind, Refused},
};

/// A name that is searched in four steps: upper case, and without a dot.
const NAME: &str = "LAPTOP-7";

/// The longest text of the service in an error, in bytes.
const MAX_WORDS: usize = 4096;

/// The answer that every result is compared with.
pub(super) struct Oracle<'a> {
    pub(super) sent: &'a Result<Answer, Failure>,
    /// The body of an answer, if it is text.
    pub(super) text: Option<&'a str>,
}

impl<'a> Oracle<'a> {
    /// Only a 2xx with a body that is text is a success.
    pub(super) fn success(&self) -> &'a str {
        assert!(matches!(
            self.sent,
            Ok(Answer {
                status: 200..=299,
                ..
            })
        ));
        self.text.expect("a success without a text")
    }

    pub(super) fn one_action(&self, action: &MachineAction) {
        let text = self.success();
        assert_eq!(action.json, text.trim());
        check_action(action, text);
    }

    pub(super) fn actions(&self, list: &ActionPage) {
        let text = self.success();
        for action in &list.actions {
            check_action(action, text);
        }
        if let Some(entries) = self.entries() {
            // Only malformed entries are omitted.
            let expected: Option<Vec<Option<&str>>> = entries
                .iter()
                .map(|entry| is_action(entry).map(|is| is.then_some(entry.trim())))
                .collect();
            if let Some(expected) = expected {
                let given = list.actions.iter().map(|action| action.json.as_str());
                assert!(given.eq(expected.into_iter().flatten()));
            }
        }
        self.next_link(list.next.as_deref());
        if let Some(cursor) = &list.next {
            let filter = ActionFilter {
                machine_ids: Vec::new(),
                action_type: None,
                statuses: Vec::new(),
                created_after: None,
            };
            let next = request::list_actions(&filter, Some(cursor), 100).expect("its own cursor");
            check_target(&next.target, "/api/machineactions", cursor);
        }
    }

    /// `link` is only the query of the next page.
    pub(super) fn machines(&self, list: &MachinePage, link: Option<&str>) {
        if let Ok(Answer { status: 404, .. }) = self.sent {
            // The 404 of a proxy is not an empty fleet: the service's own 404 has a code.
            assert!(list.machines.is_empty() && link.is_none());
            let text = String::from_utf8_lossy(self.body());
            assert!(json::is_json(&text) && text.contains('{'));
            return;
        }
        let text = self.success();
        for machine in &list.machines {
            check_machine(machine, text);
        }
        if let Some(entries) = self.entries() {
            let given = list.machines.iter().map(|machine| machine.json.as_str());
            assert!(given.eq(entries.iter().map(|entry| entry.trim())));
        }
        self.next_link(link);
        if let Some(cursor) = link {
            let next = request::list_machines(Some(cursor), 100).expect("its own cursor");
            check_target(&next.target, "/api/machines", cursor);
        }
    }

    /// The answer to one step: continues with its next page, or with the next step.
    pub(super) fn find(&self, cursor: Option<&str>) {
        let ask = |cursor| request::find_machines(NAME, cursor, 100);
        let step = ask(cursor).expect("a step");
        assert!(step.number < step.count);
        match answer::find_machines(&step, self.sent.clone()) {
            Ok(list) => {
                let (number, query) = match &list.next {
                    None => (step.count, ""),
                    Some(next) => {
                        let (number, query) = next.split_once(':').expect("a step's cursor");
                        (number.parse().expect("a step's number"), query)
                    }
                };
                let link = (!query.is_empty()).then_some(query);
                self.machines(&list, link);
                assert_eq!(number, step.number + usize::from(link.is_none()));
                if let Some(next) = &list.next {
                    let next = ask(Some(next)).expect("its own cursor");
                    assert_eq!((next.number, next.count), (number, step.count));
                    if let Some(query) = link {
                        check_target(&next.request.target, "/api/machines", query);
                    }
                }
            }
            Err(error) => self.refused(&error.into(), Kind::List),
        }
    }

    /// The cases that the contract allows for an answer.
    pub(super) fn refused(&self, error: &Refused, kind: Kind) {
        let post = matches!(kind, Kind::Offboard | Kind::Tag | Kind::Cancel);
        let (status, retry_after) = match self.sent {
            Ok(answer) => (Some(answer.status), &answer.retry_after),
            Err(Failure::Broken {
                status,
                retry_after,
                ..
            }) => (Some(*status), retry_after),
            Err(_) => (None, &None),
        };
        let allowed: &[&str] = match (self.sent, status) {
            (Err(Failure::NoCredential(_)), _) => &["no credential"],
            (Err(Failure::Denied(_)), _) => &["denied"],
            (Err(Failure::NotSent(_)), _) if post => &["not sent"],
            (Err(Failure::NoAnswer(_)), _) if post => &["unknown"],
            (_, None) => &["no answer"],
            (_, Some(200..=299)) => &["unreadable"],
            (_, Some(401)) => &["unauthorized"],
            (_, Some(403)) => &["forbidden"],
            (_, Some(404)) => &["not found"],
            (_, Some(429)) => &["throttled"],
            (_, Some(500..=599)) => &["service failure"],
            (_, Some(408 | ..=299 | 600..)) if post => &["unknown"],
            (_, Some(408 | ..=299 | 600..)) => &["service failure"],
            (_, Some(300..=499)) if kind == Kind::Offboard => {
                &["rejected", "unsupported", "in progress"]
            }
            (_, Some(300..=499)) => &["rejected"],
        };
        assert!(
            allowed.contains(&error.case),
            "{} for {status:?}",
            error.case
        );

        // The most important property, checked separately: if a POST may have been carried
        // out, no case reports that it was not.
        let left = !matches!(
            self.sent,
            Err(Failure::NoCredential(_) | Failure::Denied(_) | Failure::NotSent(_))
        );
        let refused = status.is_some_and(|status| (300..=499).contains(&status) && status != 408);
        if post && left && !refused {
            assert!(["unknown", "unreadable", "service failure"].contains(&error.case));
        }

        if let Some(status_given) = error.unreadable {
            assert_eq!(Some(status_given), status);
            assert!(
                error
                    .reason
                    .as_ref()
                    .is_some_and(|text| text.len() <= MAX_WORDS)
            );
        }
        if let Some(said) = &error.said {
            assert_eq!(Some(said.status), status);
            self.words(said);
        }
        if let Some(seconds) = error.throttled {
            check_retry_after(retry_after.as_deref(), seconds);
        }
    }

    pub(super) fn words(&self, said: &ServiceError) {
        for text in [&said.code, &said.message, &said.target]
            .into_iter()
            .flatten()
        {
            assert!((1..=MAX_WORDS).contains(&text.len()));
        }
        let text = match self.sent {
            Err(Failure::Broken { reason, .. }) => Cow::Borrowed(reason.as_str()),
            _ => String::from_utf8_lossy(self.body()),
        };
        if said.code.is_some() || said.target.is_some() {
            assert!(json::is_json(&text));
        } else if !json::is_json(&text) {
            // Text of another source, truncated to its beginning.
            let message = said.message.as_deref().unwrap_or_default();
            assert!(text.trim().starts_with(message));
            assert!(message.len() > MAX_WORDS - 4 || message == text.trim());
        }
    }

    /// The cursor is the query of the link in the body, as `url` parses it.
    pub(super) fn next_link(&self, next: Option<&str>) {
        let Some(Pairs(pairs)) = self.text.and_then(|text| serde_json::from_str(text).ok()) else {
            return;
        };
        let link = match member(&pairs, "@odata.nextLink") {
            Some(Value::String(link)) => link,
            Some(Value::Array(_) | Value::Object(_)) | None => {
                assert_eq!(next, None);
                return;
            }
            Some(_) => return,
        };
        // A list must not end while its next link has another page.
        let next = next.expect("a next link was lost");
        // `url` removes the same characters as browsers.
        if link.trim() != link || link.contains(['\t', '\n', '\r']) {
            return;
        }
        let base = Url::parse("https://api.example.test/").expect("a URL");
        if let Ok(url) = base.join(link) {
            let of_link = url.query().map(decoded);
            assert_eq!(of_link, Some(decoded(next)));
        }
    }

    pub(super) fn entries(&self) -> Option<Vec<&'a str>> {
        let Pairs(pairs) = serde_json::from_str(self.text?).ok()?;
        let value = pairs
            .iter()
            .find(|(name, _)| name == "value")
            .map(|(_, value)| value)?;
        value.is_array().then_some(())?;
        // The same member, as written in the body.
        #[derive(Deserialize)]
        struct Page<'a> {
            #[serde(borrow)]
            value: Vec<&'a RawValue>,
        }
        let page: Page = serde_json::from_str(self.text?).ok()?;
        Some(page.value.into_iter().map(RawValue::get).collect())
    }

    pub(super) fn body(&self) -> &'a [u8] {
        self.sent.as_ref().map_or(&[], |answer| &answer.body)
    }
}
