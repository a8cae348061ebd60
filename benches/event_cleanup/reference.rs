//! What the two reference programs share: which events are due, the tables in upkeep's order, the store's client.

use aws_sdk_s3::config::{
    BehaviorVersion, Config, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
};
use postgres::{Client, NoTls};
use tokio::runtime::{Builder, Runtime};
use upkeep_test_servers::s3::{ACCESS_KEY, SECRET_KEY};

use crate::s3_process::BUCKET;

/// Tables and the columns that refer to the event, children first; then the same for its room.
pub(crate) const OF_EVENTS: [(&str, &str); 9] = [
    ("event_shared_folders", "event_id"),
    ("event_training_participation_report_parameter_sets", "event_id"),
    ("event_favorites", "event_id"),
    ("event_email_invites", "event_id"),
    ("event_invites", "event_id"),
    ("event_exceptions", "event_id"),
    ("event_recurrences", "event_id"),
    ("event_dates", "event_id"),
    ("events", "id"),
];
pub(crate) const OF_ROOMS: [(&str, &str); 5] = [
    ("module_resources", "room_id"),
    ("sip_configs", "room"),
    ("room_streaming_targets", "room_id"),
    ("invites", "room"),
    ("room_assets", "room_id"),
];

/// The ids of all ended single events and of their rooms, as text.
pub(crate) fn due(database: &mut Client) -> Vec<(String, String)> {
    let rows = database.query(
        "SELECT e.id::text, e.room::text FROM events e JOIN event_dates d ON d.event_id = e.id \
         WHERE d.ends_at <= now() - interval '30 days' \
           AND NOT EXISTS (SELECT 1 FROM event_recurrences r WHERE r.event_id = e.id)",
        &[],
    );
    rows.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
}

pub(crate) fn connect(database: &str) -> Client {
    Client::connect(database, NoTls).unwrap()
}

/// A connection to the store, for one thread.
pub(crate) struct Store {
    runtime: Runtime,
    client: aws_sdk_s3::Client,
}

impl Store {
    pub(crate) fn new(uri: &str) -> Self {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(uri)
            .region(Region::new("us-east-1"))
            .force_path_style(true)
            .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "benchmark"))
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .build();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        Self { runtime, client: aws_sdk_s3::Client::from_conf(config) }
    }

    /// One DeleteObject.
    pub(crate) fn delete(&self, key: String) {
        self.runtime.block_on(self.client.delete_object().bucket(BUCKET).key(key).send()).unwrap();
    }

    /// One DeleteObjects.
    pub(crate) fn delete_together(&self, keys: &[String]) {
        use aws_sdk_s3::types::{Delete, ObjectIdentifier};
        let objects = keys.iter().map(|key| ObjectIdentifier::builder().key(key).build().unwrap()).collect();
        let delete = Delete::builder().set_objects(Some(objects)).quiet(true).build().unwrap();
        self.runtime.block_on(self.client.delete_objects().bucket(BUCKET).delete(delete).send()).unwrap();
    }
}
