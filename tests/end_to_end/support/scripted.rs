//! A server whose replies a test scripts byte by byte, and that records the requests.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    path::PathBuf,
    sync::{Arc, Mutex},
    thread,
};

use tempfile::TempDir;

use super::{Outcome, command};

/// A machine that the scripted service knows.
pub(crate) const MACHINE: &str = "0123456789abcdef0123456789abcdef01234567";

/// The bytes to send before the connection is closed.
#[derive(Debug, Clone)]
pub(crate) struct Reply(Vec<u8>);

impl Reply {
    /// A complete answer.
    pub(crate) fn new(status: u16, body: &str) -> Self {
        Self::with(status, &[("Content-Type", "application/json")], body)
    }

    /// A complete answer with these headers.
    pub(crate) fn with(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let headers: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let length = body.len();
        Self::raw(
            format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n{headers}\r\n{body}")
                .as_bytes(),
        )
    }

    /// The service's error body.
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        let body =
            serde_json::json!({"error": {"code": code, "message": message, "target": "|t-1."}});
        Self::new(status, &body.to_string())
    }

    /// Any bytes. Without any, the connection is closed without an answer.
    pub(crate) fn raw(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// The first bytes of this answer.
    pub(crate) fn cut(&self, length: usize) -> Self {
        Self(self.0[..length].to_vec())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

type Script = Box<dyn Fn(&str, usize) -> Option<Reply> + Send + Sync>;

/// A running server. Unless its script returns a reply, it has one machine and no actions.
pub(crate) struct Scripted {
    root: String,
    seen: Arc<Mutex<Vec<Received>>>,
    folder: TempDir,
}

/// One request as it was received.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// Everything before the empty line.
    pub(crate) head: String,
    /// Everything after it.
    pub(crate) body: String,
}

impl Received {
    /// The request line, a space, and the body.
    fn line(&self) -> String {
        let line = self.head.lines().next().unwrap_or_default();
        format!("{line} {}", self.body)
    }
}

impl Scripted {
    /// A server that answers every POST with this.
    pub(crate) fn posting(reply: Reply) -> Self {
        Self::new(move |request, _| request.starts_with("POST ").then(|| reply.clone()))
    }

    /// A server with a script. Its arguments are the request line and the number of earlier
    /// POSTs. `None` selects the default reply.
    pub(crate) fn new(
        script: impl Fn(&str, usize) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let root = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Received>>> = Arc::default();
        let log = Arc::clone(&seen);
        let script: Script = Box::new(script);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serve(stream, &log, &script);
            }
        });
        let folder = tempfile::tempdir().unwrap();
        super::write_secret(&folder.path().join("token"), "a.secret.token");
        Self { root, seen, folder }
    }

    pub(crate) fn root(&self) -> &str {
        &self.root
    }

    /// The request lines and bodies that were received.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.received().iter().map(Received::line).collect()
    }

    /// The requests that were received.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn posts(&self) -> usize {
        self.seen()
            .iter()
            .filter(|request| request.starts_with("POST "))
            .count()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Offboards the one machine, with a grace time of zero unless the arguments set one.
    pub(crate) fn run(&self, args: &[&str]) -> Outcome {
        let fixed = [
            "run",
            MACHINE,
            "--comment",
            "Retired",
            "--yes",
            "--output",
            "json",
        ];
        let mut args = [&fixed, args].concat();
        if !args.iter().any(|arg| arg.starts_with("--grace")) {
            args.push("--grace=0s");
        }
        self.command(&args)
    }

    /// The same with external ids as by default.
    pub(crate) fn auto(&self, args: &[&str]) -> Outcome {
        self.run(&[&["--external-id", "auto"], args].concat())
    }

    /// Runs a command against this server. Unless the arguments say otherwise, requests have no
    /// external id: with one, a script would have to expect the repetition of a refused request.
    pub(crate) fn command(&self, args: &[&str]) -> Outcome {
        let output = command(args)
            .env("OFFBOARD_EXTERNAL_ID", "off")
            .env("OFFBOARD_API_ROOT", self.root())
            .env("OFFBOARD_TOKEN_FILE", self.path("token"))
            .env("OFFBOARD_LEDGER", self.path("ledger.db"))
            .output();
        output.unwrap().into()
    }
}

fn serve(mut stream: TcpStream, log: &Mutex<Vec<Received>>, script: &Script) {
    super::limited(&stream);
    let Some(request) = receive(&mut stream) else {
        return;
    };
    let posts = log
        .lock()
        .unwrap()
        .iter()
        .filter(|seen| seen.head.starts_with("POST "))
        .count();
    log.lock().unwrap().push(request.clone());
    let request = request.line();
    let reply = script(&request, posts).unwrap_or_else(|| default_reply(&request));
    let _ = stream.write_all(&reply.0);
    let _ = stream.shutdown(Shutdown::Write);
    // Until the client closes too: closing with unread bytes would reset the connection,
    // and the answer would be lost.
    let _ = stream.read(&mut [0; 1024]);
}

fn receive(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_lowercase()
                        .strip_prefix("content-length: ")?
                        .parse()
                        .ok()
                })
                .unwrap_or(0);
            if bytes.len() >= end + 4 + length {
                let body = String::from_utf8_lossy(&bytes[end + 4..]).into_owned();
                return Some(Received { head, body });
            }
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
        }
    }
}

fn default_reply(request: &str) -> Reply {
    if request.starts_with("GET /api/machineactions") {
        Reply::new(200, r#"{"value": []}"#)
    } else if request.starts_with("GET /api/machines/") {
        let machine = serde_json::json!({
            "id": MACHINE,
            "computerDnsName": "host1.example.test",
            "osPlatform": "Windows11",
            "healthStatus": "Active",
            "onboardingStatus": "Onboarded",
        });
        Reply::new(200, &machine.to_string())
    } else {
        Reply::error(404, "NotFound", "no such route")
    }
}
