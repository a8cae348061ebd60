//! A Keycloak double on loopback: discovery, tokens by client credentials, and the users of one realm, as strict as the
//! real one about credentials, tokens and addresses, and with faults on demand.

mod realm;

use std::collections::BTreeSet;
use std::io;
use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use self::realm::error;
pub use self::realm::{REALM, User};
pub use crate::http::Request;
use crate::http::{self, Response, Threads};

/// The client that the double knows.
pub const CLIENT_ID: &str = "upkeep & co";
/// The secret of [`CLIENT_ID`]; it needs encoding.
pub const CLIENT_SECRET: &str = "kc+secret=100%&\u{fc} x";
/// What every token begins with.
pub const TOKEN_START: &str = "kc-token-";

/// What to do with a request instead of what Keycloak would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// An error with this HTTP status, in Keycloak's form.
    Status(u16),
    /// The same, and the client is to come back after so many seconds.
    RetryAfter(u16, u64),
    /// An HTML page with this HTTP status, as proxies and wrong addresses give.
    Html(u16),
    /// Anything else: HTTP status, content type, body.
    Raw(u16, &'static str, String),
    /// A page that repeats all that it was sent, tokens included.
    Echo(u16),
    /// A redirect to this address.
    Redirect(String),
    /// An answer that breaks off in the middle of its body.
    Truncated,
    /// What Keycloak would do, after a pause.
    Delay(Duration),
    /// What Keycloak would do, but the connection is closed instead of the answer.
    LostAnswer,
    /// Nothing is read and the connection is reset.
    Reset,
}

struct Rule {
    needle: String,
    answer: Answer,
    times: usize,
}

/// Something that happens in the realm just before a request is answered.
type Happening = Box<dyn FnOnce(&mut Vec<User>) + Send>;

#[derive(Default)]
struct State {
    /// In the order in which they are listed.
    users: Vec<User>,
    issued: usize,
    valid_tokens: BTreeSet<String>,
    issuer: Option<String>,
    token_endpoint: Option<String>,
    rules: Vec<Rule>,
    happenings: Vec<(String, Happening)>,
    requests: Vec<Request>,
    /// Requests for users under way, and the most there have been.
    at_once: usize,
    most_at_once: usize,
    pause: Duration,
}

/// A running double; it stops when dropped.
pub struct Keycloak {
    shared: Arc<Shared>,
    threads: Threads,
}

struct Shared {
    base_path: String,
    state: Mutex<State>,
}

impl Keycloak {
    /// Starts on a free port of the loopback interface.
    ///
    /// # Errors
    /// When no port can be opened.
    pub fn start() -> io::Result<Self> {
        Self::start_under("")
    }

    /// Starts below a path, such as `/auth`.
    ///
    /// # Errors
    /// When no port can be opened.
    pub fn start_under(base_path: &str) -> io::Result<Self> {
        let shared = Arc::new(Shared { base_path: base_path.to_owned(), state: Mutex::default() });
        let serving = Arc::clone(&shared);
        let threads = Threads::start("keycloak", move |stream| serving.serve(stream))?;
        Ok(Self { shared, threads })
    }

    fn url(&self) -> String {
        format!("http://{}{}", self.threads.address(), self.shared.base_path)
    }

    /// The realm as an issuer of tokens.
    pub fn authority(&self) -> String {
        format!("{}/realms/{REALM}", self.url())
    }

    /// The realm's administration API.
    pub fn api_base_url(&self) -> String {
        format!("{}/admin/realms/{REALM}", self.url())
    }

    /// Adds users.
    pub fn add(&self, users: impl IntoIterator<Item = User>) {
        self.change(|all| all.extend(users));
    }

    /// Changes the users.
    pub fn change(&self, change: impl FnOnce(&mut Vec<User>)) {
        self.shared.state().change(change);
    }

    /// Changes the users just before the next request whose address contains `needle` is answered.
    pub fn before(&self, needle: &str, change: impl FnOnce(&mut Vec<User>) + Send + 'static) {
        self.shared.state().happenings.push((needle.to_owned(), Box::new(change)));
    }

    /// All requests so far, in the order of their arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.state().requests.clone()
    }

    /// How many tokens were issued.
    pub fn tokens_issued(&self) -> usize {
        self.shared.state().issued
    }

    /// From now on the tokens that were issued so far are refused.
    pub fn expire_tokens(&self) {
        self.shared.state().valid_tokens.clear();
    }

    /// The most requests for users that were under way at once.
    pub fn most_at_once(&self) -> usize {
        self.shared.state().most_at_once
    }

    /// Takes so long for every answer with users.
    pub fn take_time(&self, pause: Duration) {
        self.shared.state().pause = pause;
    }

    /// Describes itself as another issuer.
    pub fn pretend_to_be(&self, issuer: &str) {
        self.shared.state().issuer = Some(issuer.to_owned());
    }

    /// Sends clients elsewhere for tokens.
    pub fn issue_tokens_at(&self, address: &str) {
        self.shared.state().token_endpoint = Some(address.to_owned());
    }

    /// From now on answers requests whose address, as sent, contains `needle` with `answer`; later calls win.
    pub fn answer(&self, needle: &str, answer: Answer) {
        self.answer_times(usize::MAX, needle, answer);
    }

    /// As [`Keycloak::answer`], for the next `times` such requests only.
    pub fn answer_times(&self, times: usize, needle: &str, answer: Answer) {
        self.shared.state().rules.push(Rule { needle: needle.to_owned(), answer, times });
    }

    /// Forgets all programmed answers.
    pub fn behave(&self) {
        self.shared.state().rules.clear();
    }
}

impl State {
    fn change(&mut self, change: impl FnOnce(&mut Vec<User>)) {
        change(&mut self.users);
        self.users.sort_by(|a, b| a.username.cmp(&b.username));
    }

    fn programmed(&mut self, request: &Request) -> Option<Answer> {
        let rule = self.rules.iter_mut().rev().find(|rule| rule.times > 0 && request.target.contains(&rule.needle))?;
        rule.times -= 1;
        Some(rule.answer.clone())
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, stream: &TcpStream) -> io::Result<()> {
        while let Some((mut request, length)) = http::peek(stream)? {
            let programmed = self.state().programmed(&request);
            if programmed == Some(Answer::Reset) {
                // Closing with unread data makes the kernel send a reset.
                self.state().requests.push(request);
                return Ok(());
            }
            http::consume(stream, &mut request, length)?;
            self.state().requests.push(request.clone());
            let response = match programmed {
                None => self.paused_answer(&request),
                Some(Answer::Delay(pause)) => {
                    thread::sleep(pause);
                    self.paused_answer(&request)
                }
                Some(Answer::LostAnswer) => {
                    self.paused_answer(&request);
                    return Ok(());
                }
                Some(Answer::Truncated) => return self.paused_answer(&request).send_half(stream),
                Some(Answer::Status(status)) => error(status, "made to fail"),
                Some(Answer::RetryAfter(status, seconds)) => {
                    error(status, "made to fail").with("Retry-After", seconds.to_string())
                }
                Some(Answer::Html(status)) => html(status),
                Some(Answer::Raw(status, content_type, body)) => Response::new(status, content_type, body),
                Some(Answer::Echo(status)) => Response::new(status, "text/plain", format!("{request:?}")),
                Some(Answer::Redirect(target)) => html(302).with("Location", target),
                Some(Answer::Reset) => return Ok(()),
            };
            response.send(stream, request.is_last())?;
            if request.is_last() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn paused_answer(&self, request: &Request) -> Response {
        let mut state = self.state();
        if let Some(at) = state.happenings.iter().position(|(needle, _)| request.target.contains(needle)) {
            let (_, change) = state.happenings.remove(at);
            state.change(change);
        }
        let pause = state.pause;
        if !pause.is_zero() && request.target.contains("/users") {
            state.at_once += 1;
            state.most_at_once = state.most_at_once.max(state.at_once);
            drop(state);
            thread::sleep(pause);
            state = self.state();
            state.at_once -= 1;
        }
        let host = request.header("host").unwrap_or_default();
        let base = format!("http://{host}{}", self.base_path);
        match request.target.strip_prefix(&self.base_path) {
            Some(target) => state.keycloak(request, target, &base),
            None => html(404),
        }
    }
}

/// A page for people.
fn html(status: u16) -> Response {
    let page = "<!DOCTYPE html>\n<html><head><title>Keycloak</title></head><body>We are sorry...</body></html>\n";
    Response::new(status, "text/html;charset=UTF-8", page)
}
