//! Mutated requests: the ordered request with some of its parts changed, each in a way
//! that a parser may confuse with the ordered part.

use arbitrary::{Result, Unstructured};
use serde_json::Value;

use super::expected::{Expected, Members, Request};

pub(super) const METHODS: &[&str] = &[
    "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "get", "post", "X",
];

pub(super) const SCHEMES: &[&str] = &["https", "http", "HTTPS", "ws", "file", "https:", ""];

/// Characters and texts that may change the meaning of a similar text.
pub(super) const ODD: &[&str] = &[
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
    "tags",
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

pub(super) const QUERIES: &[&str] = &[
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

pub(super) const HEADERS: &[&str] = &[
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

pub(super) const JSON: &[&str] = &[
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
    "\"Value\"",
    "\"Action\"",
    ",\"Action\":\"Remove\"",
    "\"Action\":\"Remove\",",
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

/// The ordered request, with some of its parts mutated.
pub(super) fn mutated(
    u: &mut Unstructured<'_>,
    right: &Request,
    expected: &Expected,
) -> Result<Request> {
    let mut request = right.clone();
    let which: u8 = u.arbitrary()?;
    if which & 1 != 0 {
        request.method = one_of(u, METHODS, &right.method)?;
    }
    if which & 2 != 0 {
        request.scheme = one_of(u, SCHEMES, &right.scheme)?;
    }
    if which & 4 != 0 {
        let host = expected.root.host_str().unwrap_or_default();
        let port = expected.root.port_or_known_default().unwrap_or_default();
        request.authority = match u.int_in_range(0..=3)? {
            0 => format!("{host}:{port}"),
            1 => host.to_owned(),
            2 => right.authority.to_uppercase(),
            _ => near(u, &right.authority, ODD)?,
        };
    }
    if which & 8 != 0 {
        request.path = near(u, &right.path, ODD)?;
    }
    if which & 16 != 0 {
        let query = match u.ratio(1, 4)? {
            true => (*u.choose(QUERIES)?).to_owned(),
            false => right.query.clone().unwrap_or_default(),
        };
        request.query = match u.int_in_range(0..=4)? {
            0 => None,
            1 => Some(query),
            2 => Some(format!("{query}&{}", u.choose(QUERIES)?)),
            _ => Some(near(u, &query, ODD)?),
        };
    }
    if which & 32 != 0 {
        for _ in 0..u.int_in_range(0..=6)? {
            let name = (*u.choose(HEADERS)?).to_owned();
            let at = u.int_in_range(0..=request.headers.len())?;
            request.headers.insert(
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
        request.body = match u.int_in_range(0..=7)? {
            0 => u.arbitrary::<&[u8]>()?.to_vec(),
            // The same texts in another encoding.
            1 => spelled(u, &expected.members)?.into_bytes(),
            // JSON with other members, or of another form.
            2 | 3 => members(u, &expected.members)?.into_bytes(),
            _ => near(u, &body, JSON)?.into_bytes(),
        };
    }
    Ok(request)
}

pub(super) fn one_of(u: &mut Unstructured<'_>, list: &[&str], right: &str) -> Result<String> {
    Ok(match u.ratio(1, 4)? {
        true => near(u, right, ODD)?,
        false => (*u.choose(list)?).to_owned(),
    })
}

/// The right JSON with other white space, and some characters escaped.
pub(super) fn spelled(u: &mut Unstructured<'_>, members: &Members) -> Result<String> {
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
    for (at, (name, text)) in members.iter().enumerate() {
        if at > 0 {
            body.push(',');
        }
        literal(u, &mut body, name)?;
        body.push_str(u.choose(&BLANKS)?);
        body.push(':');
        literal(u, &mut body, text)?;
    }
    body.push('}');
    body.push_str(u.choose(&BLANKS)?);
    Ok(body)
}

/// An object or an array with some members, possibly including the right one.
pub(super) fn members(u: &mut Unstructured<'_>, expected: &Members) -> Result<String> {
    const NAMES: [&str; 9] = [
        "Comment",
        "Value",
        "Action",
        "MachineIds",
        "comment",
        "Comment ",
        "IsolationType",
        "",
        "$type",
    ];
    let mut members = Vec::new();
    for _ in 0..u.int_in_range(0..=3)? {
        let value = match u.int_in_range(0..=3)? {
            0 => (*u.choose(JSON)?).to_owned(),
            1 => Value::from(text(u)?).to_string(),
            // One of the expected texts, possibly under another name.
            _ => match expected.is_empty() {
                true => "\"\"".to_owned(),
                false => Value::from(u.choose(expected)?.1.as_str()).to_string(),
            },
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

/// A text that resembles the right one.
pub(super) fn near(u: &mut Unstructured<'_>, right: &str, pieces: &[&str]) -> Result<String> {
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

pub(super) fn text(u: &mut Unstructured<'_>) -> Result<String> {
    Ok(u.arbitrary::<&str>()?.to_owned())
}
