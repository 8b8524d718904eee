//! Redirects, in every form: none is followed, and no other host receives a request.

use offboard::{contract::OffboardError, egress::Delivery};

use super::support::{Server, accepted, delivery, plain};
use crate::support::MACHINE;

fn listener() -> Server {
    Server::new(|mut peer| {
        peer.request();
        let body = accepted();
        let length = body.len();
        peer.send(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"
        ));
        peer.end();
    })
}

/// A server that answers with this status and header.
fn pointing(status: u16, header: String) -> Server {
    Server::new(move |mut peer| {
        peer.request();
        peer.send(format!(
            "HTTP/1.1 {status} X\r\nContent-Length: 0\r\n{header}\r\n\r\n"
        ));
        peer.end();
    })
}

#[tokio::test]
async fn a_redirect_leads_nowhere() {
    let elsewhere = listener();
    let path = format!("/api/machines/{MACHINE}/offboard");
    for status in [300, 301, 302, 303, 304, 305, 306, 307, 308] {
        for place in [
            format!("{}{path}", elsewhere.root()),
            format!("//{}{path}", elsewhere.address()),
            "http://169.254.169.254/latest/meta-data/".to_owned(),
            "file:///etc/passwd".to_owned(),
            path.clone(),
        ] {
            let server = pointing(status, format!("Location: {place}"));
            let answer = plain(&server).await;
            assert_eq!(delivery(&answer), Delivery::Answered(status));
            assert!(
                matches!(answer.result, Ok(Err(OffboardError::Rejected(_)))),
                "{status} {place}: {answer:?}"
            );
            assert_eq!(server.connections(), 1, "{status} {place}");
        }
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_header_that_names_another_place_leads_nowhere() {
    let elsewhere = listener();
    let (root, address) = (elsewhere.root(), elsewhere.address());
    for header in [
        format!("Location: {root}/"),
        format!("Content-Location: {root}/"),
        format!("Refresh: 0; url={root}/"),
        format!("Alt-Svc: http/1.1=\"{address}\""),
        format!("Link: <{root}/>; rel=preload"),
    ] {
        for status in [200, 201, 401, 407, 503] {
            let server = pointing(status, format!("Retry-After: 0\r\n{header}"));
            let answer = plain(&server).await;
            assert_eq!(delivery(&answer), Delivery::Answered(status), "{header}");
            assert_eq!(server.connections(), 1, "{status} {header}");
        }
    }
    assert_eq!(elsewhere.connections(), 0);
}
