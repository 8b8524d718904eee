//! A minimal HTTP client, to query a simulator for the requests that it received.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use serde_json::Value;

/// `GET` of a JSON value.
pub(crate) fn get_json(root: &str, path: &str) -> Value {
    let address = root.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    super::limited(&stream);
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}
