//! The forms of Nextcloud's answers.

use crate::http::Response;

/// An answer of the share interface. The message says what Nextcloud says for that status.
pub(super) fn ocs(http: u16, status: u16, json: bool) -> Response {
    let (outcome, message) = match status {
        100 | 200 => ("ok", "OK"),
        404 => ("failure", "Wrong share ID, share does not exist"),
        403 => ("failure", "Could not delete share"),
        997 | 401 => ("failure", "Current user is not logged in"),
        998 => ("failure", "Invalid query, please check the syntax."),
        _ => ("failure", "Something went wrong"),
    };
    if json {
        let meta = format!(r#"{{"status":"{outcome}","statuscode":{status},"message":"{message}"}}"#);
        return Response::new(
            http,
            "application/json; charset=utf-8",
            format!(r#"{{"ocs":{{"meta":{meta},"data":[]}}}}"#),
        );
    }
    let meta = format!(
        " <meta>\n  <status>{outcome}</status>\n  <statuscode>{status}</statuscode>\n  <message>{message}</message>\n \
         </meta>\n"
    );
    let body = format!("<?xml version=\"1.0\"?>\n<ocs>\n{meta} <data/>\n</ocs>\n");
    Response::new(http, "text/xml; charset=UTF-8", body)
}

/// What a user is told about himself.
pub(super) fn user(id: &str) -> Response {
    let meta = r#"{"status":"ok","statuscode":200,"message":"OK"}"#;
    let data = format!(r#"{{"enabled":true,"id":"{id}","quota":{{"free":1}},"email":null}}"#);
    let body = format!(r#"{{"ocs":{{"meta":{meta},"data":{data}}}}}"#);
    Response::new(200, "application/json; charset=utf-8", body)
}

/// A successful deletion. The content type of the empty answer is PHP's default.
pub(super) fn dav_deleted() -> Response {
    Response::new(204, "text/html; charset=UTF-8", "")
}

/// An error of the file interface.
pub(super) fn dav(status: u16) -> Response {
    match status {
        401 => exception(401, "NotAuthenticated", "Cannot authenticate over ajax calls"),
        403 => exception(403, "Forbidden", "Permission denied to delete"),
        404 => exception(404, "NotFound", "File not found"),
        405 => exception(405, "MethodNotAllowed", "Not supported"),
        423 => exception(423, "Locked", "The resource you tried to edit is locked"),
        503 => exception(503, "ServiceUnavailable", "System is in maintenance mode."),
        other => exception(other, "InternalServerError", "Internal Server Error"),
    }
}

/// What a user id that does not exist gets.
pub(super) fn unknown_principal(user: &str) -> Response {
    exception(404, "NotFound", &format!("Principal with name {user} not found"))
}

fn exception(status: u16, class: &str, message: &str) -> Response {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<d:error xmlns:d=\"DAV:\" xmlns:s=\"http://sabredav.org/ns\">\n  \
         <s:exception>Sabre\\DAV\\Exception\\{class}</s:exception>\n  <s:message>{message}</s:message>\n</d:error>\n"
    );
    Response::new(status, "application/xml; charset=utf-8", body)
}

/// A page for people.
pub(super) fn html(status: u16) -> Response {
    let page = "<!DOCTYPE html>\n<html><head><title>Nextcloud</title></head><body>Page not found</body></html>\n";
    Response::new(status, "text/html; charset=UTF-8", page)
}
