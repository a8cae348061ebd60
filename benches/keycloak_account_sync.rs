//! keycloak-account-sync on N accounts, at a Keycloak that takes 20 ms for every answer, against a program that asks
//! for one page after the other.
//!
//! Of a hundred accounts one is no longer enabled and one is again; of a thousand one is gone and has to be confirmed.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use upkeep_test_servers::Keycloak;
use upkeep_test_servers::keycloak::{CLIENT_ID, CLIENT_SECRET, User};

use crate::contest::{Contest, Done, Place, Program};
use crate::options::Options;
use crate::platform::{Cluster, Fill};
use crate::s3_process::Objects;

const JOB: &str = "keycloak-account-sync";
/// Where the reference program finds the realm.
const API: &str = "BENCH_API_BASE_URL";
const TOKEN: &str = "BENCH_TOKEN_URL";
/// How long Keycloak takes.
const PAUSE: Duration = Duration::from_millis(20);
/// Accounts in a page, as by default.
const PAGE: usize = 100;

const USERS: &str = "
    DELETE FROM users;
    INSERT INTO users (oidc_sub, email, title, firstname, lastname, display_name, tenant_id, tariff_id, disabled_since)
        SELECT lpad(to_hex(n), 8, '0') || '-0000-4000-8000-000000000000', 'a@example.org', '', 'a', 'b', 'a b', t.id, f.id,
               CASE WHEN n % 100 = 2 THEN now() - interval '5 days' END
        FROM tenants t, tariffs f, generate_series(0, ";

pub(crate) fn measure(cluster: &Cluster, words: &[&str]) {
    let options = Options::parse(words, &["--accounts", "--repeat", "--only"]);
    let accounts = options.number("--accounts", 100_000);
    let keycloak = Keycloak::start().unwrap();
    let is_there = |n: &u32| n % 1_000 != 7;
    let id = |n: u32| format!("{n:08x}-0000-4000-8000-000000000000");
    keycloak.add((0..accounts).filter(is_there).map(|n| User::new(id(n), n % 100 != 1)));
    keycloak.take_time(PAUSE);
    let template = cluster.filled(0, Fill::Nothing, false);
    cluster.execute(&template, &format!("{USERS}{}) n", accounts - 1));
    cluster.execute(&template, "VACUUM ANALYZE");

    let disabled = (0..accounts).filter(|n| n % 100 == 1 || !is_there(n)).count();
    let enabled = (0..accounts).filter(|n| n % 100 == 2).count();
    let upkeep = |place: &Place<'_>| {
        let mut command = place.upkeep(&["jobs", "execute", JOB, "--output", "json"]);
        command.env("UPKEEP_IDENTITY__API_BASE_URL", keycloak.api_base_url());
        command.env("UPKEEP_IDENTITY__AUTHORITY", keycloak.authority());
        command.env("UPKEEP_IDENTITY__CLIENT_ID", CLIENT_ID).env("UPKEEP_IDENTITY__CLIENT_SECRET", CLIENT_SECRET);
        command
    };
    let one_after_the_other = |place: &Place<'_>| -> Command {
        let mut command = place.reference(JOB, "one-after-the-other");
        command.env(API, keycloak.api_base_url());
        command.env(TOKEN, format!("{}/protocol/openid-connect/token", keycloak.authority()));
        command
    };
    Contest {
        title: format!("{JOB}: {accounts} accounts, {PAGE} a page, {} ms an answer", PAUSE.as_millis()),
        cluster,
        template: &template,
        objects: &[],
        stored_as: Objects::Files,
        programs: &[
            Program { name: "(a) one page after the other", command: &one_after_the_other },
            Program { name: "(b) upkeep", command: &upkeep },
        ],
        floor: 0,
        options: &options,
        check: &|done: &Done<'_>| {
            let sql = "SELECT count(*) FROM users WHERE disabled_since IS NOT NULL";
            assert_eq!(done.cluster.number(done.database, sql), i64::try_from(disabled).unwrap());
            if let Some(report) = done.report() {
                assert_eq!(report["counts"]["updated"], disabled + enabled);
            }
        },
    }
    .print();
    println!("\nThe most requests at once: {}", keycloak.most_at_once());
    cluster.drop(&template);
}

/// The reference program: asks for page after page and account after account, then changes all users in two statements.
pub(crate) fn child(program: &[&str]) {
    let ["one-after-the-other", database, _store] = program else { panic!("unknown program {program:?}") };
    let (api, token_url) = (std::env::var(API).unwrap(), std::env::var(TOKEN).unwrap());
    let mut http = Http::to(&api);
    let form: HashMap<_, _> =
        [("grant_type", "client_credentials"), ("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET)].into();
    let granted = http.send("POST", &token_url, &encoded(&form)).1;
    http.token = granted["access_token"].as_str().map(str::to_owned);
    let mut accounts = HashMap::new();
    for page in 0.. {
        let address = format!("{api}/users?first={}&max={PAGE}&briefRepresentation=true", page * PAGE);
        let (_, users) = http.send("GET", &address, "");
        let users = users.as_array().unwrap();
        accounts.extend(users.iter().map(|user| (user["id"].as_str().unwrap().to_owned(), user["enabled"] == true)));
        if users.len() < PAGE {
            break;
        }
    }
    let mut database = postgres::Client::connect(database, postgres::NoTls).unwrap();
    let (mut disable, mut enable) = (Vec::<String>::new(), Vec::<String>::new());
    for row in database.query("SELECT id::text, oidc_sub, disabled_since IS NULL FROM users", &[]).unwrap() {
        let (id, sub, active): (_, String, bool) = (row.get(0), row.get(1), row.get(2));
        match accounts.get(&sub) {
            Some(true) if !active => enable.push(id),
            Some(false) if active => disable.push(id),
            None if active && http.send("GET", &format!("{api}/users/{sub}"), "").0 == 404 => disable.push(id),
            _ => {}
        }
    }
    for (to, ids) in [("now()", disable), ("NULL", enable)] {
        let sql =
            format!("UPDATE users SET disabled_since = {to}, updated_at = now() WHERE id = ANY($1::text[]::uuid[])");
        database.execute(&sql, &[&ids]).unwrap();
    }
}

fn encoded(form: &HashMap<&str, &str>) -> String {
    let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    form.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&")
}

/// As much HTTP as that takes, over one connection.
struct Http {
    host: String,
    stream: BufReader<TcpStream>,
    token: Option<String>,
}

impl Http {
    fn to(url: &str) -> Self {
        let host = url.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
        let stream = TcpStream::connect(&host).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { host, stream: BufReader::new(stream), token: None }
    }

    /// The status and the JSON of the answer.
    fn send(&mut self, method: &str, url: &str, form: &str) -> (u16, Value) {
        let target = url.strip_prefix("http://").and_then(|rest| rest.strip_prefix(&self.host)).unwrap();
        let token = self.token.as_ref().map_or(String::new(), |token| format!("Authorization: Bearer {token}\r\n"));
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: {}\r\n{token}Content-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{form}",
            self.host,
            form.len()
        );
        self.stream.get_mut().write_all(head.as_bytes()).unwrap();
        let (mut status, mut length) = (0, 0);
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).unwrap();
            match line.trim_end().split_once(' ') {
                Some(("HTTP/1.1", rest)) => status = rest[..3].parse().unwrap(),
                Some(("Content-Length:", value)) => length = value.parse().unwrap(),
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }
}
