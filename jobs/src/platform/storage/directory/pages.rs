//! A listing in key order, cut into pages of ranges.

use std::collections::VecDeque;
use std::iter::Peekable;

use super::super::{Object, Page};

/// Objects in a page.
const PAGE: usize = 1_000;

/// The pages of one range after the other.
pub(super) struct Pages<I: Iterator<Item = anyhow::Result<Object>>> {
    objects: Peekable<I>,
    /// The last keys of the present range and of those to come.
    bounds: VecDeque<String>,
    bound: Option<String>,
    /// The present range; `None` after the last page or an error.
    range: Option<usize>,
}

impl<I: Iterator<Item = anyhow::Result<Object>>> Pages<I> {
    pub(super) fn new(objects: I, bounds: &[String]) -> Self {
        let mut bounds: VecDeque<String> = bounds.iter().cloned().collect();
        let bound = bounds.pop_front();
        Self { objects: objects.peekable(), bounds, bound, range: Some(0) }
    }
}

impl<I: Iterator<Item = anyhow::Result<Object>>> Iterator for Pages<I> {
    type Item = anyhow::Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        let range = self.range?;
        let mut objects = Vec::new();
        let belongs = |object: &Object| self.bound.as_ref().is_none_or(|bound| object.key <= *bound);
        while objects.len() < PAGE
            && let Some(object) = self.objects.next_if(|next| next.as_ref().map_or(true, belongs))
        {
            match object {
                Ok(object) => objects.push(object),
                Err(error) => {
                    self.range = None;
                    return Some(Err(error));
                }
            }
        }
        let last = objects.len() < PAGE;
        if last {
            self.range = self.bound.is_some().then_some(range + 1);
            self.bound = self.bounds.pop_front();
        }
        Some(Ok(Page { range, objects, last }))
    }
}
