//! The ordered request, for the oracle: it parses the permitted request as a URL and as JSON,
//! like the service.

use std::collections::HashSet;

use serde_json::Value;
use url::Url;

pub(super) const PERMITTED: [&str; 5] = [
    "accept",
    "content-length",
    "content-type",
    "host",
    "user-agent",
];

/// The ordered query, form-decoded.
#[derive(Debug)]
pub(super) enum Query {
    None,
    Says(Vec<(String, String)>),
    Exactly(String),
    /// A filter that the plugin chooses, and the most items.
    Filter,
}

/// The expected request.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) root: Url,
    pub(super) method: &'static str,
    pub(super) segments: Vec<String>,
    pub(super) query: Query,
    /// The members of the body, all of them texts; `None` for a read.
    pub(super) members: Members,
}

pub(super) type Members = Vec<(&'static str, String)>;

/// A request from its parts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) scheme: String,
    pub(super) authority: String,
    pub(super) path: String,
    pub(super) query: Option<String>,
    pub(super) headers: Vec<String>,
    pub(super) body: Vec<u8>,
}

/// The query of the next page.
pub(super) fn on(cursor: Option<&str>) -> Option<Query> {
    cursor.map(|query| Query::Exactly(query.to_owned()))
}

impl Query {
    /// The query as a correct plugin would write it.
    pub(super) fn right(&self) -> Option<String> {
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

    /// Checks that the query is the expected one, parsed as a form.
    pub(super) fn admits(&self, request: Option<&str>, url: &Url) {
        let mut pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        match self {
            Self::None => assert_eq!(request, None, "a query where there may be none"),
            Self::Exactly(query) => assert_eq!(request, Some(query.as_str())),
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

impl Expected {
    /// The request as the plugin should make it.
    pub(super) fn right(&self) -> Request {
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
            body: match self.members.is_empty() {
                true => Vec::new(),
                false => object(&self.members).to_string().into(),
            },
        }
    }

    pub(super) fn admits(&self, request: &Request) {
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
        // URL parsing must not normalise parts of the path away.
        assert_eq!(url.path(), request.path);

        assert!(query.is_none_or(|query| query.len() <= 16 * 1024));
        self.query.admits(query, &url);

        for name in &request.headers {
            assert!(PERMITTED.contains(&name.as_str()), "the header {name:?}");
        }
        match self.members.is_empty() {
            true => assert!(request.body.is_empty()),
            false => only(&request.body, &self.members),
        }
    }
}

fn object(members: &Members) -> Value {
    let members = members.iter();
    members
        .map(|(name, text)| ((*name).to_owned(), Value::from(text.as_str())))
        .collect()
}

/// Checks that the body has these members, each once.
pub(super) fn only(body: &[u8], members: &Members) {
    let value: Value = serde_json::from_slice(body).expect("a body that is let through is JSON");
    assert_eq!(value, object(members));
    // A parser that uses the last of two equal members and one that uses the first get the
    // same value: no member is repeated.
    let quotes = quotes(body);
    assert_eq!(quotes, 4 * members.len(), "a name and a value for each");
}

/// The number of unescaped quotation marks in a JSON text.
pub(super) fn quotes(body: &[u8]) -> usize {
    let mut escaped = false;
    body.iter()
        .filter(|&&byte| {
            let counts = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            counts
        })
        .count()
}
