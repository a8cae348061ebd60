//! An HTTP/1.1 proxy on the loopback interface that makes a good server look bad, one request at a time.
//!
//! What is forwarded is forwarded byte for byte, the Host header included, so that signatures stay valid.

#![expect(clippy::expect_used, reason = "a test server that cannot be set up ends the test")]

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use s3s::crypto::{Checksum, Md5};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::background::Background;
use crate::s3::{Bucket, S3Server};

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Request {
    /// Counts the requests of this proxy from 1.
    pub number: u64,
    /// The method, for example `POST`.
    pub method: String,
    /// The path as sent, percent-encoded.
    pub path: String,
    /// What follows the question mark; empty if there is none.
    pub query: String,
    /// The header lines.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Request {
    /// The value of the header with this lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Whether this is an S3 DeleteObjects, which names its keys in the body.
    pub fn is_delete_objects(&self) -> bool {
        self.method == "POST" && self.query.split('&').any(|part| part == "delete" || part == "delete=")
    }

    /// Whether this is an S3 ListObjectsV2.
    pub fn is_listing(&self) -> bool {
        self.method == "GET" && self.parameter("list-type").is_some()
    }

    /// The value of this parameter of the query, in which slashes are decoded and nothing else.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = self.query.split('&').filter_map(|part| part.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value.replace("%2F", "/"))
    }

    /// Whether the body contains this text.
    pub fn mentions(&self, text: &str) -> bool {
        self.body.windows(text.len().max(1)).any(|window| window == text.as_bytes())
    }
}

/// What happens to a request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Nothing: it is forwarded and answered.
    None,
    /// The upstream never sees it; the answer has this status and an S3 error document with this code.
    Answer(u16, &'static str),
    /// The upstream never sees it; the answer has this status and an empty body.
    AnswerNothing(u16),
    /// The upstream never sees it; the answer has status 200 and this document.
    AnswerDocument(String),
    /// The upstream never sees it; the answer has this status and a page for people.
    AnswerPage(u16),
    /// The connection is reset and the upstream never sees it.
    Reset,
    /// It is forwarded after this time.
    Delay(Duration),
    /// The upstream does what was asked, but the answer is lost with the connection.
    LoseAnswer,
    /// Of a DeleteObjects, these keys are left alone and reported with this code; the others are deleted.
    RefuseKeys(Vec<String>, &'static str),
    /// 400 `MissingContentMD5` without a Content-MD5 header, `BadDigest` with a wrong one.
    RequireContentMd5,
}

type Rule = Box<dyn FnMut(&Request) -> Fault + Send>;

struct State {
    upstream: SocketAddr,
    bucket: Option<Bucket>,
    rule: Mutex<Rule>,
    requests: Mutex<Vec<Request>>,
}

impl State {
    fn requests(&self) -> MutexGuard<'_, Vec<Request>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running proxy; dropping it stops it, whatever it is in the middle of.
pub struct FaultProxy {
    server: Background,
    state: Arc<State>,
}

impl FaultProxy {
    /// Starts a proxy without faults in front of an HTTP server; [`Fault::RefuseKeys`] is not available.
    pub fn in_front_of(upstream: SocketAddr) -> Self {
        Self::start(upstream, None)
    }

    /// Starts a proxy without faults in front of an S3 server whose clients use this bucket.
    pub fn in_front_of_bucket(server: &S3Server, bucket: &str) -> Self {
        Self::start(server.address(), Some(server.bucket(bucket)))
    }

    fn start(upstream: SocketAddr, bucket: Option<Bucket>) -> Self {
        let rule: Rule = Box::new(|_| Fault::None);
        let state = Arc::new(State { upstream, bucket, rule: Mutex::new(rule), requests: Mutex::default() });
        let shared = Arc::clone(&state);
        let server = Background::start("fault-proxy", move |client| {
            let state = Arc::clone(&shared);
            async move {
                // A client that gave up is none of the proxy's business.
                if let Err(gone) = serve(client, &state).await {
                    drop(gone);
                }
            }
        });
        Self { server, state }
    }

    /// The endpoint to give to clients, for example `http://127.0.0.1:41235`.
    pub fn uri(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// From now on `rule` decides what happens to each request.
    pub fn set(&self, rule: impl FnMut(&Request) -> Fault + Send + 'static) {
        *self.state.rule.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(rule);
    }

    /// From now on everything is forwarded.
    pub fn clear(&self) {
        self.set(|_| Fault::None);
    }

    /// All requests so far, those that were not forwarded included.
    pub fn requests(&self) -> Vec<Request> {
        self.state.requests().clone()
    }

    /// Forgets the requests so far; their numbers start again at 1.
    pub fn forget_requests(&self) {
        self.state.requests().clear();
    }
}

/// Answers one request and closes the connection.
async fn serve(mut client: TcpStream, state: &State) -> io::Result<()> {
    let Some((head, mut request)) = receive(&mut client).await? else { return Ok(()) };
    {
        let mut requests = state.requests();
        request.number = requests.len() as u64 + 1;
        requests.push(request.clone());
    }
    let fault = (*state.rule.lock().unwrap_or_else(PoisonError::into_inner))(&request);
    match fault {
        Fault::None => forward(&mut client, state, &head, &request).await,
        Fault::Answer(status, code) => answer(&mut client, &request, status, &error_document(code)).await,
        Fault::AnswerNothing(status) => answer(&mut client, &request, status, "").await,
        Fault::AnswerDocument(document) => answer(&mut client, &request, 200, &document).await,
        Fault::AnswerPage(status) => {
            answer(&mut client, &request, status, "<!DOCTYPE html><html><body>It works!</body></html>").await
        }
        Fault::Reset => client.set_zero_linger(),
        Fault::Delay(time) => {
            tokio::time::sleep(time).await;
            forward(&mut client, state, &head, &request).await
        }
        Fault::LoseAnswer => {
            let mut upstream = send(state, &head, &request).await?;
            upstream.read_to_end(&mut Vec::new()).await?;
            client.set_zero_linger()
        }
        Fault::RefuseKeys(keys, code) => {
            let bucket = state.bucket.as_ref().expect("a proxy that was started in front of a bucket");
            answer(&mut client, &request, 200, &delete_all_but(&request, bucket, &keys, code)).await
        }
        Fault::RequireContentMd5 => match request.header("content-md5") {
            None => answer(&mut client, &request, 400, &error_document("MissingContentMD5")).await,
            Some(digest) if unbase64(digest) != Md5::checksum(&request.body) => {
                answer(&mut client, &request, 400, &error_document("BadDigest")).await
            }
            Some(_) => forward(&mut client, state, &head, &request).await,
        },
    }
}

/// The head as bytes without the empty line, and the request; `None` when the client closed without sending any.
async fn receive(client: &mut TcpStream) -> io::Result<Option<(Vec<u8>, Request)>> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if client.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let body = bytes.split_off(end + 4);
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
    let (method, path, query) = (method.to_owned(), path.to_owned(), query.to_owned());
    let mut request = Request { number: 0, method, path, query, headers, body };

    assert!(request.header("transfer-encoding").is_none(), "the proxy reads no chunked bodies");
    if request.header("expect").is_some() {
        client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let length = request.header("content-length").map_or(Ok(0), str::parse).map_err(io::Error::other)?;
    while request.body.len() < length {
        if client.read_buf(&mut request.body).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    bytes.truncate(end);
    Ok(Some((bytes, request)))
}

/// Sends the request upstream, on a connection of its own.
async fn send(state: &State, head: &[u8], request: &Request) -> io::Result<TcpStream> {
    let mut upstream = TcpStream::connect(state.upstream).await?;
    upstream.write_all(head).await?;
    upstream.write_all(b"\r\nconnection: close\r\n\r\n").await?;
    upstream.write_all(&request.body).await?;
    Ok(upstream)
}

async fn forward(client: &mut TcpStream, state: &State, head: &[u8], request: &Request) -> io::Result<()> {
    let mut upstream = send(state, head, request).await?;
    tokio::io::copy(&mut upstream, client).await?;
    client.shutdown().await
}

async fn answer(client: &mut TcpStream, request: &Request, status: u16, document: &str) -> io::Result<()> {
    let length = document.len();
    let head = format!("HTTP/1.1 {status} Injected\r\ncontent-type: application/xml\r\ncontent-length: {length}\r\n");
    client.write_all(head.as_bytes()).await?;
    client.write_all(b"connection: close\r\n\r\n").await?;
    if request.method != "HEAD" {
        client.write_all(document.as_bytes()).await?;
    }
    client.shutdown().await
}

fn error_document(code: &str) -> String {
    format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>injected fault {code}</Message></Error>")
}

/// Does what a DeleteObjects asks for, except for the keys in `refused`.
fn delete_all_but(request: &Request, bucket: &Bucket, refused: &[String], code: &str) -> String {
    let body = String::from_utf8_lossy(&request.body);
    let quiet = body.contains("<Quiet>true</Quiet>");
    let mut result = String::new();
    for part in body.split("<Key>").skip(1) {
        let escaped = part.split("</Key>").next().unwrap_or_default();
        let key = escaped.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
        if refused.contains(&key) {
            let message = format!("injected fault {code}");
            result += &format!("<Error><Key>{escaped}</Key><Code>{code}</Code><Message>{message}</Message></Error>");
        } else {
            bucket.remove(&key);
            if !quiet {
                result += &format!("<Deleted><Key>{escaped}</Key></Deleted>");
            }
        }
    }
    format!("<?xml version=\"1.0\"?><DeleteResult>{result}</DeleteResult>")
}

/// Decodes base64 (RFC 4648); what is no base64 comes out wrong.
fn unbase64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.bytes().filter_map(|byte| ALPHABET.iter().position(|&digit| digit == byte));
    let bits: Vec<bool> = digits.flat_map(|digit| (0..6).rev().map(move |bit| digit >> bit & 1 == 1)).collect();
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |sum, &bit| sum << 1 | u8::from(bit))).collect()
}
