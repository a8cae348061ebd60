//! As much HTTP/1.1 as the doubles of providers need.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// A server with a thread for each connection; it stops accepting them when dropped.
pub(crate) struct Threads {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
}

impl Threads {
    /// Hands every connection to `serve`, on a free port of the loopback interface.
    pub(crate) fn start<S>(name: &str, serve: S) -> io::Result<Self>
    where
        S: Fn(&TcpStream) -> io::Result<()> + Send + Sync + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (address, stopped, serve) = (listener.local_addr()?, Arc::<AtomicBool>::default(), Arc::new(serve));
        let stops = Arc::clone(&stopped);
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            for stream in listener.incoming().flatten() {
                if stops.load(Ordering::SeqCst) {
                    return;
                }
                let serve = Arc::clone(&serve);
                // A connection that fails is the client's to notice.
                thread::spawn(move || serve(&stream));
            }
        })?;
        Ok(Self { address, stopped })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the accepting thread; if it cannot be reached, it is gone already.
        drop(TcpStream::connect(self.address));
    }
}

/// A request as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method, such as `DELETE`.
    pub method: String,
    /// The address as sent: path and query, undecoded.
    pub target: String,
    /// All headers in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// What was sent with it.
    pub body: String,
}

impl Request {
    /// The first header of this lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether the request carries these credentials (RFC 7617).
    pub(crate) fn authorised(&self, username: &str, password: &str) -> bool {
        let credentials = self.header("authorization").and_then(|value| value.strip_prefix("Basic "));
        credentials.and_then(base64_decoded) == Some(format!("{username}:{password}").into_bytes())
    }

    /// Whether it is the last on its connection.
    pub(crate) fn is_last(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    pub(crate) fn wants_json(&self) -> bool {
        self.header("accept").is_some_and(|accept| accept.contains("application/json"))
    }

    fn parse(head: &str) -> Option<Self> {
        let mut lines = head.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        (words.next()? == "HTTP/1.1" && words.next().is_none() && target.starts_with('/')).then_some(())?;
        let header = |line: &str| line.split_once(':').map(|(k, v)| (k.to_ascii_lowercase(), v.trim().to_owned()));
        let headers = lines.filter(|line| !line.is_empty()).map(header).collect::<Option<_>>()?;
        Some(Self { method, target, headers, body: String::new() })
    }
}

/// Waits for a request without taking it off the connection, and says how many bytes it has; `None` at the end.
pub(crate) fn peek(stream: &TcpStream) -> io::Result<Option<(Request, usize)>> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let available = stream.peek(&mut buffer)?;
        if available == 0 {
            return Ok(None);
        }
        if let Some(end) = buffer[..available].windows(4).position(|window| window == b"\r\n\r\n") {
            let request = std::str::from_utf8(&buffer[..end]).ok().and_then(Request::parse);
            let malformed = || io::Error::new(io::ErrorKind::InvalidData, "no HTTP/1.1 request");
            return Ok(Some((request.ok_or_else(malformed)?, end + 4)));
        }
        if available == buffer.len() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the request's head is too long"));
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Takes a request off the connection, with its body.
pub(crate) fn consume(mut stream: &TcpStream, request: &mut Request, length: usize) -> io::Result<()> {
    stream.read_exact(&mut vec![0; length])?;
    let mut body = vec![0; request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0)];
    stream.read_exact(&mut body)?;
    request.body = String::from_utf8(body).map_err(io::Error::other)?;
    Ok(())
}

pub(crate) struct Response {
    status: u16,
    content_type: &'static str,
    /// A header of its own, name and value.
    more: Option<(&'static str, String)>,
    body: String,
}

impl Response {
    pub(crate) fn new(status: u16, content_type: &'static str, body: impl Into<String>) -> Self {
        Self { status, content_type, more: None, body: body.into() }
    }

    pub(crate) fn with(mut self, header: &'static str, value: String) -> Self {
        self.more = Some((header, value));
        self
    }

    /// `last` if the client does not want the connection to stay open.
    pub(crate) fn send(&self, mut stream: &TcpStream, last: bool) -> io::Result<()> {
        stream.write_all((self.head(self.body.len(), last) + &self.body).as_bytes())
    }

    /// Promises more than it sends; the connection is to be closed afterwards.
    pub(crate) fn send_half(&self, mut stream: &TcpStream) -> io::Result<()> {
        let half = self.body.get(..self.body.len() / 2).unwrap_or_default();
        stream.write_all((self.head(self.body.len() + 1, true) + half).as_bytes())
    }

    fn head(&self, length: usize, last: bool) -> String {
        let mut head = format!("HTTP/1.1 {} Status\r\nContent-Type: {}\r\n", self.status, self.content_type);
        if last {
            head += "Connection: close\r\n";
        }
        if let Some((name, value)) = &self.more {
            head += &format!("{name}: {value}\r\n");
        }
        // RFC 9110, section 8.6: no length where there cannot be a body.
        if self.status != 204 {
            head += &format!("Content-Length: {length}\r\n");
        }
        head + "\r\n"
    }
}

/// Undoes percent-encoding, once.
pub(crate) fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let code = (bytes[index] == b'%').then(|| text.get(index + 1..index + 3)).flatten();
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                index += 3;
            }
            None => {
                decoded.push(bytes[index]);
                index += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn base64_decoded(text: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for letter in text.trim_end_matches('=').bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            decoded.push((bits >> count & 0xff) as u8);
        }
    }
    text.len().is_multiple_of(4).then_some(decoded)
}
