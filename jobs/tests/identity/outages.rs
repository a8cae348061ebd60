//! Providers that hang, break or are not there, and runs that end early.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use upkeep_jobs::platform::StopReason;

use super::*;

/// Longer than any test waits.
const FOR_EVER: Duration = Duration::from_secs(3600);

#[test]
fn what_passes_is_tried_again() {
    const NEEDLES: [&str; 4] = ["/.well-known/", "/token", "first=20&", "/users/u001"];
    thread::scope(|scope| {
        for answer in [
            Answer::Status(429),
            Answer::RetryAfter(503, 0),
            Answer::Status(500),
            Answer::Status(502),
            Answer::Html(504),
            Answer::Truncated,
            Answer::LostAnswer,
            Answer::Reset,
            Answer::Delay(FOR_EVER),
        ] {
            scope.spawn(move || {
                let server = realm_with(35);
                for needle in NEEDLES {
                    server.answer_times(2, needle, answer.clone());
                }
                let client = impatient(&server);
                assert_eq!(list(&client, 10).unwrap().listed(), 35, "{answer:?}");
                assert_eq!(look_again(&client, &["u001"]).unwrap()["u001"], Standing::Enabled, "{answer:?}");
                for needle in NEEDLES {
                    let requests = server.requests();
                    let sent = requests.iter().filter(|request| request.target.contains(needle)).count();
                    assert_eq!(sent, 3, "{needle} {answer:?}");
                }
            });
        }
    });
}

#[test]
fn what_does_not_pass_ends_it() {
    thread::scope(|scope| {
        for (answer, expected) in [
            (Answer::Status(429), "HTTP 429, too many requests, also after pauses (made to fail)"),
            (Answer::Status(500), "HTTP 500, the server failed or is overloaded, also after pauses"),
            (Answer::Html(503), "HTTP 503, the server failed or is overloaded, also after pauses"),
            (Answer::Truncated, "no valid answer: "),
            (Answer::LostAnswer, "no valid answer: "),
            (Answer::Reset, "no valid answer: "),
            (Answer::Delay(FOR_EVER), "no valid answer: no answer within 300 ms"),
        ] {
            scope.spawn(move || {
                let server = realm_with(95);
                server.answer("first=20&", answer.clone());
                let problem = list(&impatient(&server), 10).expect_err(&format!("{answer:?}"));
                assert_eq!(problem.kind(), Kind::Unreachable, "{answer:?}");
                let text = in_words(problem);
                assert!(text.contains(expected), "{answer:?}: {text}");
                let sent = sent(&server).iter().filter(|address| address.contains("first=20&")).count();
                assert_eq!(sent, 4, "{answer:?}");
            });
        }
    });
}

#[test]
fn a_closed_port_is_told() {
    // The near end of a connection: as long as it is open, nobody can listen on its port.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let url = format!("http://{}", taken.local_addr().unwrap());
    let settings = IdentitySettings::new(&url, &url, "x", SecretString::from("x"));
    let problem = list(&Identity::keycloak(&settings, false).unwrap(), 10).unwrap_err();
    assert_eq!(problem.kind(), Kind::Unreachable);
    assert!(in_words(problem).contains("refused"));
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    let pem = include_bytes!("self_signed.pem");
    let certificate = CertificateDer::from_pem_slice(pem).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], PrivateKeyDer::from_pem_slice(pem).unwrap());
    let config = Arc::new(config.unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}/realms/meet", listener.local_addr().unwrap().port());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut session = rustls::ServerConnection::new(config).unwrap();
        let mut received = Vec::new();
        let ended = rustls::Stream::new(&mut session, &mut stream).read_to_end(&mut received);
        (ended.is_err(), received)
    });
    let settings = IdentitySettings::new(&url, &url, "x", SecretString::from(CLIENT_SECRET));
    let problem = list(&Identity::keycloak(&settings, false).unwrap(), 10).unwrap_err();
    assert_eq!(problem.kind(), Kind::Configuration);
    let text = in_words(problem);
    assert!(text.contains("certificate"), "{text}");
    assert_eq!(server.join().unwrap(), (true, Vec::new()), "no request, no credentials");
}

#[test]
fn a_stop_ends_the_wait_wherever_it_is() {
    for needle in ["/.well-known/", "/token", "first=0&", "first=20&", "/users/u001"] {
        for answer in [Answer::Delay(FOR_EVER), Answer::RetryAfter(503, 20)] {
            let server = realm_with(35);
            server.answer(needle, answer);
            let mut settings = settings(&server);
            settings.request_timeout = FOR_EVER;
            let client = Identity::keycloak(&settings, false).unwrap();
            let stop = Stop::without_deadline();
            let problem = thread::scope(|scope| {
                let asking = scope.spawn(|| {
                    client.accounts(10, &stop, |_| {})?;
                    client.look_again(BTreeSet::from(["u001".to_owned()]), 10, &stop)
                });
                while !server.requests().iter().any(|request| request.target.contains(needle)) {
                    thread::yield_now();
                }
                stop.trigger(StopReason::Terminated);
                let stopped = Instant::now();
                let problem = asking.join().unwrap().unwrap_err();
                assert!(stopped.elapsed() < Duration::from_secs(2));
                problem
            });
            assert_eq!(problem.kind(), Kind::Stopped(StopReason::Terminated), "{needle}");
        }
    }
}

#[test]
fn the_deadline_of_the_run_counts() {
    let server = realm_with(35);
    server.answer("first=20&", Answer::Delay(FOR_EVER));
    let limit = Duration::from_millis(300);
    let problem = client(&server).accounts(10, &Stop::after(limit), |_| {}).unwrap_err();
    assert_eq!(problem.kind(), Kind::Stopped(StopReason::TimedOut(limit)));
}

#[test]
fn after_a_stop_nothing_is_sent() {
    let server = realm_with(5);
    let stop = Stop::without_deadline();
    stop.trigger(StopReason::Interrupted);
    assert!(client(&server).accounts(10, &stop, |_| {}).is_err());
    assert_eq!(server.requests().len(), 0);
}
