use std::io::Read;
use std::os::unix::net::UnixListener;
use std::thread;

use super::*;
use crate::platform::database::DatabaseUrl;

/// The problem of connecting to `address`.
fn refused(address: &str) -> Problem {
    let url = DatabaseUrl::parse(address).unwrap_or_else(|invalid| panic!("{address}: {invalid}"));
    let DatabaseUrl::Postgres(url) = url else { panic!("{address} is not PostgreSQL") };
    connect(&url.text, "upkeep:test", &Stop::without_deadline()).err().unwrap_or_else(|| panic!("connected"))
}

#[test]
fn a_socket_is_connected_to_without_tls_and_named_when_it_fails() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join(".s.PGSQL.5433");
    let listener = UnixListener::bind(&socket).unwrap();
    let encoded = directory.path().to_str().unwrap().replace('/', "%2F");
    let addresses = [
        format!("postgres://me:hunter2@{encoded}:5433/open%20talk?sslmode=verify-full"),
        format!("postgres://me@/open%20talk?host={}&port=5433", directory.path().display()),
    ];
    let server = thread::spawn(move || {
        // What each of the connections says first, before it is closed.
        [(); 2].map(|()| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut length = [0; 4];
            stream.read_exact(&mut length).unwrap();
            let mut rest = vec![0; u32::from_be_bytes(length) as usize - 4];
            stream.read_exact(&mut rest).unwrap();
            rest
        })
    });
    for address in addresses {
        let problem = refused(&address);
        assert_eq!(problem.kind(), Kind::Unreachable);
        assert_eq!(problem.to_string(), format!("cannot reach PostgreSQL at {}", socket.display()));
    }
    for said in server.join().unwrap() {
        // Version 3.0 of the protocol, where a request for TLS has another number.
        assert_eq!(said[..4], [0, 3, 0, 0]);
        let said = String::from_utf8(said).unwrap();
        assert!(said.contains("\0user\0me\0") && said.contains("\0database\0open talk\0"), "{said:?}");
    }
}

#[test]
fn every_host_is_named_with_its_own_port() {
    for (address, expected) in [
        ("postgres://h1:5433,h2/x", vec!["h1:5433", "h2:5432"]),
        ("postgres://[::1]/x", vec!["[::1]:5432"]),
        ("postgres:///x?host=/run", vec!["/run/.s.PGSQL.5432"]),
    ] {
        let (config, _) = tls::from_address(address).unwrap();
        assert_eq!(places(&config), expected);
    }
}
