//! What the reference programs share: plain clients of the database and of the store.

use aws_sdk_s3::config::{
    BehaviorVersion, Config, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
};
use postgres::{Client, NoTls};
use tokio::runtime::{Builder, Runtime};
use upkeep_test_servers::s3::{ACCESS_KEY, SECRET_KEY};

use crate::s3_process::BUCKET;

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

    /// One HEAD; `None` if there is no such object.
    pub(crate) fn size(&self, key: String) -> Option<i64> {
        match self.runtime.block_on(self.client.head_object().bucket(BUCKET).key(key).send()) {
            Ok(object) => Some(object.content_length().unwrap()),
            Err(error) => {
                assert!(error.into_service_error().is_not_found());
                None
            }
        }
    }

    /// The number of objects under a prefix, listed page by page.
    pub(crate) fn list(&self, prefix: &str) -> usize {
        let (mut objects, mut token) = (0, None);
        loop {
            let request = self.client.list_objects_v2().bucket(BUCKET).prefix(prefix).set_continuation_token(token);
            let page = self.runtime.block_on(request.send()).unwrap();
            objects += page.contents().len();
            token = page.next_continuation_token;
            if token.is_none() {
                return objects;
            }
        }
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
