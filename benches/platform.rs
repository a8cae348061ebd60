//! The PostgreSQL cluster, and databases full of ended events.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use upkeep_test_servers::Postgres;
use upkeep_test_servers::s3::{ACCESS_KEY, SECRET_KEY};

use crate::process;
use crate::s3_process::BUCKET;

/// What hangs on each event besides its dates and its room.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fill {
    /// Two assets and three guest invites of the room.
    AssetsAndInvites,
    Nothing,
}

/// What PostgreSQL noticed of a program.
#[derive(Debug, Clone)]
pub(crate) struct Statements {
    /// All that were sent, BEGIN, SET and COMMIT included.
    pub(crate) sent: i64,
    pub(crate) commits: i64,
    /// Those that took longest, as lines of text; statements of triggers included.
    pub(crate) slowest: Vec<String>,
}

/// A throw-away cluster as an administrator would run it: durable, with statistics of its statements.
pub(crate) struct Cluster(Postgres);

impl Cluster {
    pub(crate) fn start() -> Self {
        let cluster = Postgres::start(&[
            "shared_preload_libraries = 'pg_stat_statements'",
            "pg_stat_statements.track = all",
            "max_wal_size = '4GB'",
        ]);
        cluster.client("postgres").batch_execute("CREATE EXTENSION pg_stat_statements").unwrap();
        Self(cluster)
    }

    pub(crate) fn version(&self) -> String {
        self.0.client("postgres").query_one("SHOW server_version", &[]).unwrap().get(0)
    }

    pub(crate) fn url(&self, database: &str) -> String {
        self.0.url(database)
    }

    /// A new database with so many ended events and with upkeep's own tables.
    pub(crate) fn filled(&self, events: u32, fill: Fill, indexes: bool) -> String {
        self.filled_by(&[&rows(events, fill), if indexes { INDEXES } else { "" }])
    }

    /// A new database that SQL has filled, with upkeep's own tables.
    pub(crate) fn filled_by(&self, sql: &[&str]) -> String {
        let name = self.0.platform_database();
        let mut client = self.0.client(&name);
        for sql in sql {
            client.batch_execute(sql).unwrap();
        }
        let directory = tempfile::tempdir().unwrap();
        let mut migrate = self.upkeep(&name, "http://127.0.0.1:9", directory.path(), &["database", "migrate"]);
        process::run(&mut migrate, POLL);
        client.batch_execute("VACUUM ANALYZE").unwrap();
        name
    }

    /// A copy of a database, ready to be measured on.
    pub(crate) fn copy(&self, database: &str) -> String {
        let name = self.0.copy_of(database);
        self.0.client("postgres").batch_execute("CHECKPOINT").unwrap();
        self.forget_statements();
        name
    }

    pub(crate) fn drop(&self, database: &str) {
        self.0.drop_database(database);
    }

    pub(crate) fn assets(&self, database: &str) -> Vec<String> {
        let rows = self.0.client(database).query("SELECT id::text FROM assets", &[]).unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// upkeep, configured for a database and a store by a file in `directory`.
    pub(crate) fn upkeep(&self, database: &str, store: &str, directory: &Path, arguments: &[&str]) -> Command {
        let file = directory.join("upkeep.toml");
        let configuration = format!(
            "[database]\nurl = {:?}\n[storage]\nkind = \"s3\"\nuri = {store:?}\nbucket = \"{BUCKET}\"\n\
             access_key = \"{ACCESS_KEY}\"\nsecret_key = \"{SECRET_KEY}\"\n",
            self.url(database)
        );
        std::fs::write(&file, configuration).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_upkeep"));
        command.env_clear().arg("--config").arg(file).args(arguments);
        command
    }

    pub(crate) fn forget_statements(&self) {
        self.0.client("postgres").batch_execute("SELECT pg_stat_statements_reset()").unwrap();
    }

    pub(crate) fn statements(&self, database: &str) -> Statements {
        let mut client = self.0.client("postgres");
        let of_database = "FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = $1";
        let sums = format!(
            "SELECT coalesce(sum(calls), 0)::bigint, coalesce(sum(calls) FILTER (WHERE query = 'COMMIT'), 0)::bigint \
             {of_database} AND toplevel"
        );
        let sums = client.query_one(&sums, &[&database]).unwrap();
        let slowest = format!(
            "SELECT format('%s s in %s calls%s: %s', round((total_exec_time / 1000)::numeric, 2), calls, \
                 CASE WHEN toplevel THEN '' ELSE ' by triggers' END, left(regexp_replace(query, '\\s+', ' ', 'g'), 100)) \
             {of_database} ORDER BY total_exec_time DESC LIMIT 8"
        );
        let slowest = client.query(&slowest, &[&database]).unwrap();
        Statements { sent: sums.get(0), commits: sums.get(1), slowest: slowest.iter().map(|row| row.get(0)).collect() }
    }

    /// The processor time of all the cluster's processes by now; nobody may be connected to `database`.
    pub(crate) fn cpu_time(&self, database: &str) -> Duration {
        // A session ends a little later than its client, and its time must not fall between two readings.
        let mut client = self.0.client("postgres");
        let sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend'";
        while client.query_one(sessions, &[&database]).unwrap().get::<_, i64>(0) > 0 {
            std::thread::sleep(POLL);
        }
        let file = std::fs::read_to_string(self.0.socket_directory().join("data/postmaster.pid")).unwrap();
        process::cpu_time_of_family(file.lines().next().unwrap().parse().unwrap())
    }

    /// Executes SQL in a database.
    pub(crate) fn execute(&self, database: &str, sql: &str) {
        self.0.client(database).batch_execute(sql).unwrap();
    }

    /// The number that a query of a database comes to.
    pub(crate) fn number(&self, database: &str, sql: &str) -> i64 {
        self.0.client(database).query_one(sql, &[]).unwrap().get(0)
    }
}

/// How often a process's memory is looked at.
pub(crate) const POLL: Duration = Duration::from_millis(2);

/// The columns that refer to events and rooms and which the platform has no index for: PostgreSQL searches the whole
/// table for each event and each room that is deleted.
const INDEXES: &str = "\
    CREATE INDEX ON invites (room);
    CREATE INDEX ON room_streaming_targets (room_id);
    CREATE INDEX ON module_resources (room_id);
    CREATE INDEX ON event_favorites (event_id);";

fn rows(events: u32, fill: Fill) -> String {
    let each = match fill {
        Fill::AssetsAndInvites => {
            "INSERT INTO invites (created_by, updated_by, room, active)
                 SELECT created_by, created_by, id, true FROM rooms, generate_series(1, 3);
             WITH found AS MATERIALIZED (SELECT id AS room, gen_random_uuid() AS asset FROM rooms, generate_series(1, 2)),
                 linked AS (INSERT INTO room_assets SELECT room, asset FROM found)
                 INSERT INTO assets (id, kind, filename, tenant_id, size)
                 SELECT asset, 'recording', 'recording.webm', (SELECT id FROM tenants), 3 FROM found;"
        }
        Fill::Nothing => "",
    };
    format!(
        "-- No checks of foreign keys, which would take longer than everything else.
         SET session_replication_role = replica;
         INSERT INTO tenants (oidc_tenant_id) VALUES ('main');
         INSERT INTO tariffs (name, quotas, disabled_modules) VALUES ('default', '{{}}', '{{}}');
         INSERT INTO users (oidc_sub, email, title, firstname, lastname, display_name, tenant_id, tariff_id)
             SELECT 'a', 'a@example.org', '', 'a', 'b', 'a b', t.id, f.id FROM tenants t, tariffs f;
         INSERT INTO rooms (created_by, tenant_id) SELECT id, tenant_id FROM users, generate_series(1, {events});
         INSERT INTO events (title, description, room, created_by, updated_by, tenant_id)
             SELECT 'a title', 'a description of a few words', id, created_by, created_by, tenant_id FROM rooms;
         INSERT INTO event_dates
             SELECT id, now() - interval '61 days', 'Europe/Berlin', now() - interval '60 days', 'Europe/Berlin', false, 0
             FROM events;
         {each}
         RESET session_replication_role;"
    )
}
