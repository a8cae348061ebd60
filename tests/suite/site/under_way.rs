//! A run under way: starting it, waiting until it is at a certain point, and doing something to it there.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use upkeep_jobs::kit::{Context, Guard, Report};
use upkeep_jobs::platform::Stop;
use upkeep_test_servers::Postgres;
use upkeep_test_servers::fault_proxy::{Fault, FaultProxy, Request};

use uuid::Uuid;

use super::Site;

/// Longer than anything that tests wait for should take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `condition` holds.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Sends a signal such as `TERM`.
pub(crate) fn signal(pid: u32, name: &str) {
    assert!(Command::new("kill").args(["-s", name, &pid.to_string()]).status().unwrap().success());
}

impl Site {
    /// Runs a job in this process, at a time of the test's choosing; for sites that store in a directory.
    pub(crate) fn job_at(&self, job: &str, parameters: &Value, guard: Guard, now: DateTime<Utc>) -> Report {
        let job = upkeep_jobs::job(job).unwrap();
        let parameters = job.complete(parameters, now).unwrap();
        let stop = Stop::without_deadline();
        let context = Context::new(job, Uuid::now_v7(), now, false, guard, Some(self.resources()), stop);
        job.execute(&context, parameters).unwrap()
    }

    /// The same for event-cleanup with its default parameters.
    pub(crate) fn clean_up_at(&self, now: DateTime<Utc>) -> Report {
        self.job_at("event-cleanup", &json!({}), Guard { deletion: true, ..Guard::default() }, now)
    }

    /// Starts a job with a report as JSON.
    pub(crate) fn start_job(&self, job: &str, more: &[&str]) -> Child {
        self.command(&[&["jobs", "execute", job, "--output", "json"], more].concat()).spawn().unwrap()
    }

    /// Starts event-cleanup with a report as JSON.
    pub(crate) fn start_clean_up(&self, more: &[&str]) -> Child {
        self.start_job("event-cleanup", more)
    }

    /// Puts a proxy between upkeep and the bucket. To keep the location the same, it must stay there.
    pub(crate) fn put_proxy_before_bucket(&mut self) -> FaultProxy {
        let proxy = FaultProxy::in_front_of_bucket(self.s3(), super::BUCKET);
        self.set_storage_uri(&proxy.uri());
        proxy
    }

    /// Waits until a session of upkeep on this site's PostgreSQL waits for a lock, and returns its backend's number.
    pub(crate) fn wait_until_upkeep_waits_for_a_lock(&self) -> i32 {
        let name = self.database_name();
        let mut client = Postgres::shared().client(name);
        let mut found = None;
        wait_until("upkeep waits for a lock", || {
            let sql = "SELECT pid FROM pg_stat_activity WHERE datname = $1 AND application_name LIKE 'upkeep:%' \
                       AND wait_event_type = 'Lock'";
            found = client.query(sql, &[&name]).unwrap().first().map(|row| row.get(0));
            found.is_some()
        });
        found.unwrap()
    }

    /// Ends all sessions of upkeep at the server.
    pub(crate) fn terminate_sessions(name: &str) {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE datname = $1 AND application_name LIKE 'upkeep:%'";
        Postgres::shared().client(name).execute(sql, &[&name]).unwrap();
    }
}

/// Whether this is the trial with which a run begins, when it has chosen what to delete and locked nothing yet.
pub(crate) fn is_trial(request: &Request) -> bool {
    request.mentions(".upkeep-access-check")
}

/// Whether this deletes real objects.
pub(crate) fn deletes_assets(request: &Request) -> bool {
    !is_trial(request) && (request.mentions("assets/") || request.method == "DELETE")
}

/// Holds up the first request that `when` picks until `action` is done.
pub(crate) fn once(
    proxy: &FaultProxy,
    mut when: impl FnMut(&Request) -> bool + Send + 'static,
    action: impl FnOnce() + Send + 'static,
) {
    let mut action = Some(action);
    proxy.set(move |request| {
        if when(request)
            && let Some(action) = action.take()
        {
            // The proxy's own thread belongs to an async runtime, in which blocking clients refuse to work.
            std::thread::spawn(action).join().expect("what a test does in the middle of a run");
        }
        Fault::None
    });
}
