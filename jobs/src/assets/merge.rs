//! The merge of two streams in the same order: the rows of the assets by identifier, their objects by key.

use uuid::Uuid;

use super::listed::Listed;
use super::rows::Asset;

/// An asset or an object, and its counterpart if it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// A row and the size of its object, in bytes.
    Both(Asset, u64),
    /// A row without an object.
    RowAlone(Asset),
    /// An object without a row, and its size in bytes.
    ObjectAlone(u64),
}

/// The rows of one range of identifiers, read page by page as the merge comes to them.
#[derive(Debug)]
pub(super) struct Range {
    after: Option<Uuid>,
    until: Option<Uuid>,
    page: std::iter::Peekable<std::vec::IntoIter<Asset>>,
    exhausted: bool,
}

/// Reads the rows after the first identifier, up to and including the second, in order; at least one if there are any.
pub(super) trait ReadRows: FnMut(Option<Uuid>, Option<Uuid>) -> anyhow::Result<Vec<Asset>> {}
impl<F: FnMut(Option<Uuid>, Option<Uuid>) -> anyhow::Result<Vec<Asset>>> ReadRows for F {}

impl Range {
    /// The rows after the identifier `after`, up to and including `until`.
    pub(super) fn new(after: Option<Uuid>, until: Option<Uuid>) -> Self {
        Self { after, until, page: Vec::new().into_iter().peekable(), exhausted: false }
    }

    /// Merges the next objects of the range, whose keys strictly ascend.
    ///
    /// # Errors
    /// Those of `read` and of `found`.
    pub(super) fn merge(
        &mut self,
        objects: impl IntoIterator<Item = Listed>,
        read: &mut impl ReadRows,
        found: &mut impl FnMut(Found) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        for Listed { asset, size } in objects {
            let Some(asset) = asset else {
                found(Found::ObjectAlone(size))?;
                continue;
            };
            while let Some(row) = self.next_if(read, |row| row.id.0 < asset)? {
                found(Found::RowAlone(row))?;
            }
            match self.next_if(read, |row| row.id.0 == asset)? {
                Some(row) => found(Found::Both(row, size))?,
                None => found(Found::ObjectAlone(size))?,
            }
        }
        Ok(())
    }

    /// Tells of the rows that are left when the range has no more objects.
    ///
    /// # Errors
    /// Those of `read` and of `found`.
    pub(super) fn finish(
        &mut self,
        read: &mut impl ReadRows,
        found: &mut impl FnMut(Found) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        while let Some(row) = self.next_if(read, |_| true)? {
            found(Found::RowAlone(row))?;
        }
        Ok(())
    }

    fn next_if(&mut self, read: &mut impl ReadRows, wanted: impl Fn(&Asset) -> bool) -> anyhow::Result<Option<Asset>> {
        if self.page.peek().is_none() && !self.exhausted {
            let page = read(self.after, self.until)?;
            match page.last() {
                Some(last) => self.after = Some(last.id.0),
                None => self.exhausted = true,
            }
            self.page = page.into_iter().peekable();
        }
        Ok(self.page.next_if(wanted))
    }
}

#[cfg(test)]
mod tests;
