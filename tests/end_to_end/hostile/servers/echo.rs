//! Servers that send back what they were sent: the token is in nothing that
//! the plugin, the record or the command shows.

use std::time::Duration;

use offboard::{connection::Connection, egress::Delivery, identity::Token};

use super::support::{
    Answer, Call, Server, TOKEN, accepted, connection, delivery, ok, order, plain,
};
use crate::support::{Outcome, Reply, Scripted, written_ledger};

/// The token, with every character as an escape of JSON's.
fn escaped() -> String {
    TOKEN.bytes().map(|byte| format!("\\u{byte:04x}")).collect()
}

/// A text as a reader of JSON would take it, whatever stands around.
fn unescaped(text: &str) -> String {
    let mut parts = text.split("\\u");
    let mut clear = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part
            .get(..4)
            .and_then(|code| u32::from_str_radix(code, 16).ok());
        match code.and_then(char::from_u32) {
            Some(character) => {
                clear.push(character);
                clear.push_str(&part[4..]);
            }
            None => clear.push_str(part),
        }
    }
    clear
}

/// Whether the token is in anything that a call left behind.
fn shows(answer: &Answer, token: &str) -> bool {
    let body = answer
        .record
        .exchange
        .as_ref()
        .and_then(|e| e.answer.as_deref());
    let body = String::from_utf8_lossy(body.unwrap_or_default()).into_owned();
    let json = ok(answer).map_or("", |action| action.json.as_str());
    [format!("{answer:?}"), unescaped(&body), unescaped(json)]
        .iter()
        .any(|text| text.contains(token))
}

async fn answered(status: u16, head: &str, body: impl AsRef<[u8]>) -> Answer {
    let body = body.as_ref();
    let length = body.len();
    let start = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n{head}\r\n");
    raw([start.as_bytes(), body].concat()).await
}

async fn raw(bytes: Vec<u8>) -> Answer {
    let server = Server::new(move |mut peer| {
        peer.request();
        peer.send(&bytes);
        peer.end();
    });
    let answer = plain(&server).await;
    assert!(server.seen().contains(TOKEN));
    answer
}

/// A refusal in the service's form, with more members beside it.
fn refusal(message: &str, more: &str) -> String {
    format!(r#"{{"error":{{"code":"BadRequest","message":"{message}"}}{more}}}"#)
}

#[tokio::test]
async fn an_echo_in_a_body_is_cut_out() {
    for text in [
        TOKEN.to_owned(),
        escaped(),
        format!("Bearer {TOKEN}, <{TOKEN}{TOKEN}>"),
    ] {
        let action = accepted().replace("Retired", &text);
        let named = accepted().replacen('{', &format!("{{\"{text}\":1,"), 1);
        let deep = accepted().replacen('{', &format!("{{\"commands\":[{{\"a\":\"{text}\"}}],"), 1);
        for (status, body) in [
            (200, action),
            (200, named),
            (200, deep),
            (200, accepted().replace("Offboard", &text)),
            (200, format!("\"{text}\"")),
            (400, refusal(&text, "")),
            (401, refusal("no", &format!(r#","{text}":1"#))),
            (403, refusal("no", &format!(r#","a":[["{text}"]]"#))),
        ] {
            let answer = answered(status, "", &body).await;
            assert_eq!(delivery(&answer), Delivery::Answered(status));
            assert!(!shows(&answer, TOKEN), "{status} {body}: {answer:?}");
        }
    }
    for body in [
        format!("<html>{TOKEN}</html>"),
        TOKEN.to_owned(),
        format!("{{{TOKEN}"),
    ] {
        for status in [200, 400, 500] {
            let answer = answered(status, "", &body).await;
            assert!(!shows(&answer, TOKEN), "{status} {body}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn an_echo_that_is_split_into_chunks_is_cut_out() {
    for text in [TOKEN.to_owned(), escaped()] {
        let body = refusal(&text, "");
        for size in [1, 2, 5] {
            let chunk = |bytes: &[u8]| {
                let text = String::from_utf8_lossy(bytes);
                format!("{:x}\r\n{text}\r\n", bytes.len())
            };
            let chunks: String = body.as_bytes().chunks(size).map(chunk).collect();
            let head = "HTTP/1.1 400 X\r\nTransfer-Encoding: chunked\r\n\r\n";
            let trailer = format!("0\r\nX-Trailer: {TOKEN}\r\n\r\n");
            let answer = raw(format!("{head}{chunks}{trailer}").into()).await;
            assert_eq!(delivery(&answer), Delivery::Answered(400));
            assert!(!shows(&answer, TOKEN), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn an_echo_in_a_head_is_not_seen() {
    for name in [
        "Authorization",
        "Content-Type",
        "Date",
        "Location",
        "Proxy-Authenticate",
        "Retry-After",
        "Set-Cookie",
        "WWW-Authenticate",
        "X-Echo",
        TOKEN,
    ] {
        for status in [200, 302, 401, 429, 503] {
            let head = format!("{name}: {TOKEN}\r\n");
            let answer = answered(status, &head, accepted()).await;
            assert!(!shows(&answer, TOKEN), "{name}: {answer:?}");
        }
    }
    let answer = raw(format!("HTTP/1.1 400 {TOKEN}\r\nContent-Length: 0\r\n\r\n").into()).await;
    assert_eq!(delivery(&answer), Delivery::Answered(400));
    assert!(!shows(&answer, TOKEN), "{answer:?}");
}

#[tokio::test]
async fn an_echo_in_what_is_no_http_is_not_shown() {
    for rubbish in [TOKEN, "HTTP/1.1 abc a.secret.token\r\n\r\n"] {
        let answer = raw(rubbish.into()).await;
        assert!(!shows(&answer, TOKEN), "{answer:?}");
    }
}

/// An answer that one reader of JSON takes and another does not must not be
/// the way round the first.
async fn cut_out_beside(more: &[u8]) {
    let text = refusal(&escaped(), ",\"more\":").into_bytes();
    let (start, end) = text.split_at(text.len() - 1);
    for status in [400, 403, 500] {
        let answer = answered(status, "", [start, more, end].concat()).await;
        assert_eq!(delivery(&answer), Delivery::Answered(status));
        assert!(!shows(&answer, TOKEN), "{answer:?}");
    }
}

#[tokio::test]
async fn an_escaped_echo_beside_a_number_beyond_bounds_is_cut_out() {
    cut_out_beside(b"1e999999").await;
}

#[tokio::test]
async fn an_escaped_echo_beside_a_deep_value_is_cut_out() {
    let deep = "[".repeat(200) + &"]".repeat(200);
    cut_out_beside(deep.as_bytes()).await;
}

#[tokio::test]
async fn an_escaped_echo_beside_half_a_character_is_cut_out() {
    cut_out_beside(br#""\ud800""#).await;
}

#[tokio::test]
async fn an_escaped_echo_beside_what_is_no_utf8_is_cut_out() {
    cut_out_beside(b"\"\xff\"").await;
}

#[tokio::test]
async fn an_escaped_echo_before_rubbish_is_cut_out() {
    let answer = answered(400, "", refusal(&escaped(), "") + " and more").await;
    assert!(!shows(&answer, TOKEN), "{answer:?}");
}

#[tokio::test]
async fn an_escaped_echo_under_a_doubled_name_is_cut_out() {
    let doubled = format!(r#"{{"commands":[{{"a":"{}","a":1}}],"#, escaped());
    let answer = answered(200, "", accepted().replacen('{', &doubled, 1)).await;
    assert!(!shows(&answer, TOKEN), "{answer:?}");
}

#[tokio::test]
async fn a_token_without_dots_is_not_seen_in_a_head_either() {
    const OPAQUE: &str = "0paque-secret-t0ken";
    for name in ["Content-Type", "Date", "Retry-After"] {
        let server = Server::new(move |mut peer| {
            peer.request();
            peer.send(format!(
                "HTTP/1.1 429 X\r\nContent-Length: 0\r\n{name}: {OPAQUE}\r\n\r\n"
            ));
            peer.end();
        });
        let token = Some(Token::new(OPAQUE).unwrap());
        let connection = Connection::new(server.root().parse().unwrap(), token);
        let answer = Call::new(Duration::from_secs(30))
            .offboard(&connection)
            .await;
        assert!(server.seen().contains(OPAQUE));
        assert!(!shows(&answer, OPAQUE), "{name}: {answer:?}");
    }
}

#[tokio::test]
async fn another_call_does_not_know_what_this_one_was_told() {
    let server = Server::new(|mut peer| {
        peer.request();
        let cookie = "Set-Cookie: a=b\r\nWWW-Authenticate: Basic realm=\"x\"\r\n";
        peer.send(format!(
            "HTTP/1.1 401 X\r\nContent-Length: 0\r\n{cookie}\r\n"
        ));
        peer.end();
    });
    let call = Call::new(Duration::from_secs(30));
    for _ in 0..2 {
        let answer = call.offboard(&connection(&server.root())).await;
        let text = format!("{answer:?}");
        assert!(!text.contains("a=b") && !text.contains("realm"), "{text}");
    }
    assert!(!server.seen().to_lowercase().contains("cookie"));
}

#[test]
fn the_command_shows_an_echo_nowhere() {
    let echo = format!("{TOKEN} {} Bearer {TOKEN}", escaped());
    let mut replies = vec![
        Reply::raw(format!("{TOKEN}\r\n\r\n").as_bytes()),
        Reply::new(200, &accepted().replace("Retired", &echo)),
        Reply::new(200, &echo),
    ];
    for status in [302, 400, 401, 500] {
        let head = [
            ("X-Echo", TOKEN),
            ("Location", TOKEN),
            ("WWW-Authenticate", TOKEN),
        ];
        replies.push(Reply::with(status, &head, &refusal(&echo, "")));
    }
    replies.into_iter().for_each(judge_command);
}

#[test]
fn the_command_shows_no_echo_that_only_the_plugin_can_read() {
    let body = refusal(&escaped(), ",\"more\":1e999999");
    judge_command(Reply::new(400, &body));
}

/// The token is in nothing that the command prints or keeps.
fn judge_command(reply: Reply) {
    let service = Scripted::posting(reply);
    for format in ["table", "json", "jsonl"] {
        let output = order(&service, service.root())
            .args(["-v", "--output", format, "--audit"])
            .arg(service.path("audit.jsonl"))
            .output();
        let outcome = Outcome::from(output.unwrap());
        let file = |name| std::fs::read_to_string(service.path(name)).unwrap();
        let audit = file("audit.jsonl");
        let ledger = written_ledger(&service.path("ledger.db"));
        assert!(audit.contains("/api/machines/{id}/offboard"), "{audit}");
        let all = format!("{}{}{ledger}{audit}", outcome.stdout, outcome.stderr);
        assert!(!unescaped(&all).contains(TOKEN), "{all}");
    }
}
