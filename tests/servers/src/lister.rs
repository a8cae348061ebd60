//! How odd stores list their objects: in no order, from the beginning whatever they are told, with gaps and
//! repetitions.

use crate::fault_proxy::{Fault, Request};

/// Answers listings in place of a real store, with the objects in the order given.
#[derive(Debug, Clone)]
pub struct Lister {
    /// Keys, which need no escaping in XML, and sizes.
    pub objects: Vec<(String, u64)>,
    /// Objects in each answer.
    pub per_page: usize,
    /// Whether keys up to the one given as StartAfter are left out.
    pub knows_start_after: bool,
}

impl Lister {
    /// A listing is answered, anything else forwarded.
    pub fn answer(&self, request: &Request) -> Fault {
        if !request.is_listing() {
            return Fault::None;
        }
        let after = request.parameter("start-after").filter(|_| self.knows_start_after);
        let prefix = request.parameter("prefix").unwrap_or_default();
        let token = request.parameter("continuation-token");
        // A token tells how many objects were skipped, and the key to start after.
        let (skipped, after) = match token.as_deref().and_then(|token| token.split_once('~')) {
            Some((skipped, after)) => (skipped.parse().unwrap_or(0), Some(after.to_owned()).filter(|a| !a.is_empty())),
            None => (0, after),
        };
        let belongs =
            |(key, _): &&(String, u64)| key.starts_with(&prefix) && after.as_ref().is_none_or(|after| key > after);
        let wanted: Vec<_> = self.objects.iter().filter(belongs).skip(skipped).collect();
        let more = wanted.len() > self.per_page;
        let mut document = format!("<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>{more}</IsTruncated>");
        if more {
            let next = format!("{}~{}", skipped + self.per_page, after.unwrap_or_default());
            document += &format!("<NextContinuationToken>{next}</NextContinuationToken>");
        }
        for (key, size) in wanted.into_iter().take(self.per_page) {
            document += &format!("<Contents><Key>{key}</Key><Size>{size}</Size></Contents>");
        }
        Fault::AnswerDocument(document + "</ListBucketResult>")
    }
}
