//! The Content-MD5 header (RFC 1864), which some stores want with DeleteObjects although newer checksums are there.

use md5::{Digest, Md5};

/// The value of the header for this body.
pub(super) fn content_md5(body: &[u8]) -> String {
    base64(Md5::digest(body).as_slice())
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits =
            group.iter().enumerate().fold(0, |bits, (place, &byte)| bits | usize::from(byte) << (16 - 8 * place));
        for place in 0..4 {
            // Two digits for one byte, three for two, four for three.
            let digit = if place <= group.len() { ALPHABET[bits >> (18 - 6 * place) & 63] } else { b'=' };
            text.push(char::from(digit));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_gives_the_vectors_of_rfc_4648() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn the_header_of_an_empty_body_is_the_well_known_one() {
        assert_eq!(content_md5(b""), "1B2M2Y8AsgTpgAmY7PhCfg==");
    }
}
