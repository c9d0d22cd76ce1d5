//! A client that sends exactly what it is told and hides nothing of what comes back.

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const TAXII: &str = "application/taxii+json;version=2.1";

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn head(&self) -> &[(String, String)] {
        &self.head
    }

    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        self.head.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The number of objects, and that the list is never empty.
    pub(crate) fn objects(&self) -> Vec<Value> {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        match self.json().get("objects") {
            None => Vec::new(),
            Some(list) => {
                let list = list.as_array().unwrap().clone();
                assert!(!list.is_empty(), "empty lists are prohibited");
                list
            }
        }
    }

    pub(crate) fn next(&self) -> Option<String> {
        let json = self.json();
        let next = json.get("next").map(|next| next.as_str().unwrap().to_owned());
        assert_eq!(json.get("more").is_some_and(|more| more == true), next.is_some());
        next
    }

    /// Checks that this is a TAXII error of `status` and gives its code.
    #[track_caller]
    pub(crate) fn taxii_error(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.header("content-type"), Some(TAXII));
        let json = self.json();
        assert!(json["title"].as_str().is_some_and(|title| !title.is_empty()));
        assert!(json["description"].as_str().is_some_and(|text| !text.is_empty()));
        assert_eq!(json["http_status"], status.to_string());
        assert_eq!(json["error_id"].as_str(), self.header("x-request-id"));
        let code = json["error_code"].as_str().unwrap().to_owned();
        let explained =
            node::explain(&code).is_some() || web::codes().iter().any(|(known, _)| *known == code);
        assert!(explained, "{code} has no explanation");
        code
    }
}

/// A request in the making.
#[derive(Clone)]
pub(crate) struct Ask {
    address: SocketAddr,
    method: &'static str,
    target: String,
    head: Vec<(String, String)>,
    body: Vec<u8>,
    chunked: bool,
}

impl Ask {
    pub(crate) fn new(address: SocketAddr, method: &'static str, target: &str) -> Self {
        Self {
            address,
            method,
            target: target.to_owned(),
            head: Vec::new(),
            body: Vec::new(),
            chunked: false,
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.head.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.head.retain(|(key, _)| key != name);
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
            self.method, self.target, self.address
        );
        for (name, value) in &self.head {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        let mut out = head.into_bytes();
        if self.chunked {
            out.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
            for chunk in self.body.chunks(1_000) {
                out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                out.extend_from_slice(chunk);
                out.extend_from_slice(b"\r\n");
            }
            out.extend_from_slice(b"0\r\n\r\n");
        } else {
            if !self.body.is_empty() || matches!(self.method, "POST" | "PUT") {
                out.extend_from_slice(format!("Content-Length: {}\r\n", self.body.len()).as_bytes());
            }
            out.extend_from_slice(b"\r\n");
            out.extend_from_slice(&self.body);
        }
        out
    }

    pub(crate) async fn send(self) -> Answer {
        parse(&exchange(self.address, &self.bytes()).await, self.method)
    }
}

/// Sends bytes and reads until the server closes. A server that closes early loses the rest of what is sent.
pub(crate) async fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let mut answer = Vec::new();
    let write = async {
        let _ = writer.write_all(bytes).await;
        writer
    };
    let (_writer, read) = tokio::join!(write, reader.read_to_end(&mut answer));
    if let Err(error) = read {
        assert!(!answer.is_empty(), "the connection broke before an answer: {error}");
    }
    answer
}

pub(crate) fn parse(bytes: &[u8], method: &str) -> Answer {
    let at = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let at = at.unwrap_or_else(|| panic!("no head in {:?}", String::from_utf8_lossy(bytes)));
    let text = std::str::from_utf8(&bytes[..at]).unwrap();
    let mut lines = text.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let head: Vec<(String, String)> = lines
        .map(|line| line.split_once(':').unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut answer = Answer { status, head, body: bytes[at + 4..].to_vec() };
    if answer.header("transfer-encoding") == Some("chunked") {
        answer.body = unchunked(&answer.body);
    }
    if let Some(length) = answer.header("content-length")
        && method != "HEAD"
        && status != 204
    {
        assert_eq!(length, answer.body.len().to_string(), "content-length is the body's length");
    }
    if answer.header("content-encoding") == Some("gzip") {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(answer.body.as_slice()).read_to_end(&mut plain).unwrap();
        answer.body = plain;
    }
    answer
}

fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let at = bytes.windows(2).position(|window| window == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..at]).unwrap(), 16).unwrap();
        if size == 0 {
            return out;
        }
        out.extend_from_slice(&bytes[at + 2..at + 2 + size]);
        bytes = &bytes[at + 4 + size..];
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
