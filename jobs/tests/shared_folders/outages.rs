//! Providers that hang, break or are not there, and runs that end early.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use upkeep_jobs::platform::{Kind, StopReason};
use upkeep_test_servers::nextcloud::Answer;

use super::*;

/// Longer than any test waits.
const FOR_EVER: Duration = Duration::from_secs(3600);

fn impatient(url: &str) -> SharedFolders {
    let mut settings = settings(url);
    settings.request_timeout = Duration::from_millis(500);
    SharedFolders::nextcloud(settings).unwrap()
}

fn many(server: &Nextcloud) -> Vec<SharedFolder> {
    (0..100).map(|n| existing(server, &format!("folder {n}"))).collect()
}

#[test]
fn a_request_without_an_answer_ends() {
    for needle in ["/shares/1", "/remote.php/"] {
        let server = Nextcloud::start().unwrap();
        let folder = existing(&server, "Dr. Who");
        server.answer(needle, Answer::Delay(FOR_EVER));
        let reason = failure(&impatient(&server.url()), &folder);
        assert!(reason.ends_with("no valid answer: no answer within 500 ms"), "{reason}");
        assert_eq!(server.requests().iter().filter(|request| request.target.contains(needle)).count(), 1);
        assert!(server.has_folder("Dr. Who"));
    }
}

#[test]
fn an_answer_that_keeps_breaking_is_a_failure() {
    for answer in [Answer::Reset, Answer::LostAnswer, Answer::Truncated] {
        let server = Nextcloud::start().unwrap();
        let folder = existing(&server, "one");
        server.answer("/shares/2", answer.clone());
        let reason = failure(&client(&server), &folder);
        assert!(reason.starts_with("removing its read share: no valid answer: "), "{reason}");
        assert!(server.has_folder("one"));
        assert_eq!(server.requests().len(), 1 + 3, "{answer:?}");
    }
}

#[test]
fn an_answer_that_is_not_http_is_a_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::io::Write::write_all(&mut stream, b"220 smtp.example.org ESMTP\r\n\r\n").unwrap();
            thread::spawn(move || drop(stream.read_to_end(&mut Vec::new())));
        }
    });
    let reason = failure(&impatient(&url), &stored("one", "1", "2"));
    assert!(reason.contains("no valid answer: "), "{reason}");
}

#[test]
fn a_closed_port_is_told_once_and_not_tried_for_every_folder() {
    // The near end of a connection: as long as it is open, nobody can listen on its port.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let url = format!("http://{}", taken.local_addr().unwrap());
    let folders: Vec<_> = (0..1000).map(|n| stored(&format!("folder {n}"), "1", "2")).collect();
    let outcomes = remove(&SharedFolders::nextcloud(settings(&url)).unwrap(), &folders);
    assert!(outcomes.iter().all(|outcome| outcome.as_ref().is_err_and(|reason| reason.contains("refused"))));
    let attempted = outcomes.iter().filter(|outcome| {
        outcome.as_ref().is_err_and(|reason| reason.starts_with("removing its write share: no valid answer: "))
    });
    assert!((8..=16).contains(&attempted.count()));
    assert!(
        outcomes[999].as_ref().is_err_and(|reason| reason.starts_with("not attempted, as 8 others in a row failed"))
    );
}

#[test]
fn what_lies_with_the_provider_ends_the_attempts() {
    for answer in [
        Answer::Delay(FOR_EVER),
        Answer::Status(401),
        Answer::Status(502),
        Answer::Status(503),
        Answer::Html(404),
        Answer::Redirect("https://other.invalid/".into()),
    ] {
        let server = Nextcloud::start().unwrap();
        let folders = many(&server);
        server.answer("/shares/", answer.clone());
        let outcomes = remove(&impatient(&server.url()), &folders);
        assert!(outcomes.iter().all(Result::is_err));
        assert!(outcomes[99].as_ref().is_err_and(|reason| reason.starts_with("not attempted")), "{answer:?}");
        // At most sixteen folders, each tried three times.
        assert!(server.requests().len() <= 48, "{answer:?}");
        assert_eq!(server.folders().len(), 100);
    }
}

/// A job removes folders in groups: each group would wait for a provider that hangs.
#[test]
fn a_provider_that_hangs_is_waited_for_once_and_not_by_every_group() {
    let server = Nextcloud::start().unwrap();
    let folders = many(&server);
    server.answer("/shares/", Answer::Delay(FOR_EVER));
    let client = impatient(&server.url());
    for group in folders.chunks(10) {
        assert!(remove(&client, group).iter().all(Result::is_err));
    }
    assert!((8..=16).contains(&server.requests().len()));
    let reason = failure(&client, &folders[0]);
    assert!(reason.starts_with("not attempted, as 8 others in a row failed: "), "{reason}");
}

#[test]
fn a_success_in_between_ends_a_row_of_failures() {
    let server = Nextcloud::start().unwrap();
    server.answer("/shares/bad", Answer::Status(502));
    let bad = vec![stored("folder", "bad", "gone"); 7];
    let client = client(&server);
    for n in 0..3 {
        assert!(remove(&client, &bad).iter().all(Result::is_err));
        succeeds(&client, &existing(&server, &format!("folder {n}")));
    }
}

#[test]
fn what_lies_with_the_folders_does_not() {
    for (needle, answer) in [
        ("/shares/", Answer::Status(403)),
        ("/shares/", Answer::Ocs(996)),
        ("/shares/", Answer::Status(500)),
        ("/remote.php/", Answer::Status(423)),
        ("/remote.php/", Answer::Html(404)),
        ("/remote.php/", Answer::Delay(FOR_EVER)),
    ] {
        let server = Nextcloud::start().unwrap();
        let mut folders: Vec<_> = (0..20).map(|n| existing(&server, &format!("folder {n}"))).collect();
        server.answer(needle, answer);
        let outcomes = remove(&impatient(&server.url()), &folders);
        assert!(outcomes.iter().all(|outcome| outcome.as_ref().is_err_and(|why| why.starts_with("removing "))));
        // Nor do folders for which nothing may be sent.
        server.behave();
        folders.iter_mut().for_each(|folder| folder.path = "/".to_owned());
        folders.push(existing(&server, "last"));
        assert_eq!(remove(&client(&server), &folders).pop(), Some(Ok(())));
    }
}

#[test]
fn an_outage_now_and_then_does_not_end_the_attempts() {
    let server = Nextcloud::start().unwrap();
    let mut folders = many(&server);
    let affected: Vec<_> = (0..100).step_by(3).collect();
    for &n in &affected {
        folders[n] = stored(&folders[n].path, "bad", "gone");
    }
    server.answer("/shares/bad", Answer::Status(502));
    let outcomes = remove(&client(&server), &folders);
    let failed: Vec<_> = (0..100).filter(|&n| outcomes[n].is_err()).collect();
    assert_eq!(failed, affected);
}

#[test]
fn a_stop_ends_the_wait_for_a_stuck_server() {
    for (reason, kind) in [
        (StopReason::Terminated, Kind::Stopped(StopReason::Terminated)),
        (StopReason::Interrupted, Kind::Stopped(StopReason::Interrupted)),
    ] {
        let server = Nextcloud::start().unwrap();
        let folders = many(&server);
        server.answer("/shares/", Answer::Delay(FOR_EVER));
        let mut settings = settings(&server.url());
        settings.request_timeout = FOR_EVER;
        let client = SharedFolders::nextcloud(settings).unwrap();
        let stop = Stop::without_deadline();
        let problem = thread::scope(|scope| {
            let removal = scope.spawn(|| client.remove_many(&folders, &stop));
            while server.requests().len() < 8 {
                thread::yield_now();
            }
            stop.trigger(reason);
            removal.join().unwrap().unwrap_err()
        });
        assert_eq!(problem.kind(), kind);
        assert_eq!(server.requests().len(), 8, "no request follows a stop");
        assert_eq!(server.folders().len(), 100);
    }
}

#[test]
fn a_stop_ends_the_pause_before_another_attempt() {
    let server = Nextcloud::start().unwrap();
    let folders = [existing(&server, "one")];
    server.answer("/shares/", Answer::Status(503));
    let stop = Stop::without_deadline();
    let problem = thread::scope(|scope| {
        let removal = scope.spawn(|| client(&server).remove_many(&folders, &stop));
        while server.requests().is_empty() {
            thread::yield_now();
        }
        stop.trigger(StopReason::Terminated);
        removal.join().unwrap().unwrap_err()
    });
    assert_eq!(problem.kind(), Kind::Stopped(StopReason::Terminated));
}

#[test]
fn the_deadline_of_the_run_counts() {
    let server = Nextcloud::start().unwrap();
    let folders = many(&server);
    server.answer("/remote.php/", Answer::Delay(FOR_EVER));
    let limit = Duration::from_millis(200);
    let problem = client(&server).remove_many(&folders, &Stop::after(limit)).unwrap_err();
    assert_eq!(problem.kind(), Kind::Stopped(StopReason::TimedOut(limit)));
}

#[test]
fn after_a_stop_nothing_is_sent() {
    let server = Nextcloud::start().unwrap();
    let stop = Stop::without_deadline();
    stop.trigger(StopReason::Interrupted);
    assert!(client(&server).remove_many(&many(&server), &stop).is_err());
    assert_eq!(sent(&server), [""; 0]);
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
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut session = rustls::ServerConnection::new(config).unwrap();
        let mut received = Vec::new();
        let ended = rustls::Stream::new(&mut session, &mut stream).read_to_end(&mut received);
        (ended.is_err(), received)
    });
    let reason = failure(&SharedFolders::nextcloud(settings(&url)).unwrap(), &stored("one", "1", "2"));
    assert!(reason.contains("certificate"), "{reason}");
    assert_eq!(server.join().unwrap(), (true, Vec::new()), "no request, no credentials");
}
