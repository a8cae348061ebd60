//! Disables the users whose account the identity provider no longer lists, or lists as not enabled, and enables those
//! it lists as enabled.
//!
//! Why: whoever has left must not come in any more, and the time after which a user's data is deleted (user-cleanup)
//! begins to run. Nobody else may lose access, so whatever is not certain ends the run before anything is changed.
//!
//! Which: all users, in all tenants, by `oidc_sub`, which has to be the account's key to the byte. Who is disabled
//! already keeps the date.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::account_changes;
use super::account_states::{self, Change, User};
use crate::kit::{Context, Job, Nightly, Plan, Progress, Report};
use crate::platform::database::{Database, Requirement};
use crate::platform::identity::{Accounts, Identity, Standing};

/// Users read per statement.
const WINDOW: i64 = 2_000;

/// Disables and enables users as the identity provider says.
pub struct KeycloakAccountSync;

/// What an operator may set.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Parameters {
    /// Whether the body of a response that ends the job is logged. It may hold names and e-mail addresses.
    dump_failed_responses: bool,
    /// How many accounts are asked for at a time.
    #[schemars(range(min = 1, max = 10_000), example = 500)]
    keycloak_api_page_size: u32,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { dump_failed_responses: false, keycloak_api_page_size: 100 }
    }
}

impl Job for KeycloakAccountSync {
    const NAME: &'static str = "keycloak-account-sync";
    const ABOUT: &'static str = "A job to synchronize the user account states with Keycloak";
    const REMOVES: &'static str = "\
Nothing. Users whose account the identity provider no longer lists, or lists as not enabled, are disabled from now on; \
users it lists as enabled are no longer disabled.";
    const KEEPS: &'static str = "\
The date of users that are disabled already; everything, when a single answer of the identity provider is not what was \
asked for, when it lists nobody, or when implausibly many users would be disabled.";
    const ORDER: &'static str = "\
First all accounts are listed and all users compared with them. Then the guard is asked. Then the identity provider is \
asked once more about each user to be disabled whom it did not list. Only then are users enabled, and after them \
disabled, in batches. It belongs before user-cleanup, whose period begins on the day that is set here.";
    const BESIDE_PLATFORM: &'static str = "\
Yes. Transactions are short, and a lock is waited for half a second at most. A user whom the platform enables or disables \
meanwhile is left alone; one whose row stays locked to the end of the run is a failure.";
    const REQUIRES: &'static [&'static [Requirement]] = &[&account_states::REQUIRES];
    const SCHEDULE: Option<Nightly> =
        Some(Nightly::at(3, 5, "The first of all: whoever is enabled again by now is not deleted by user-cleanup."));
    const ASKS_IDENTITY_PROVIDER: bool = true;
    type Parameters = Parameters;

    fn execute(context: &Context, parameters: Parameters) -> anyhow::Result<Report> {
        let identity = context.identity(parameters.dump_failed_responses)?;
        let mut database = context.database()?;
        let page_size = parameters.keycloak_api_page_size;

        log::info!("Asking for the accounts at {}", identity.location());
        let accounts = identity.accounts(page_size, context.stop(), |listed| {
            context.progress(Progress::new("accounts", "listed", listed));
        })?;
        log::info!("Accounts listed: {}", accounts.listed());
        let Differences { enable, mut disable, mut absent } = compare(context, &mut database, &accounts)?;
        drop(accounts);

        // Before anybody is asked for by name: it bounds how often that is.
        let affected = (disable.len() + absent.len()) as u64;
        let examined = context.report().counts.examined;
        match context.guard.permit_affected(affected, examined, "user accounts") {
            Err(refusal) if context.is_dry_run() => {
                context.report().warn(format!("A run would be refused: {refusal}"));
                disable.append(&mut absent);
                plan(context, &enable, &disable);
                return Ok(context.take_report());
            }
            permitted => permitted?,
        }
        if identity.has_repeatable_keys() {
            // The pages may have lacked another account of theirs, which is enabled.
            absent.append(&mut disable);
        }
        disable.extend(confirmed(context, &identity, absent, page_size)?);

        if context.is_dry_run() {
            plan(context, &enable, &disable);
            return Ok(context.take_report());
        }
        let (mut enabled, mut disabled) = (0, 0);
        let mut make =
            |change, users: &[User], done: &mut u64| account_changes::make(context, &mut database, change, users, done);
        let ended =
            make(Change::Enable, &enable, &mut enabled).and_then(|()| make(Change::Disable, &disable, &mut disabled));
        summarize(context, enabled, disabled, ended.is_ok());
        ended?;
        Ok(context.take_report())
    }
}

/// The users that are not as the identity provider has them.
#[derive(Default)]
struct Differences {
    enable: Vec<User>,
    disable: Vec<User>,
    /// Not listed, and not disabled yet.
    absent: Vec<User>,
}

/// Looks at every user.
fn compare(context: &Context, database: &mut Database, accounts: &Accounts) -> anyhow::Result<Differences> {
    let (mut found, mut listed, mut after) = (Differences::default(), 0_u64, None);
    loop {
        context.checkpoint()?;
        let users = database.read(|connection| account_states::page(connection, after, WINDOW))?;
        let Some(last) = users.last() else { break };
        after = Some(last.id);
        for user in users {
            context.report().counts.examined += 1;
            let standing = accounts.standing(&user.oidc_sub);
            listed += u64::from(standing != Standing::Absent);
            match (standing, user.is_disabled) {
                (Standing::Enabled, true) => found.enable.push(user),
                (Standing::Disabled, false) => found.disable.push(user),
                (Standing::Absent, false) => found.absent.push(user),
                (Standing::Enabled, false) | (Standing::Disabled | Standing::Absent, true) => {}
            }
        }
        context.progress(Progress::new("user accounts", "compared", context.report().counts.examined));
    }
    let mut report = context.report();
    report.counts.matched = (found.enable.len() + found.disable.len() + found.absent.len()) as u64;
    if listed == 0 && report.counts.examined > 0 {
        report.warn(
            "none of the platform's users is among the accounts listed; is it the right realm, and is \
             identity.external_id_user_attribute_name right?",
        );
    }
    Ok(found)
}

/// Those of the `absent` whose account is not listed, or not enabled, when it is asked for once more: pages shift when
/// accounts are deleted meanwhile, and an account may be younger than the list.
fn confirmed(
    context: &Context,
    identity: &Identity,
    mut absent: Vec<User>,
    page_size: u32,
) -> anyhow::Result<Vec<User>> {
    // Users of several tenants may share an account.
    let keys = absent.iter().map(|user| user.oidc_sub.clone()).collect();
    let standings = identity.look_again(keys, page_size, context.stop())?;
    let before = absent.len();
    absent.retain(|user| matches!(standings.get(&user.oidc_sub), Some(Standing::Absent | Standing::Disabled)));
    context.report().counts.skipped += (before - absent.len()) as u64;
    Ok(absent)
}

fn plan(context: &Context, enable: &[User], disable: &[User]) {
    let mut plan = Plan::default();
    for (words, users) in [("enable", enable), ("disable", disable)] {
        for user in users {
            log::info!("Would {words} user {}", user.id.0);
            plan.ids.push(user.id.0);
        }
    }
    let mut report = context.report();
    log::info!(
        "Would enable {} and disable {} of {} user accounts",
        enable.len(),
        disable.len(),
        report.counts.examined
    );
    report.plan = Some(plan);
}

/// The last lines of the log.
fn summarize(context: &Context, enabled: u64, disabled: u64, ended_well: bool) {
    let counts = context.report().counts.clone();
    if ended_well && counts.matched == 0 {
        log::info!("Looked at {} user accounts, all are as the identity provider has them", counts.examined);
    } else if ended_well || counts.updated > 0 {
        log::info!("Enabled {enabled} and disabled {disabled} of {} user accounts", counts.examined);
    }
    if counts.skipped > 0 {
        log::info!("Left {} alone whose account is there after all, or that had changed meanwhile", counts.skipped);
    }
}
