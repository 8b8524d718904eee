//! The grant: whatever a plugin asks for, what is let through is the request
//! that was ordered, and at most once.
//!
//! The oracle knows nothing of the product's policy: it reads what was let
//! through as a URL and as JSON, as the service would. Requests are made from
//! the right one, bent here and there, because raw bytes never come near it.
#![no_main]

use std::{collections::HashSet, time::Duration};

use arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use offboard_host::{
    contract::{ActionFilter, ActionId, ActionType, ApiRoot, Comment, MachineId},
    grant::{Asked, Grant, Refusal},
};
use serde_json::Value;
use url::Url;

const ROOTS: &[&str] = &[
    "https://api.security.microsoft.com",
    "https://api.example.test:8443",
    "https://api.example.test:80",
    "http://127.0.0.1",
    "http://127.0.0.1:443",
    "http://[::1]:8080",
    "https://[2001:db8::1]",
    "http://localhost:65535",
    "https://203.0.113.9:1",
    "https://bücher.example",
    "https://a",
];

const COMMENTS: &[&str] = &[
    "Stolen, INC-1234",
    "\"quoted\" \\ and / back",
    "Überholt 💻\nzweite Zeile\t\u{7f}",
    "null",
    "{\"Comment\":\"x\"}",
    "x",
];

const METHODS: &[&str] = &[
    "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "get", "post", "X",
];

const SCHEMES: &[&str] = &["https", "http", "HTTPS", "ws", "file", "https:", ""];

/// What may make another place of a text that looks like the right one.
const ODD: &[&str] = &[
    "/",
    "//",
    "\\",
    "/..",
    "/../",
    "/./",
    "/.",
    "%2f",
    "%2F",
    "%2e%2e/",
    "%00",
    "%",
    "%25",
    "%5c",
    ";",
    ";x=1",
    "?",
    "?$top=1",
    "#",
    "#x",
    "@",
    "user@",
    "u:p@",
    "evil.test",
    ".evil.test",
    "@evil.test",
    ":443",
    ":80",
    ":8443",
    ":",
    ":0443",
    ".",
    "..",
    " ",
    "\t",
    "\r\n",
    "\n",
    "\0",
    "isolate",
    "offboard",
    "cancel",
    "runliveresponse",
    "machines",
    "machineactions",
    "api",
    "API",
    "v1.0/",
    "$",
    "%24",
    "%2524",
    "$top=1",
    "$filter=a%20eq%20'b'",
    "&",
    "&&",
    "=",
    "&$top=1",
    "&x=1",
    "&%24skip=1",
    "+",
    "é",
    "ｅ",
    "。",
    "\u{ad}",
    "\u{200d}",
    "[",
    "]",
    "::1",
    "0x7f.1",
    "ſ",
    "K",
    "I",
    "*",
    "|",
    "\"",
    "'",
    "<",
    "{",
    "}",
    "^",
    "`",
];

const QUERIES: &[&str] = &[
    "$top=100",
    "$filter=computerDnsName%20eq%20'x'&$top=100",
    "%24skiptoken=abc%26def",
    "$filter=machineId%20eq%20'0'&$orderby=creationDateTimeUtc%20desc&$top=1",
    "",
    "$",
    "=",
    "a=b",
    "api-version=1&$top=1",
    "$top",
    "$top=1&x=2",
    "$top=1&",
    "%2524top=1",
    "%24=",
];

const HEADERS: &[&str] = &[
    "accept",
    "content-length",
    "content-type",
    "host",
    "user-agent",
    "authorization",
    "cookie",
    "x-http-method-override",
    "x-original-url",
    "x-forwarded-host",
    "transfer-encoding",
    "connection",
    "expect",
    "te",
    "upgrade",
    "Accept",
    "HOST",
    "host ",
    "",
    "content-encoding",
    "proxy-authorization",
];

const PERMITTED: [&str; 5] = [
    "accept",
    "content-length",
    "content-type",
    "host",
    "user-agent",
];

const JSON: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    " ",
    "\t",
    "\n",
    "\r",
    "\\",
    "\\u0043",
    "\\u0000",
    "null",
    "true",
    "1",
    "\"Comment\"",
    "\"comment\"",
    "\"COMMENT\"",
    "\"\\u0043omment\"",
    "\"Comment\\u0000\"",
    "\"Comment\":\"x\"",
    ",\"Comment\":\"x\"",
    "\"Comment\":null",
    "\"IsolationType\":\"Full\"",
    ",\"IsolationType\":\"Full\"",
    "{}",
    "[]",
    "\u{feff}",
    "//",
    "/*",
    "*/",
    "\u{c}",
    "\u{b}",
    "\u{a0}",
    "\u{2028}",
    "\\ud800",
    "\\/",
];

#[derive(Clone, Copy)]
enum Kind {
    Offboard,
    Cancel,
    ReadAction,
    ListActions,
    ReadMachine,
    ListMachines,
    FindMachines,
}

const KINDS: [Kind; 7] = [
    Kind::Offboard,
    Kind::Cancel,
    Kind::ReadAction,
    Kind::ListActions,
    Kind::ReadMachine,
    Kind::ListMachines,
    Kind::FindMachines,
];

/// The query that was ordered, as a form says it.
#[derive(Debug)]
enum Query {
    None,
    Says(Vec<(String, String)>),
    Exactly(String),
    /// A filter of the plugin's own, and how many at the most.
    Filter,
}

/// How the queries of a list may be told to go on.
const CURSORS: &[&str] = &[
    "$skiptoken=abc%26def",
    "$filter=a%20eq%20'b'&$skip=2;x=y?z+1",
    "%24top=1",
    "x",
];

/// What was ordered, as the oracle knows it.
#[derive(Debug)]
struct Ordered {
    root: Url,
    method: &'static str,
    segments: Vec<String>,
    query: Query,
    comment: Option<String>,
}

/// A request of its own pieces.
#[derive(Debug, Clone, PartialEq)]
struct Request {
    method: String,
    scheme: String,
    authority: String,
    path: String,
    query: Option<String>,
    headers: Vec<String>,
    body: Vec<u8>,
}

fuzz_target!(|data: &[u8]| {
    // Too few bytes are no input, and no finding.
    let _ = run(&mut Unstructured::new(data));
});

fn run(u: &mut Unstructured<'_>) -> Result<()> {
    let root = match u.ratio(1, 8)? {
        true => format!("https://{}", text(u)?),
        false => (*u.choose(ROOTS)?).to_owned(),
    };
    let comment = match u.ratio(1, 4)? {
        true => text(u)?,
        false => (*u.choose(COMMENTS)?).to_owned(),
    };
    let (Ok(api), Ok(ordered_comment)) = (root.parse::<ApiRoot>(), comment.parse::<Comment>())
    else {
        return Ok(());
    };
    let hex = |u: &mut Unstructured<'_>, bytes| -> Result<String> {
        let bytes = u.bytes(bytes)?;
        Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    };
    let machine = hex(u, 20)?;
    let mut action = hex(u, 16)?;
    for dash in [8, 13, 18, 23] {
        action.insert(dash, '-');
    }
    // An id may be given in either case; the service's is the lower one.
    let upper: bool = u.arbitrary()?;
    let given = |id: &str| {
        if upper {
            id.to_uppercase()
        } else {
            id.to_owned()
        }
    };
    let machine_id: MachineId = given(&machine).parse().expect("40 hexadecimal digits");
    let action_id: ActionId = given(&action).parse().expect("a GUID");

    let limit = u.int_in_range(1..=3)?;
    let cursor = match u.ratio(1, 3)? {
        true => Some(*u.choose(CURSORS)?),
        false => None,
    };
    let top = ("$top".to_owned(), limit.to_string());
    let kind = *u.choose(&KINDS)?;
    let (mut grant, method, segments, query, with_comment) = match kind {
        Kind::Offboard => (
            Grant::offboard(&api, &machine_id, &ordered_comment),
            "POST",
            vec!["api", "machines", &machine, "offboard"],
            Query::None,
            true,
        ),
        Kind::Cancel => (
            Grant::cancel(&api, &action_id, &ordered_comment),
            "POST",
            vec!["api", "machineactions", &action, "cancel"],
            Query::None,
            true,
        ),
        Kind::ReadAction => (
            Grant::read_action(&api, &action_id),
            "GET",
            vec!["api", "machineactions", &action],
            Query::None,
            false,
        ),
        Kind::ListActions => {
            let filter = ActionFilter {
                machine_ids: match u.arbitrary()? {
                    true => vec![given(&machine)],
                    false => Vec::new(),
                },
                action_type: match u.arbitrary()? {
                    true => Some(ActionType::Offboard),
                    false => None,
                },
                statuses: Vec::new(),
                created_after: None,
            };
            let mut terms = Vec::new();
            if !filter.machine_ids.is_empty() {
                terms.push(format!("machineId eq '{machine}'"));
            }
            if filter.action_type.is_some() {
                terms.push("type eq 'Offboard'".to_owned());
            }
            let order = "creationDateTimeUtc desc".to_owned();
            let mut pairs = vec![("$orderby".to_owned(), order), top];
            if !terms.is_empty() {
                pairs.push(("$filter".to_owned(), terms.join(" and ")));
            }
            (
                Grant::list_actions(&api, &filter, cursor, limit),
                "GET",
                vec!["api", "machineactions"],
                on(cursor).unwrap_or(Query::Says(pairs)),
                false,
            )
        }
        Kind::ReadMachine => (
            Grant::read_machine(&api, &machine_id),
            "GET",
            vec!["api", "machines", &machine],
            Query::None,
            false,
        ),
        Kind::ListMachines => (
            Grant::list_machines(&api, cursor, limit),
            "GET",
            vec!["api", "machines"],
            on(cursor).unwrap_or(Query::Says(vec![top])),
            false,
        ),
        Kind::FindMachines => (
            Grant::find_machines(&api, cursor.map(|query| format!("1:{query}")).as_deref()),
            "GET",
            vec!["api", "machines"],
            on(cursor).unwrap_or(Query::Filter),
            false,
        ),
    };
    let ordered = Ordered {
        root: Url::parse(&root).expect("a root that was taken is a URL"),
        method,
        segments: segments.into_iter().map(ToOwned::to_owned).collect(),
        query,
        comment: with_comment.then_some(comment),
    };
    let right = ordered.right();
    let mut gone = 0;
    for _ in 0..u.int_in_range(1..=3)? {
        let asked = bent(u, &right, &ordered)?;
        gone += usize::from(ask(&mut grant, &asked, &ordered, gone > 0));
        assert!(gone <= 1, "a second request was let through");
    }
    // A refusal spends nothing, a passage everything.
    let last = ask(&mut grant, &right, &ordered, gone > 0);
    assert_eq!(last, gone == 0, "the ordered request may go, once");
    Ok(())
}

/// Asks, and holds what is let through against what was ordered.
fn ask(grant: &mut Grant, request: &Request, ordered: &Ordered, spent: bool) -> bool {
    let headers: Vec<&str> = request.headers.iter().map(String::as_str).collect();
    let answer = grant.spend(&Asked {
        method: &request.method,
        scheme: &request.scheme,
        authority: &request.authority,
        path: &request.path,
        query: request.query.as_deref(),
        headers: &headers,
        body: &request.body,
        elapsed: Duration::ZERO,
    });
    // The order of the reasons is no promise, but for what they may be.
    if answer == Err(Refusal::Spent) {
        assert!(spent);
    }
    let Ok(permit) = answer else {
        return false;
    };
    ordered.admits(request);
    // What the host itself will write is what was ordered.
    match &ordered.comment {
        Some(comment) => only_comment(permit.body().unwrap_or_default().as_bytes(), comment),
        None => assert_eq!(permit.body(), None),
    }
    true
}

/// Where a page before said that the list goes on.
fn on(cursor: Option<&str>) -> Option<Query> {
    cursor.map(|query| Query::Exactly(query.to_owned()))
}

impl Query {
    /// As a plugin would write it.
    fn right(&self) -> Option<String> {
        let encode = |value: &str| value.replace(' ', "%20").replace('\'', "%27");
        match self {
            Self::None => None,
            Self::Exactly(query) => Some(query.clone()),
            Self::Filter => Some("$filter=computerDnsName%20eq%20'x'&$top=2".to_owned()),
            Self::Says(pairs) => {
                let pairs = pairs
                    .iter()
                    .map(|(name, value)| format!("{name}={}", encode(value)));
                Some(pairs.collect::<Vec<_>>().join("&"))
            }
        }
    }

    /// Whether this is it, read as a form.
    fn admits(&self, asked: Option<&str>, url: &Url) {
        let mut pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        match self {
            Self::None => assert_eq!(asked, None, "a query where there may be none"),
            Self::Exactly(query) => assert_eq!(asked, Some(query.as_str())),
            Self::Says(wanted) => {
                let mut wanted = wanted.clone();
                wanted.sort();
                pairs.sort();
                assert_eq!(pairs, wanted);
            }
            Self::Filter => {
                let mut known = HashSet::new();
                for (name, _) in &pairs {
                    assert!(
                        matches!(name.as_str(), "$filter" | "$top"),
                        "the option {name:?}"
                    );
                    assert!(known.insert(name.clone()), "{name:?} twice");
                }
            }
        }
    }
}

impl Ordered {
    /// The request as the plugin should make it.
    fn right(&self) -> Request {
        let host = self.root.host_str().unwrap_or_default();
        Request {
            method: self.method.to_owned(),
            scheme: self.root.scheme().to_owned(),
            authority: match self.root.port() {
                Some(port) => format!("{host}:{port}"),
                None => host.to_owned(),
            },
            path: format!("/{}", self.segments.join("/")),
            query: self.query.right(),
            headers: vec!["accept".to_owned(), "user-agent".to_owned()],
            body: match &self.comment {
                Some(comment) => serde_json::json!({ "Comment": comment }).to_string().into(),
                None => Vec::new(),
            },
        }
    }

    fn admits(&self, request: &Request) {
        assert_eq!(request.method, self.method);
        let query = request.query.as_deref();
        let mut text = format!("{}://{}{}", request.scheme, request.authority, request.path);
        if let Some(query) = query {
            text = format!("{text}?{query}");
        }
        let url = Url::parse(&text).expect("what was let through is a URL");
        assert_eq!(url.scheme(), self.root.scheme());
        assert_eq!(url.host(), self.root.host());
        assert_eq!(
            url.port_or_known_default(),
            self.root.port_or_known_default()
        );
        assert_eq!((url.username(), url.password()), ("", None));
        assert!(!request.authority.contains(['@', '/', '?', '#', '\\']));
        assert_eq!(url.fragment(), None);
        let segments: Vec<&str> = url.path_segments().into_iter().flatten().collect();
        assert_eq!(segments, self.segments);
        // Nothing was folded away on the way to being a URL.
        assert_eq!(url.path(), request.path);

        assert!(query.is_none_or(|query| query.len() <= 16 * 1024));
        self.query.admits(query, &url);

        for name in &request.headers {
            assert!(PERMITTED.contains(&name.as_str()), "the header {name:?}");
        }
        match &self.comment {
            Some(comment) => only_comment(&request.body, comment),
            None => assert!(request.body.is_empty()),
        }
    }
}

/// The body means `{"Comment": comment}` and says it once.
fn only_comment(body: &[u8], comment: &str) {
    let value: Value = serde_json::from_slice(body).expect("a body that is let through is JSON");
    assert_eq!(value, serde_json::json!({ "Comment": comment }));
    // A reader that takes the last of two members, and one that takes the
    // first, understand the same: no other text can hold a second one.
    let quotes = quotes(body);
    assert_eq!(quotes, 4, "two texts, a name and a value");
}

/// How many quotes of a JSON text are not escaped.
fn quotes(body: &[u8]) -> usize {
    let mut escaped = false;
    body.iter()
        .filter(|&&byte| {
            let counts = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            counts
        })
        .count()
}

/// The right request, with some of its pieces bent.
fn bent(u: &mut Unstructured<'_>, right: &Request, ordered: &Ordered) -> Result<Request> {
    let mut asked = right.clone();
    let which: u8 = u.arbitrary()?;
    if which & 1 != 0 {
        asked.method = one_of(u, METHODS, &right.method)?;
    }
    if which & 2 != 0 {
        asked.scheme = one_of(u, SCHEMES, &right.scheme)?;
    }
    if which & 4 != 0 {
        let host = ordered.root.host_str().unwrap_or_default();
        let port = ordered.root.port_or_known_default().unwrap_or_default();
        asked.authority = match u.int_in_range(0..=3)? {
            0 => format!("{host}:{port}"),
            1 => host.to_owned(),
            2 => right.authority.to_uppercase(),
            _ => near(u, &right.authority, ODD)?,
        };
    }
    if which & 8 != 0 {
        asked.path = near(u, &right.path, ODD)?;
    }
    if which & 16 != 0 {
        let query = match u.ratio(1, 4)? {
            true => (*u.choose(QUERIES)?).to_owned(),
            false => right.query.clone().unwrap_or_default(),
        };
        asked.query = match u.int_in_range(0..=4)? {
            0 => None,
            1 => Some(query),
            2 => Some(format!("{query}&{}", u.choose(QUERIES)?)),
            _ => Some(near(u, &query, ODD)?),
        };
    }
    if which & 32 != 0 {
        for _ in 0..u.int_in_range(0..=6)? {
            let name = (*u.choose(HEADERS)?).to_owned();
            let at = u.int_in_range(0..=asked.headers.len())?;
            asked.headers.insert(
                at,
                match u.ratio(1, 8)? {
                    true => near(u, &name, ODD)?,
                    false => name,
                },
            );
        }
    }
    if which & 64 != 0 {
        let body = String::from_utf8_lossy(&right.body).into_owned();
        asked.body = match u.int_in_range(0..=7)? {
            0 => u.arbitrary::<&[u8]>()?.to_vec(),
            // The same comment in another spelling.
            1 => spelled(u, ordered.comment.as_deref().unwrap_or_default())?.into_bytes(),
            // JSON of other members, or of another form.
            2 | 3 => members(u, ordered.comment.as_deref().unwrap_or_default())?.into_bytes(),
            _ => near(u, &body, JSON)?.into_bytes(),
        };
    }
    Ok(asked)
}

fn one_of(u: &mut Unstructured<'_>, list: &[&str], right: &str) -> Result<String> {
    Ok(match u.ratio(1, 4)? {
        true => near(u, right, ODD)?,
        false => (*u.choose(list)?).to_owned(),
    })
}

/// The comment's JSON with other white space, and some characters escaped.
fn spelled(u: &mut Unstructured<'_>, comment: &str) -> Result<String> {
    let mut body = String::new();
    let literal = |u: &mut Unstructured<'_>, body: &mut String, text: &str| -> Result<()> {
        body.push('"');
        for character in text.chars() {
            if u.ratio(1, 4)? || character.is_control() || matches!(character, '"' | '\\') {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    body.push_str(&format!("\\u{unit:04X}"));
                }
            } else {
                body.push(character);
            }
        }
        body.push('"');
        Ok(())
    };
    const BLANKS: [&str; 5] = ["", " ", "\t", "\r\n", "\u{a0}"];
    body.push_str(u.choose(&BLANKS)?);
    body.push('{');
    body.push_str(u.choose(&BLANKS)?);
    literal(u, &mut body, "Comment")?;
    body.push_str(u.choose(&BLANKS)?);
    body.push(':');
    literal(u, &mut body, comment)?;
    body.push('}');
    body.push_str(u.choose(&BLANKS)?);
    Ok(body)
}

/// An object or an array of some members, the right one among them or not.
fn members(u: &mut Unstructured<'_>, comment: &str) -> Result<String> {
    const NAMES: [&str; 6] = [
        "Comment",
        "comment",
        "Comment ",
        "IsolationType",
        "",
        "$type",
    ];
    let right = Value::from(comment).to_string();
    let mut members = Vec::new();
    for _ in 0..u.int_in_range(0..=3)? {
        let value = match u.int_in_range(0..=3)? {
            0 => (*u.choose(JSON)?).to_owned(),
            1 => Value::from(text(u)?).to_string(),
            _ => right.clone(),
        };
        let name = Value::from(*u.choose(&NAMES)?);
        members.push(match u.ratio(1, 8)? {
            true => value,
            false => format!("{name}:{value}"),
        });
    }
    let members = members.join(",");
    Ok(match u.ratio(1, 8)? {
        true => format!("[{members}]"),
        false => format!("{{{members}}}"),
    })
}

/// A text that is nearly the right one.
fn near(u: &mut Unstructured<'_>, right: &str, pieces: &[&str]) -> Result<String> {
    let mut text: Vec<char> = right.chars().collect();
    for _ in 0..u.int_in_range(1..=3)? {
        let at = u.int_in_range(0..=text.len())?;
        match u.int_in_range(0..=9)? {
            0 => return self::text(u),
            1 => {
                if at < text.len() {
                    text.remove(at);
                }
            }
            2 => {
                if let Some(character) = text.get_mut(at) {
                    *character = match character.is_lowercase() {
                        true => character.to_ascii_uppercase(),
                        false => character.to_ascii_lowercase(),
                    };
                }
            }
            3 => {
                // The same byte, percent-encoded.
                if let Some(character) = text.get(at).copied().filter(char::is_ascii) {
                    let code: Vec<char> =
                        format!("%{:02x}", u32::from(character)).chars().collect();
                    text.splice(at..=at, code);
                }
            }
            4 => {
                if let Some(character) = text.get_mut(at) {
                    *character = u.arbitrary()?;
                }
            }
            5 => text.insert(at, u.arbitrary()?),
            6 => {
                let again = text.split_at(at).1.to_vec();
                text.extend(again);
            }
            7 => text.truncate(at),
            _ => {
                let piece: Vec<char> = u.choose(pieces)?.chars().collect();
                text.splice(at..at, piece);
            }
        }
    }
    Ok(text.into_iter().collect())
}

fn text(u: &mut Unstructured<'_>) -> Result<String> {
    Ok(u.arbitrary::<&str>()?.to_owned())
}
