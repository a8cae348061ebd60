//! A Nextcloud double on loopback: the share and the file interface as far as deletions need them, as strict as the
//! real one about credentials, headers and addresses, and with faults on demand.

mod answers;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

pub use crate::http::Request;
use crate::http::{self, Response, Threads, decoded};

/// The user id that the double knows.
pub const USERNAME: &str = "meet";
/// The password of [`USERNAME`].
pub const PASSWORD: &str = "correct horse:battery \u{fc}";

/// What to do with a request instead of what Nextcloud would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// An error with this HTTP status, in the form that the interface asked would give it.
    Status(u16),
    /// HTTP 200 with this status in the OCS answer, as XML; for requests to the share interface.
    Ocs(u16),
    /// An HTML page with this HTTP status, as proxies and wrong addresses give.
    Html(u16),
    /// Anything else: HTTP status, content type, body.
    Raw(u16, &'static str, String),
    /// A redirect to this address.
    Redirect(String),
    /// An answer that breaks off in the middle of its body.
    Truncated,
    /// What Nextcloud would do, after a pause.
    Delay(Duration),
    /// What Nextcloud would do, but the connection is closed instead of the answer.
    LostAnswer,
    /// Nothing is read and the connection is reset.
    Reset,
}

struct Rule {
    needle: String,
    answer: Answer,
    times: usize,
}

#[derive(Default)]
struct State {
    folders: BTreeSet<String>,
    shares: BTreeMap<String, String>,
    rules: Vec<Rule>,
    requests: Vec<Request>,
}

/// A running double; it stops when dropped.
pub struct Nextcloud {
    shared: Arc<Shared>,
    threads: Threads,
}

struct Shared {
    base_path: String,
    state: Mutex<State>,
}

impl Nextcloud {
    /// Starts on a free port of the loopback interface.
    ///
    /// # Errors
    /// When no port can be opened.
    pub fn start() -> io::Result<Self> {
        Self::start_under("")
    }

    /// Starts an installation below a path such as `/cloud`.
    ///
    /// # Errors
    /// When no port can be opened.
    pub fn start_under(base_path: &str) -> io::Result<Self> {
        let shared = Arc::new(Shared { base_path: base_path.to_owned(), state: Mutex::default() });
        let serving = Arc::clone(&shared);
        let threads = Threads::start("nextcloud", move |stream| serving.serve(stream))?;
        Ok(Self { shared, threads })
    }

    /// The address to configure, without a final slash.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.threads.address(), self.shared.base_path)
    }

    /// Adds a folder (path without slashes at its ends) with two shares; the ids are of the write and the read share.
    pub fn add_folder(&self, path: &str) -> (String, String) {
        let mut state = self.shared.state();
        state.folders.insert(path.to_owned());
        let mut add_share = || {
            let id = (state.shares.len() + 1..).map(|n| n.to_string()).find(|id| !state.shares.contains_key(id));
            let id = id.unwrap_or_default();
            state.shares.insert(id.clone(), path.to_owned());
            id
        };
        (add_share(), add_share())
    }

    /// Adds a share with a given id.
    pub fn add_share(&self, id: &str, path: &str) {
        self.shared.state().shares.insert(id.to_owned(), path.to_owned());
    }

    /// Whether the folder is there.
    pub fn has_folder(&self, path: &str) -> bool {
        self.shared.state().folders.contains(path)
    }

    /// All folders, sorted.
    pub fn folders(&self) -> Vec<String> {
        self.shared.state().folders.iter().cloned().collect()
    }

    /// The ids of all shares, sorted as text.
    pub fn shares(&self) -> Vec<String> {
        self.shared.state().shares.keys().cloned().collect()
    }

    /// All requests so far, in the order of their arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.state().requests.clone()
    }

    /// From now on answers requests whose address, as sent, contains `needle` with `answer`; later calls win.
    pub fn answer(&self, needle: &str, answer: Answer) {
        self.answer_times(usize::MAX, needle, answer);
    }

    /// As [`Nextcloud::answer`], for the next `times` such requests only.
    pub fn answer_times(&self, times: usize, needle: &str, answer: Answer) {
        self.shared.state().rules.push(Rule { needle: needle.to_owned(), answer, times });
    }

    /// Forgets all programmed answers.
    pub fn behave(&self) {
        self.shared.state().rules.clear();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, stream: &TcpStream) -> io::Result<()> {
        while let Some((mut request, length)) = http::peek(stream)? {
            let programmed = self.programmed(&request);
            self.state().requests.push(request.clone());
            if programmed == Some(Answer::Reset) {
                // Closing with unread data makes the kernel send a reset.
                return Ok(());
            }
            http::consume(stream, &mut request, length)?;
            let response = match programmed {
                None => self.nextcloud(&request),
                Some(Answer::Delay(pause)) => {
                    thread::sleep(pause);
                    self.nextcloud(&request)
                }
                Some(Answer::LostAnswer) => {
                    self.nextcloud(&request);
                    return Ok(());
                }
                Some(Answer::Truncated) => return self.nextcloud(&request).send_half(stream),
                Some(Answer::Status(status)) => self.error(&request, status),
                Some(Answer::Ocs(status)) => answers::ocs(200, status, false),
                Some(Answer::Html(status)) => answers::html(status),
                Some(Answer::Raw(status, content_type, body)) => Response::new(status, content_type, body),
                Some(Answer::Redirect(target)) => answers::html(302).with("Location", target),
                Some(Answer::Reset) => return Ok(()),
            };
            response.send(stream, request.is_last())?;
            if request.is_last() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn programmed(&self, request: &Request) -> Option<Answer> {
        let mut state = self.state();
        let rule = state.rules.iter_mut().rev().find(|rule| rule.times > 0 && request.target.contains(&rule.needle))?;
        rule.times -= 1;
        Some(rule.answer.clone())
    }

    /// An error as the interface that was asked would state it.
    fn error(&self, request: &Request, status: u16) -> Response {
        if request.target.contains("/ocs/") {
            answers::ocs(status, status, request.wants_json())
        } else {
            answers::dav(status)
        }
    }

    /// What Nextcloud does.
    fn nextcloud(&self, request: &Request) -> Response {
        let Some(target) = request.target.strip_prefix(&self.base_path) else { return answers::html(404) };
        // As in any server, a query is no part of the path.
        let path = target.split('?').next().unwrap_or_default();
        if let Some(id) = path.strip_prefix("/ocs/v2.php/apps/files_sharing/api/v1/shares/") {
            self.share_request(request, id)
        } else if let Some(file) = path.strip_prefix("/remote.php/dav/files/") {
            self.file_request(request, file)
        } else if path == "/ocs/v2.php/cloud/user" {
            match request.authorised(USERNAME, PASSWORD) {
                true => answers::user(USERNAME),
                false => answers::ocs(401, 997, false),
            }
        } else if path.starts_with("/ocs/") {
            answers::ocs(404, 998, false)
        } else {
            answers::html(404)
        }
    }

    fn share_request(&self, request: &Request, id: &str) -> Response {
        if !request.authorised(USERNAME, PASSWORD) {
            return answers::ocs(401, 997, false);
        }
        if request.header("ocs-apirequest") != Some("true") {
            return Response::new(412, "application/json", r#"{"message":"CSRF check failed"}"#);
        }
        if id.is_empty() || id.contains('/') {
            return answers::ocs(404, 998, false);
        }
        if request.method == "GET" {
            let status = if self.state().shares.contains_key(&decoded(id)) { 200 } else { 404 };
            return answers::ocs(status, status, request.wants_json());
        }
        if request.method != "DELETE" {
            return answers::ocs(405, 405, request.wants_json());
        }
        let status = if self.state().shares.remove(&decoded(id)).is_some() { 200 } else { 404 };
        answers::ocs(status, status, request.wants_json())
    }

    fn file_request(&self, request: &Request, file: &str) -> Response {
        if !request.authorised(USERNAME, PASSWORD) {
            return answers::dav(401);
        }
        let (user, path) = file.split_once('/').unwrap_or((file, ""));
        if decoded(user) != USERNAME {
            return answers::unknown_principal(&decoded(user));
        }
        if request.method != "DELETE" {
            return answers::dav(405);
        }
        let path = normalised(&decoded(path));
        let below = format!("{path}/");
        let gone = |other: &str| path.is_empty() || other == path || other.starts_with(&below);
        let mut state = self.state();
        let before = state.folders.len();
        state.folders.retain(|folder| !gone(folder));
        state.shares.retain(|_, folder| !gone(folder));
        if state.folders.len() < before { answers::dav_deleted() } else { answers::dav(404) }
    }
}

/// As a careless server might read a path, so that a client that relies on care loses its data here, visibly.
fn normalised(path: &str) -> String {
    let path = path.replace('\\', "/");
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment.trim() {
            "" | "." => {}
            ".." => drop(segments.pop()),
            _ => segments.push(segment),
        }
    }
    segments.join("/")
}
