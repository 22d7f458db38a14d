//! Requests as text, for bursts.

use std::{fmt::Write as _, net::SocketAddr};

/// One that asks for the connection to be closed after its answer.
pub(crate) fn raw_post(
    node: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Vec<u8> {
    raw_request("POST", node, path, headers, body)
}

/// The same by another method.
pub(crate) fn raw_request(
    method: &str,
    node: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: {node}\r\nconnection: close\r\n");
    for (name, value) in headers {
        write!(text, "{name}: {value}\r\n").unwrap();
    }
    if !body.is_empty() {
        text.push_str("content-type: application/json\r\n");
    }
    write!(text, "content-length: {}\r\n\r\n{body}", body.len()).unwrap();
    text.into_bytes()
}
