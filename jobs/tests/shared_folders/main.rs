//! Removing shared folders, against a Nextcloud double and worse.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers too")]

mod answers;
mod configuration;
mod outages;
mod paths;

use secrecy::SecretString;
use serde_json::json;
use upkeep_jobs::platform::Stop;
use upkeep_jobs::platform::shared_folders::{NextcloudSettings, SharedFolder, SharedFolders};
use upkeep_test_servers::Nextcloud;
use upkeep_test_servers::nextcloud::{Answer, PASSWORD, USERNAME};

fn settings(url: &str) -> NextcloudSettings {
    NextcloudSettings::new(url, USERNAME, SecretString::from(PASSWORD))
}

fn client(server: &Nextcloud) -> SharedFolders {
    SharedFolders::nextcloud(settings(&server.url())).unwrap()
}

fn stored(path: &str, write_share_id: &str, read_share_id: &str) -> SharedFolder {
    let provider_data = json!({"type": "nextcloud", "write_share_id": write_share_id, "read_share_id": read_share_id});
    SharedFolder { path: path.to_owned(), provider_data }
}

/// A folder that exists, with both shares.
fn existing(server: &Nextcloud, path: &str) -> SharedFolder {
    let (write, read) = server.add_folder(path);
    stored(path, &write, &read)
}

fn remove(client: &SharedFolders, folders: &[SharedFolder]) -> Vec<Result<(), String>> {
    client.remove_many(folders, &Stop::without_deadline()).unwrap()
}

/// The outcome for one folder, which must be the failure that is returned.
fn failure(client: &SharedFolders, folder: &SharedFolder) -> String {
    let outcomes = remove(client, std::slice::from_ref(folder));
    let [Err(reason)] = outcomes.as_slice() else { panic!("not one failure: {outcomes:?}") };
    assert!(!reason.contains(PASSWORD), "{reason}");
    assert!(!reason.contains(&folder.path) || folder.path.trim().len() < 3, "names the folder: {reason}");
    reason.clone()
}

fn succeeds(client: &SharedFolders, folder: &SharedFolder) {
    assert_eq!(remove(client, std::slice::from_ref(folder)), [Ok(())]);
}

/// Method and address of each request, in order of arrival.
fn sent(server: &Nextcloud) -> Vec<String> {
    server.requests().iter().map(|request| format!("{} {}", request.method, request.target)).collect()
}

const SHARES: &str = "/ocs/v2.php/apps/files_sharing/api/v1/shares";

#[test]
fn shares_then_folder_are_removed() {
    let server = Nextcloud::start().unwrap();
    let folder = existing(&server, "meetings/one");
    existing(&server, "meetings/two");

    succeeds(&client(&server), &folder);

    assert_eq!(
        sent(&server),
        [
            format!("DELETE {SHARES}/1"),
            format!("DELETE {SHARES}/2"),
            "DELETE /remote.php/dav/files/meet/meetings/one".to_owned(),
        ]
    );
    assert_eq!(server.requests()[0].header("ocs-apirequest"), Some("true"));
    assert_eq!(server.folders(), ["meetings/two"]);
    assert_eq!(server.shares(), ["3", "4"]);
}

#[test]
fn removing_again_succeeds() {
    let server = Nextcloud::start().unwrap();
    let folder = existing(&server, "one");
    let client = client(&server);
    succeeds(&client, &folder);
    succeeds(&client, &folder);
    succeeds(&client, &stored("never/was/there", "777", "778"));
    assert_eq!(server.requests().len(), 9);
}

#[test]
fn nothing_to_remove_needs_no_server() {
    let server = Nextcloud::start().unwrap();
    assert_eq!(remove(&client(&server), &[]), []);
    assert_eq!(sent(&server), [""; 0]);
}

#[test]
fn two_hundred_folders_at_once_answer_in_order() {
    let server = Nextcloud::start().unwrap();
    let mut folders: Vec<_> = (0..200).map(|n| existing(&server, &format!("meetings/{n:03}"))).collect();
    server.answer("/meetings/100", Answer::Status(423));
    folders[50].path = "..".to_owned();
    server.add_folder("other");

    let outcomes = remove(&client(&server), &folders);

    let failed: Vec<_> = (0..200).filter(|&n| outcomes[n].is_err()).collect();
    assert_eq!(failed, [50, 100]);
    assert_eq!(server.folders(), ["meetings/050", "meetings/100", "other"]);
    assert_eq!(server.shares().len(), 2 + 2);
    assert_eq!(server.requests().len(), 199 * 3);
}

#[test]
fn a_folder_survives_the_outbox() {
    let folder = stored("a/b c/\u{fc}", "1", "2");
    let text = serde_json::to_string(&folder).unwrap();
    assert_eq!(
        text,
        r#"{"path":"a/b c/ü","provider_data":{"read_share_id":"2","type":"nextcloud","write_share_id":"1"}}"#
    );
    assert_eq!(serde_json::from_str::<SharedFolder>(&text).unwrap(), folder);
}
