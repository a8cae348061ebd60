//! Bodies that are stored in parts.

use upkeep_test_servers::fault_proxy::Fault;

use super::*;

const MIB: usize = 1024 * 1024;

/// Bytes that differ from part to part.
fn contents(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n / 4093 % 251) as u8).collect()
}

#[test]
fn a_large_body_is_stored_in_parts() {
    let fixture = Fixture::new();
    let contents = contents(20 * MIB);
    put(&fixture.store, "assets/large", &contents);
    assert!(fixture.bucket.get("assets/large").unwrap() == contents);
    assert!(get(&fixture.store, "assets/large") == contents);
    assert_eq!(fixture.server.count("UploadPart"), 3);
    assert_eq!(fixture.server.count("PutObject"), 0);
    assert!(fixture.server.unfinished_uploads().is_empty());
}

#[test]
fn up_to_one_part_is_stored_by_one_request() {
    let fixture = Fixture::new();
    put(&fixture.store, "assets/a", &contents(8 * MIB));
    assert_eq!(fixture.server.count("PutObject"), 1);
    put(&fixture.store, "assets/a", &contents(8 * MIB + 1));
    assert_eq!(fixture.server.count("UploadPart"), 2);
    assert_eq!(fixture.store.head("assets/a").unwrap().unwrap().size, 8 * MIB as u64 + 1);
}

#[test]
fn a_body_that_breaks_off_leaves_nothing_behind() {
    struct BreaksOff(usize);
    impl Read for BreaksOff {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.0 == 0 {
                return Err(std::io::Error::other("the source has gone"));
            }
            let length = buffer.len().min(self.0);
            self.0 -= length;
            Ok(length)
        }
    }
    let fixture = Fixture::new();
    fixture.bucket.put("assets/a", b"first");
    let error = fixture.store.put("assets/a", &mut BreaksOff(17 * MIB)).unwrap_err();
    assert!(format!("{error:#}").contains("the source has gone"), "{error:#}");
    assert_eq!(fixture.bucket.get("assets/a").unwrap(), b"first");
    assert_eq!(fixture.server.count("AbortMultipartUpload"), 1);
    assert!(fixture.server.unfinished_uploads().is_empty());
}

#[test]
fn a_part_that_is_refused_leaves_nothing_behind() {
    let fixture = Fixture::new();
    fixture.proxy.set(|request| {
        if request.query.contains("partNumber=2") { Fault::Answer(507, "InsufficientStorage") } else { Fault::None }
    });
    let large = contents(9 * MIB);
    assert_problem(
        fixture.store.put("assets/a", &mut &large[..]),
        Kind::Unreachable,
        &["InsufficientStorage", "assets/a"],
    );
    assert!(fixture.bucket.keys().is_empty());
    assert!(fixture.server.unfinished_uploads().is_empty());
}
