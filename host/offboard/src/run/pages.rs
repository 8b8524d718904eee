//! Reads a list to its end, and proves the end. A list that may be incomplete is never treated as
//! complete: a machine that is missing in it could be offboarded twice, or mistaken for the only
//! one with its name.
//!
//! The service was seen to cap a page without a next link, to send next links that lost the names
//! of their parameters, and next links that never ended. So after a page without a next link, the
//! entries after it are queried with `$skip`, which Microsoft documents for both lists.

use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
};

use percent_encoding::percent_decode_str;

use super::read::{check_next, not_delivered};
use crate::{
    contract::{Problem, Retry},
    egress::CallRecord,
    verify::Delivered,
};

/// A page with fewer entries and without a next link is the last one: no service caps a page at
/// one entry.
const SMALLEST_CAP: usize = 2;
/// The most pages in succession without any entry.
const MAX_EMPTY: u32 = 20;
/// The most entries of one list. The memory of a list has to be bounded.
const MAX_ENTRIES: usize = 1_000_000;
/// The most pages of one list: a service may continue a list of small pages forever.
const MAX_PAGES: u32 = 2000;

/// A list whose pages are read one after the other.
pub(super) struct Pages {
    /// The number of entries that a page may have.
    limit: u32,
    /// The number of the present spelling, if the list is a search for a name, which continues
    /// with other spellings.
    spelling: Option<String>,
    /// The query of the first page, of the present spelling.
    first: Option<String>,
    /// The hashes of the ids of all entries so far.
    known: HashSet<u64>,
    hasher: RandomState,
    /// The number of entries so far, of the present spelling.
    read: usize,
    /// The number of pages so far.
    pages: u32,
    /// The number of pages in succession without an entry.
    empty: u32,
    /// Whether the query of the present page was made here.
    is_own: bool,
    /// Whether the present page was requested only to prove that there are no more entries.
    is_proof: bool,
    /// The plugin's cursor after the page before the proof.
    after_proof: Option<String>,
}

impl Pages {
    /// A list whose pages have at most `limit` entries.
    pub(super) fn of_list(limit: u32) -> Self {
        Self {
            limit,
            spelling: None,
            first: None,
            known: HashSet::new(),
            hasher: RandomState::new(),
            read: 0,
            pages: 0,
            empty: 0,
            is_own: false,
            is_proof: false,
            after_proof: None,
        }
    }

    /// A search for a name.
    pub(super) fn of_search(limit: u32) -> Self {
        Self {
            spelling: Some("0".to_owned()),
            ..Self::of_list(limit)
        }
    }

    /// The number of different entries so far.
    pub(super) fn len(&self) -> u64 {
        self.known.len() as u64
    }

    /// The cursor of the next page, after a page that egress delivered; `None` if the list is
    /// complete. `next` is the cursor that the plugin reports.
    ///
    /// # Errors
    /// The plugin reports another end than the service, or the list may be incomplete.
    pub(super) fn next(
        &mut self,
        record: &CallRecord,
        sent: Option<&Delivered<'_>>,
        next: Option<String>,
    ) -> Result<Option<String>, Problem> {
        check_next(sent, next.as_deref(), self.spelling.is_some())?;
        // A 404 means an empty list.
        let Some(sent) = sent else {
            return Ok(self.end(next));
        };
        let query = record.exchange.as_ref().and_then(|sent| sent.query.clone());
        let query = query.ok_or_else(|| not_delivered("a list"))?;
        let first = self.first.get_or_insert_with(|| query.clone()).clone();
        let ids = sent.listed().ok_or_else(|| not_delivered("a list"))?;
        let before = self.known.len();
        for (id, _) in ids {
            self.known.insert(self.hasher.hash_one(id));
        }
        self.pages += 1;
        if self.known.len() > MAX_ENTRIES || self.pages > MAX_PAGES {
            return Err(incomplete("continues its list without an end"));
        }
        let count = sent.count();
        self.read += count;
        let is_new = self.known.len() > before || sent.odd().len() == count;
        let was_proof = std::mem::take(&mut self.is_proof);
        let was_own = std::mem::take(&mut self.is_own);
        match sent.next() {
            None if count == 0 => Ok(self.end(next)),
            // Such a service ignores `$skip`. The page before was shorter than a page may be.
            None if !is_new && was_proof => Ok(self.end(next)),
            _ if count > 0 && !is_new => Err(incomplete("repeats a page")),
            Some(link) if link == query => Err(incomplete("repeats a page")),
            // There are no entries after those that were read.
            Some(link) if count == 0 && was_own && is_mangled(link, &first) => {
                if self.spelling.is_some() {
                    return Err(incomplete("continues without entries"));
                }
                Ok(None)
            }
            Some(_) if count == 0 && self.empty >= MAX_EMPTY => {
                Err(incomplete("continues without entries"))
            }
            Some(link) => {
                self.empty = if count == 0 { self.empty + 1 } else { 0 };
                if is_mangled(link, &first) {
                    return Ok(Some(self.skip(&first)));
                }
                Ok(next)
            }
            None if count < SMALLEST_CAP && count < self.limit as usize => Ok(self.end(next)),
            None => {
                // A page of exactly this size may be cut off. A longer one ignores `$top`.
                self.is_proof = count != self.limit as usize;
                self.after_proof = next;
                Ok(Some(self.skip(&first)))
            }
        }
    }

    /// The cursor of the next page, if the service has refused the present one. A service without
    /// `$skip` cannot prove the end of a list that is shorter than a page.
    ///
    /// # Errors
    /// The problem, unless the page was only a proof.
    pub(super) fn refused(&mut self, problem: Problem) -> Result<Option<String>, Problem> {
        if self.is_proof && problem.status == Some(400) {
            let next = self.after_proof.take();
            self.is_proof = false;
            return Ok(self.end(next));
        }
        Err(problem)
    }

    /// The end of the list, or the beginning of a search for the next spelling.
    fn end(&mut self, next: Option<String>) -> Option<String> {
        self.spelling.as_ref()?;
        let next = next?;
        let (spelling, _) = next.split_once(':')?;
        *self = Self {
            spelling: Some(spelling.to_owned()),
            ..Self::of_list(self.limit)
        };
        Some(next)
    }

    /// The cursor of the entries after those that were read.
    fn skip(&mut self, first: &str) -> String {
        self.is_own = true;
        let query = skipping(first, self.limit, self.read);
        match &self.spelling {
            Some(spelling) => format!("{spelling}:{query}"),
            None => query,
        }
    }
}

/// A list that cannot be read to its end. It can be read again.
pub(super) fn incomplete(why: &str) -> Problem {
    let message = format!("the service {why}, so the list may be incomplete");
    Problem {
        reading: true,
        ..Problem::new("unreadable-answer", Retry::Safe, message)
    }
}

/// The same query for the entries after the first `skip` ones.
fn skipping(query: &str, limit: u32, skip: usize) -> String {
    let kept = query.split('&').filter(|pair| {
        let name = option(pair);
        !["skip", "skiptoken", "top"].contains(&name.as_str())
    });
    let mut options: Vec<String> = kept.map(ToOwned::to_owned).collect();
    options.push(format!("$top={limit}"));
    options.push(format!("$skip={skip}"));
    options.join("&")
}

/// Whether a next link has lost the name of a parameter, or the filter of the first page.
fn is_mangled(link: &str, first: &str) -> bool {
    let names = |query: &str| query.split('&').map(option).collect::<Vec<_>>();
    let (has, had) = (names(link), names(first));
    let has_lost = |name: &str| {
        let is = |known: &String| known == name;
        had.iter().any(is) && !has.iter().any(is)
    };
    // A token may replace the whole query.
    let has_token = has.iter().any(|name| name.ends_with("token"));
    has.iter().any(String::is_empty) || (has_lost("filter") && !has_token)
}

/// The name of an option of a query, in lower case and without its dollar sign.
fn option(pair: &str) -> String {
    let name = pair.split_once('=').map_or("", |(name, _)| name);
    let name = percent_decode_str(name).decode_utf8_lossy().to_lowercase();
    name.trim().trim_start_matches('$').to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const FIRST: &str = "$filter=machineId%20eq%20'x'&$top=4";

    /// A page with these ids, and this next link.
    fn page(ids: &[u32], link: Option<&str>) -> String {
        let entries: Vec<_> = ids.iter().map(|id| serde_json::json!({"id": id})).collect();
        let link = link.map(|query| format!("https://host.test/api/machines?{query}"));
        serde_json::json!({"value": entries, "@odata.nextLink": link}).to_string()
    }

    /// Reads pages until the end; the next one of `pages` for each query.
    fn read(mut pages: Pages, answers: &[(&[u32], Option<&str>)]) -> Result<Vec<String>, String> {
        let mut queries = vec![FIRST.to_owned()];
        for (ids, link) in answers {
            let query = queries.last().unwrap().clone();
            let query = query
                .split_once(':')
                .map_or(query.as_str(), |(_, query)| query);
            let record = CallRecord::of_answer(200, &page(ids, *link)).with_query(query);
            let sent = Delivered::read(&record);
            let next = match (&pages.spelling, link) {
                (Some(spelling), Some(link)) => Some(format!("{spelling}:{link}")),
                (_, link) => link.map(ToOwned::to_owned),
            };
            match pages.next(&record, sent.as_ref(), next) {
                Ok(Some(next)) => queries.push(next),
                Ok(None) => return Ok(queries),
                Err(problem) => return Err(problem.message.unwrap_or_default()),
            }
        }
        panic!("the list has no end: {queries:?}");
    }

    fn list(answers: &[(&[u32], Option<&str>)]) -> Result<Vec<String>, String> {
        read(Pages::of_list(4), answers)
    }

    #[test]
    fn one_entry_and_none_are_a_whole_list() {
        assert_eq!(list(&[(&[], None)]).unwrap().len(), 1);
        assert_eq!(list(&[(&[1], None)]).unwrap().len(), 1);
    }

    /// With `$top`, the service may cap a page, full or not, and give no next link.
    #[test]
    fn the_end_of_a_list_is_proved() {
        let queries = list(&[(&[1, 2], None), (&[3], None)]).unwrap();
        assert_eq!(queries[1], "$filter=machineId%20eq%20'x'&$top=4&$skip=2");
        let full: &[u32] = &[1, 2, 3, 4];
        let queries = list(&[(full, None), (&[5, 6], None), (&[], None)]).unwrap();
        assert!(queries[2].ends_with("&$skip=6"), "{queries:?}");
        let queries = read(Pages::of_search(4), &[(full, None), (&[], None)]).unwrap();
        assert_eq!(queries[1], "0:$filter=machineId%20eq%20'x'&$top=4&$skip=4");
    }

    #[test]
    fn a_service_that_ignores_skip_has_sent_a_short_list_as_a_whole() {
        assert_eq!(list(&[(&[1, 2], None), (&[2, 1], None)]).unwrap().len(), 2);
        let full: &[u32] = &[1, 2, 3, 4];
        let error = list(&[(full, None), (full, None)]).unwrap_err();
        assert!(error.contains("repeats a page"), "{error}");
        // It ignores `$top`, too.
        let long: &[u32] = &[1, 2, 3, 4, 5];
        assert_eq!(list(&[(long, None), (long, None)]).unwrap().len(), 2);
    }

    #[test]
    fn a_loop_is_an_error() {
        for link in ["$skip=2", "$skiptoken=a", FIRST] {
            let page: (&[u32], _) = (&[1, 2], Some(link));
            let error = list(&[page, page]).unwrap_err();
            assert!(error.contains("repeats a page"), "{link}: {error}");
        }
        let links: Vec<String> = (0..30).map(|at| format!("$skiptoken={at}")).collect();
        let empty: Vec<(&[u32], _)> = links.iter().map(|link| (&[][..], Some(&**link))).collect();
        let error = list(&empty).unwrap_err();
        assert!(error.contains("without entries"), "{error}");
    }

    /// Each page has an entry that is new, and a link to another page.
    #[test]
    fn a_list_of_small_pages_has_an_end() {
        let links: Vec<String> = (0..3000).map(|at| format!("$skiptoken={at}")).collect();
        let ids: Vec<[u32; 1]> = (0..3000).map(|at| [at]).collect();
        let pages: Vec<(&[u32], _)> = ids
            .iter()
            .zip(&links)
            .map(|(ids, link)| (&ids[..], Some(link.as_str())))
            .collect();
        let error = list(&pages).unwrap_err();
        assert!(error.contains("without an end"), "{error}");
    }

    /// New machines move entries to the next page while the fleet is read.
    #[test]
    fn entries_that_move_to_the_next_page_do_not_end_the_list() {
        let pages: [(&[u32], _); 3] = [
            (&[1, 2], Some("$skiptoken=a")),
            (&[2, 3], Some("$skiptoken=b")),
            (&[4], None),
        ];
        assert_eq!(list(&pages).unwrap().len(), 3);
    }

    /// A link that lost the names of its parameters is the first page again.
    #[test]
    fn a_mangled_link_is_not_followed() {
        for link in ["=4&=2", "4&2", "$top=4&=2", "$top=4&$skip=2"] {
            let queries = list(&[(&[1, 2], Some(link)), (&[3], None)]).unwrap();
            assert_eq!(queries[1], "$filter=machineId%20eq%20'x'&$top=4&$skip=2");
        }
        for link in [
            "$skiptoken=a",
            "$filter=machineId%20eq%20'x'&%24skip=2",
            "$Filter=x&$skip=2",
        ] {
            let queries = list(&[(&[1, 2], Some(link)), (&[3], None)]).unwrap();
            assert_eq!(queries[1], link);
        }
    }

    #[test]
    fn only_a_proof_may_be_refused() {
        let refused = || Problem {
            status: Some(400),
            ..Problem::new("rejected", Retry::Never, "no $skip")
        };
        for (ids, is_whole) in [(&[1, 2][..], true), (&[1, 2, 3, 4], false)] {
            let mut pages = Pages::of_search(4);
            let record = CallRecord::of_answer(200, &page(ids, None)).with_query(FIRST);
            let sent = Delivered::read(&record);
            let next = Some("1:".to_owned());
            assert!(pages.next(&record, sent.as_ref(), next.clone()).is_ok());
            let end = pages.refused(refused()).ok();
            assert_eq!(end, is_whole.then_some(next), "{ids:?}");
            assert!(pages.refused(refused()).is_err());
        }
    }

    /// The service's own link is followed, also if an entry of it cannot be used.
    #[test]
    fn an_entry_without_an_id_counts() {
        let mut pages = Pages::of_list(4);
        let text = r#"{"value": [{"computerDnsName": "pc-1"}, {"id": ""}]}"#;
        let record = CallRecord::of_answer(200, text).with_query(FIRST);
        let sent = Delivered::read(&record).unwrap();
        assert_eq!(sent.odd().len(), 2);
        assert!(sent.odd()[0].contains("pc-1"), "{:?}", sent.odd());
        let next = pages.next(&record, Some(&sent), None).unwrap().unwrap();
        assert!(next.ends_with("$skip=2"), "{next}");
    }
}
