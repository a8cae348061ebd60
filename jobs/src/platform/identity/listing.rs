//! Reading all pages, some at a time, and noticing when they do not fit together.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::accounts::Accounts;
use super::keycloak::{Keycloak, THREADS};
use super::reading::Account;
use crate::platform::crew::Crew;
use crate::platform::{Kind, Problem, Stop};

/// So often all pages are read before it is given up that they fit together.
const READINGS: u32 = 3;

/// Reads all accounts, in pages of `size`; `progress` is told now and then how many there are so far.
///
/// Pages are numbered by what comes before them, so an account that is created or deleted meanwhile moves all that
/// follow: one may then stand on two pages, or on none. The former is noticed, and all is read again. For the latter,
/// nobody must be disabled without having been looked for again; whoever would be enabled is found by the next run.
///
/// # Errors
/// The first page that cannot be read; a list that keeps changing; when nobody is listed.
pub(super) fn read(
    keycloak: &Arc<Keycloak>,
    size: u32,
    stop: &Stop,
    progress: &mut dyn FnMut(u64),
) -> Result<Accounts, Problem> {
    let mut changed = "";
    for _ in 0..READINGS {
        match read_once(keycloak, size, stop, progress)? {
            Ok(accounts) if accounts.listed() == 0 => {
                return Err(nobody(keycloak));
            }
            Ok(accounts) => return Ok(accounts),
            Err(Changed(how)) => {
                log::debug!("the accounts do not fit together: {how}");
                changed = how;
            }
        }
    }
    let what =
        format!("the accounts at {} did not fit together, {READINGS} times in a row: {changed}", keycloak.location());
    Err(Problem::new(Kind::Failed, what).hint(
        "nothing was changed; run the job again when fewer accounts are created and deleted; if it stays so, see that \
         the client's service account may view all users",
    ))
}

/// Nobody is listed: more likely a mistake somewhere than a platform that everybody has left.
pub(super) fn nobody(keycloak: &Keycloak) -> Problem {
    let what = format!("{} lists no account at all; nothing was changed", keycloak.location());
    Problem::new(Kind::Refused, what).hint(
        "check that [identity] names the right realm, and that the client's service account has the role view-users of \
         the client realm-management",
    )
}

/// A page as it was read.
struct Page {
    accounts: Vec<Account>,
    /// Whether it was not full although more accounts come right after its last.
    is_followed: bool,
}

const AFTER_SHORT: &str = "accounts are listed after a page that was not full";

/// The pages do not fit together, and how.
struct Changed(&'static str);

fn read_once(
    keycloak: &Arc<Keycloak>,
    size: u32,
    stop: &Stop,
    progress: &mut dyn FnMut(u64),
) -> Result<Result<Accounts, Changed>, Problem> {
    let mut accounts = Accounts::default();
    let mut lengths = BTreeMap::new();
    // The first page alone tells whether there is anything to be done at once.
    for (threads, from, to) in [(1, 0, 0), (THREADS, 1, usize::MAX)] {
        let end = if lengths.get(&0).is_some_and(|length| *length < size as usize) { 1 } else { to };
        let threads = threads.min(end.saturating_sub(from).saturating_add(1));
        let pages =
            Pages { keycloak: Arc::clone(keycloak), size, stop: stop.clone(), next: from.into(), end: end.into() };
        let crew = Crew::start("accounts", threads, stop, move || pages.turn())?;
        while let Some((number, page)) = crew.next()? {
            let Page { accounts: page, is_followed } = page?;
            lengths.insert(number, page.len());
            for account in page {
                if !accounts.add(&account, !keycloak.has_other_keys()) {
                    return Ok(Err(Changed("an account is listed twice")));
                }
            }
            if is_followed {
                return Ok(Err(Changed(AFTER_SHORT)));
            }
            progress(accounts.listed());
        }
    }
    Ok(fit_together(&lengths, size as usize)?.map(|()| accounts))
}

/// Whether these are all pages, full ones first, then perhaps one that is not, then empty ones.
fn fit_together(lengths: &BTreeMap<usize, usize>, size: usize) -> Result<Result<(), Changed>, Problem> {
    let short = lengths.iter().find(|(_, length)| **length < size).map(|(number, _)| *number);
    // Not to be expected, but whoever is on a page that is lacking would be disabled.
    let complete = lengths.keys().copied().eq(0..lengths.len())
        && short.is_some_and(|short| lengths[&short] == 0 || lengths.contains_key(&(short + 1)));
    let Some(short) = short.filter(|_| complete) else {
        return Err(Problem::new(Kind::Failed, "the accounts were not read to their end; nothing was changed"));
    };
    if lengths.range(short + 1..).any(|(_, length)| *length > 0) {
        return Ok(Err(Changed(AFTER_SHORT)));
    }
    Ok(Ok(()))
}

/// The pages of one reading, as those who read them share them.
struct Pages {
    keycloak: Arc<Keycloak>,
    size: u32,
    stop: Stop,
    next: AtomicUsize,
    /// The last page that has to be read, as far as is known.
    end: AtomicUsize,
}

impl Pages {
    fn turn(&self) -> Option<(usize, Result<Page, Problem>)> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if number > self.end.load(Ordering::Relaxed) {
            return None;
        }
        let page = self.read(number);
        match &page {
            Ok(Page { accounts, .. }) if accounts.is_empty() => self.ends_at(number),
            // Were anybody on the page after a short one, that would not have been the last.
            Ok(Page { accounts, .. }) if accounts.len() < self.size as usize => self.ends_at(number + 1),
            Ok(_) => {}
            Err(_) => self.ends_at(0),
        }
        Some((number, page))
    }

    fn read(&self, number: usize) -> Result<Page, Problem> {
        let first = number as u64 * u64::from(self.size);
        let accounts = self.keycloak.page(first, self.size, &self.stop)?;
        // What stands between here and the provider may have a limit of its own: then the last page lacks accounts
        // that the page after it does not have either.
        let is_followed = (1..self.size as usize).contains(&accounts.len())
            && !self.keycloak.page(first + accounts.len() as u64, self.size, &self.stop)?.is_empty();
        Ok(Page { accounts, is_followed })
    }

    fn ends_at(&self, number: usize) {
        self.end.fetch_min(number, Ordering::Relaxed);
    }
}
