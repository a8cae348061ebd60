//! Answers of Nextcloud's OCS interface, in JSON or XML. Errors found before its own code runs, such as refused
//! credentials, come in XML even when JSON was asked for.

use serde::Deserialize;

use crate::platform::words::one_line;

/// The outcome that an OCS answer states.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Meta {
    /// 100 (version 1) or 200 (version 2) for success, else the HTTP status or one of Nextcloud's from 900 on.
    pub(super) status: u32,
    /// The provider's words, possibly none; one line, shortened.
    pub(super) message: String,
}

/// Reads an answer's body; `None` if it is not a complete OCS answer.
pub(super) fn parse(body: &str) -> Option<Meta> {
    let body = body.trim();
    let (status, message) = if body.starts_with('{') { json(body)? } else { xml(body)? };
    Some(Meta { status, message: one_line(&message) })
}

fn json(body: &str) -> Option<(u32, String)> {
    #[derive(Deserialize)]
    struct Document {
        ocs: Ocs,
    }
    #[derive(Deserialize)]
    struct Ocs {
        meta: Stated,
    }
    #[derive(Deserialize)]
    struct Stated {
        statuscode: u32,
        message: Option<String>,
    }
    let document: Document = serde_json::from_str(body).ok()?;
    Some((document.ocs.meta.statuscode, document.ocs.meta.message.unwrap_or_default()))
}

/// The answers have one fixed form without attributes or namespaces, so that looking for the elements is enough.
fn xml(body: &str) -> Option<(u32, String)> {
    let document = match body.strip_prefix("<?xml") {
        Some(rest) => rest.split_once("?>")?.1.trim_start(),
        None => body,
    };
    let content = document.strip_prefix("<ocs>")?.strip_suffix("</ocs>")?;
    let meta = element(content, "meta")?;
    let status = element(meta, "statuscode")?.trim().parse().ok()?;
    let message = element(meta, "message").unwrap_or_default();
    let message = message.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
    Some((status, message))
}

fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let rest = text.split_once(&format!("<{name}>"))?.1;
    Some(rest.split_once(&format!("</{name}>"))?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(status: u32, message: &str) -> Option<Meta> {
        Some(Meta { status, message: message.to_owned() })
    }

    #[test]
    fn json_and_xml_say_the_same() {
        let json = r#"{"ocs":{"meta":{"status":"ok","statuscode":200,"message":"OK"},"data":[]}}"#;
        let xml = "<?xml version=\"1.0\"?>\n<ocs>\n <meta>\n  <status>ok</status>\n  <statuscode>200</statuscode>\n  \
                   <message>OK</message>\n </meta>\n <data/>\n</ocs>\n";
        assert_eq!(parse(json), meta(200, "OK"));
        assert_eq!(parse(xml), meta(200, "OK"));
    }

    #[test]
    fn a_message_may_be_missing_long_or_hostile() {
        assert_eq!(parse(r#"{"ocs":{"meta":{"statuscode":100,"message":null}}}"#), meta(100, ""));
        assert_eq!(parse("<ocs><meta><statuscode>100</statuscode><message/></meta></ocs>"), meta(100, ""));
        let xml = "<ocs><meta><statuscode>403</statuscode><message>a\n[ERROR] &lt;b&gt;</message></meta></ocs>";
        assert_eq!(parse(xml), meta(403, "a [ERROR] <b>"));
        let nul = r#"{"ocs":{"meta":{"statuscode":403,"message":"a\u0000b"}}}"#;
        assert_eq!(parse(nul), meta(403, "a b"));
        let long = format!(r#"{{"ocs":{{"meta":{{"statuscode":403,"message":"{}"}}}}}}"#, "x".repeat(5_000));
        assert_eq!(parse(&long), meta(403, &"x".repeat(500)));
    }

    #[test]
    fn nothing_else_is_an_answer() {
        for body in [
            "",
            "OK",
            "{}",
            "[]",
            r#"{"ocs":{"meta":{"statuscode":"#,
            r#"{"ocs":{"meta":{"statuscode":"x"}}}"#,
            r#"{"ocs":{"data":{"statuscode":200}}}"#,
            "<html><meta><statuscode>200</statuscode></meta></html>",
            "<?xml version=\"1.0\"?><ocs><meta><statuscode>200</statuscode></meta>",
            "<?xml version=\"1.0\"?><ocs><data><statuscode>200</statuscode></data></ocs>",
            "<ocs><meta><statuscode>-200</statuscode></meta></ocs>",
        ] {
            assert_eq!(parse(body), None, "{body}");
        }
    }
}
