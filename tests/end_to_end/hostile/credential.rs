//! The token: a plugin can request it from the host and search responses for it. It is in
//! neither.

use offboard::{connection::Connection, identity::Token};

use super::{
    Attack, Offboarding, Reply, Scripted, TOKEN, assert_as_ordered, attack, report, service,
};

/// The token with each letter as JSON may write it.
fn escaped() -> String {
    TOKEN
        .bytes()
        .map(|letter| format!("\\u{letter:04x}"))
        .collect()
}

#[tokio::test]
async fn the_host_does_not_tell_the_token() {
    let server = service();
    let called = attack("credential/requests_the_token", &server).await;
    assert_eq!(report(&called), format!("{} none", server.root()));
}

/// The guest reads everything that is visible of this response. Neither its report nor the
/// host's outcome of the call has the token.
async fn assert_no_token(name: &str, reply: Reply) -> Offboarding {
    let server = Scripted::posting(reply);
    let called = attack(name, &server).await;
    assert!(report(&called).starts_with("answered:"), "{called:?}");
    assert_no_token_in(&called);
    assert_as_ordered(&called, &server);
    called
}

#[track_caller]
fn assert_no_token_in(called: &Offboarding) {
    assert!(!report(called).contains(TOKEN), "{}", report(called));
    assert!(!format!("{called:?}").contains(TOKEN), "{called:?}");
}

#[tokio::test]
async fn an_echo_of_the_token_is_not_seen() {
    let reply = Reply::new(400, &format!("You sent: Bearer {TOKEN}, {TOKEN}{TOKEN}"));
    let called = assert_no_token("credential/reads_the_answer", reply).await;
    assert!(
        report(&called).ends_with("Bearer [redacted], [redacted][redacted]"),
        "{called:?}"
    );
}

#[tokio::test]
async fn an_echo_in_pieces_is_not_seen() {
    let chunks: String = format!("You sent: {TOKEN}!")
        .chars()
        .map(|letter| format!("1\r\n{letter}\r\n"))
        .collect();
    let answer = format!("HTTP/1.1 400 X\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n");
    let called =
        assert_no_token("credential/reads_the_answer", Reply::raw(answer.as_bytes())).await;
    assert!(
        report(&called).ends_with("You sent: [redacted]!"),
        "{called:?}"
    );
}

#[tokio::test]
async fn an_echo_behind_the_body_is_not_seen() {
    let answer = format!(
        "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\nTrailer: Retry-After\r\n\r\n2\r\n{{}}\r\n0\r\nRetry-After: {TOKEN}\r\n\r\n"
    );
    assert_no_token("credential/reads_the_answer", Reply::raw(answer.as_bytes())).await;
}

#[tokio::test]
async fn an_echo_that_json_escapes_is_not_seen() {
    let body = format!(
        r#"{{"error":{{"code":"BadRequest","message":"{}"}}}}"#,
        escaped()
    );
    assert_no_token("credential/unescapes_the_answer", Reply::new(400, &body)).await;
}

#[tokio::test]
async fn an_echo_that_broken_json_escapes_is_not_seen() {
    let body = format!(r#"{{"message":"{}"}} and more"#, escaped());
    assert_no_token("credential/unescapes_the_answer", Reply::new(400, &body)).await;
}

#[tokio::test]
async fn an_echo_in_a_member_given_twice_is_not_seen() {
    let body = format!(r#"{{"message":"{}","message":"nothing"}}"#, escaped());
    assert_no_token("credential/unescapes_the_answer", Reply::new(400, &body)).await;
}

#[tokio::test]
async fn an_echo_deep_in_json_is_not_seen() {
    let body = format!("{}\"{}\"{}", "[".repeat(200), escaped(), "]".repeat(200));
    assert_no_token("credential/unescapes_the_answer", Reply::new(400, &body)).await;
}

#[tokio::test]
async fn an_echo_behind_the_beginning_of_an_escape_is_not_seen() {
    for before in [r"\u000", r"\u00", r"\u0", r"\u", r"\", r"\\", r"\u+06"] {
        let body = format!(r#"{{"message":"{before}{TOKEN}"}}"#);
        assert_no_token("credential/reads_the_answer", Reply::new(400, &body)).await;
    }
}

#[tokio::test]
async fn an_echo_whose_first_letter_an_escape_took_is_not_seen() {
    // Well-formed: U+000A, and the token without its first letter.
    let body = format!(r#"{{"message":"\u000{TOKEN}"}}"#);
    let called = assert_no_token("credential/unescapes_the_answer", Reply::new(400, &body)).await;
    assert!(!report(&called).contains(&TOKEN[1..]), "{called:?}");
}

#[tokio::test]
async fn an_echo_in_the_head_is_not_seen() {
    let bearer = format!("Bearer {TOKEN}");
    let reply = Reply::with(
        400,
        &[
            ("Content-Type", TOKEN),
            ("Date", TOKEN),
            ("Retry-After", &bearer),
            ("X-Echo", &bearer),
            (TOKEN, "1"),
        ],
        "{}",
    );
    let called = assert_no_token("credential/reads_the_answer", reply).await;
    assert_eq!(report(&called), "answered:\n{}");
}

#[tokio::test]
async fn an_echo_of_a_plain_token_in_the_head_is_not_seen() {
    // Short, and of letters alone: it could pass for a date.
    const PLAIN: &str = "AbcdefghijklmnopQrstuvwxyz";
    let server = Scripted::posting(Reply::with(
        400,
        &[
            ("Content-Type", PLAIN),
            ("Date", PLAIN),
            ("Retry-After", PLAIN),
        ],
        "{}",
    ));
    let token = Token::new(PLAIN).unwrap();
    let connection = Connection::new(server.root().parse().unwrap(), Some(token));
    let called = Attack::new("credential/reads_the_answer")
        .offboard(&connection)
        .await;
    assert!(!report(&called).contains(PLAIN), "{}", report(&called));
    assert!(!format!("{called:?}").contains(PLAIN), "{called:?}");
    assert_eq!(server.posts(), 1);
}

#[tokio::test]
async fn a_piece_of_the_token_in_the_head_is_not_seen() {
    let (piece, rest) = TOKEN.split_at(10);
    let reply = Reply::with(
        429,
        &[
            ("Content-Type", piece),
            ("Date", rest),
            ("Retry-After", piece),
            ("Retry-After", rest),
        ],
        "{}",
    );
    let called = assert_no_token("credential/reads_the_answer", reply).await;
    assert_eq!(report(&called), "answered:\n{}");
}

#[tokio::test]
async fn challenges_cookies_and_redirects_are_not_seen() {
    let reply = Reply::with(
        401,
        &[
            ("WWW-Authenticate", "Bearer realm=secret"),
            ("Proxy-Authenticate", "Basic realm=secret"),
            ("Set-Cookie", "session=secret"),
            ("Location", "http://127.0.0.1/secret"),
            ("Content-Type", "application/json"),
            ("Retry-After", "7"),
            ("X-Secret", "secret"),
        ],
        "{}",
    );
    let called = assert_no_token("credential/reads_the_answer", reply).await;
    let (head, _) = report(&called).split_once('\n').unwrap();
    let mut seen: Vec<&str> = head.split(' ').skip(1).collect();
    seen.sort_unstable();
    assert_eq!(seen, ["retry-after=7"]);
}

#[tokio::test]
async fn an_answer_that_comes_before_the_answer_is_not_seen() {
    let answer = format!(
        "HTTP/1.1 103 {TOKEN}\r\nX-Echo: {TOKEN}\r\n\r\nHTTP/1.1 400 {TOKEN}\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    let called =
        assert_no_token("credential/reads_the_answer", Reply::raw(answer.as_bytes())).await;
    assert_eq!(report(&called), "answered:\n{}");
}
