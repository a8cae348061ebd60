//! What one run hands its job.

use std::cell::{RefCell, RefMut};
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use uuid::Uuid;

use super::guard::Guard;
use super::job::AnyJob;
use super::progress::{Progress, ShowProgress};
use super::report::Report;
use crate::platform::database::{Access, Database, DatabaseUrl, check_generation, require_migrated};
use crate::platform::identity::{Identity, IdentitySettings};
use crate::platform::shared_folders::{NextcloudSettings, SharedFolders};
use crate::platform::storage::{Directory, ReadObjects, S3, S3Settings, WriteObjects};
use crate::platform::{Kind, Problem, Stop};

/// Where objects are stored.
#[derive(Debug, Clone)]
pub enum StorageSettings {
    /// A directory that plays a bucket. It has to exist.
    Directory(PathBuf),
    /// The same, beside the embedded database when neither is configured: upkeep creates both.
    Embedded(PathBuf),
    /// A bucket.
    S3(S3Settings),
}

impl StorageSettings {
    /// The store; nothing is connected yet, only the directory beside an embedded database is created.
    ///
    /// # Errors
    /// When the settings are unusable.
    pub fn open(&self, stop: &Stop) -> anyhow::Result<Arc<dyn WriteObjects>> {
        Ok(match self {
            Self::Directory(path) => Arc::new(Directory::new(path.clone())),
            Self::Embedded(path) => Arc::new(Directory::created(path.clone())?),
            Self::S3(settings) => Arc::new(S3::new(settings.clone(), stop.clone())?),
        })
    }
}

/// What jobs work on, as configured; connected when first used.
#[derive(Debug, Clone)]
pub struct Resources {
    /// The platform's database.
    pub database: DatabaseUrl,
    /// The platform's object storage.
    pub storage: StorageSettings,
    /// The identity provider, if there is one.
    pub identity: Option<IdentitySettings>,
    /// The shared-folder provider, if there is one.
    pub shared_folders: Option<NextcloudSettings>,
}

/// The handles that change things outside the database. A dry run has none.
pub struct Stores {
    /// The object storage.
    pub objects: Arc<dyn WriteObjects>,
    /// The shared-folder provider.
    pub folders: SharedFolders,
}

/// One run, as its job sees it.
pub struct Context {
    /// The run's single point in time; every cutoff is computed from it.
    pub now: DateTime<Utc>,
    /// The run's identifier.
    pub run: Uuid,
    /// The job.
    pub job: &'static dyn AnyJob,
    /// What needs a person's word.
    pub guard: Guard,
    dry_run: bool,
    stop: Stop,
    resources: Option<Resources>,
    report: RefCell<Report>,
    display: Option<Box<dyn ShowProgress>>,
}

impl Context {
    /// A run of `job`; `resources` may be left out for a job that requires nothing.
    pub fn new(
        job: &'static dyn AnyJob,
        run: Uuid,
        now: DateTime<Utc>,
        dry_run: bool,
        guard: Guard,
        resources: Option<Resources>,
        stop: Stop,
    ) -> Self {
        Self { now, run, job, guard, dry_run, stop, resources, report: RefCell::default(), display: None }
    }

    /// The same run with its progress shown by `display`.
    pub fn shown_by(self, display: Box<dyn ShowProgress>) -> Self {
        Self { display: Some(display), ..self }
    }

    /// Whether nothing may be changed.
    pub fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// Goes on, or ends the run because of its deadline or a signal; every loop calls this between batches.
    ///
    /// # Errors
    /// When the run has to stop.
    pub fn checkpoint(&self) -> Result<(), Problem> {
        self.stop.check()
    }

    /// What ends this run early.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// The report, to add to.
    pub fn report(&self) -> RefMut<'_, Report> {
        self.report.borrow_mut()
    }

    /// Says what is looked for, up to which instant, and notes that instant as evidence. `what` ends in the word that
    /// tells whether the instant itself counts.
    pub fn looking_for(&self, what: &str, cutoff: DateTime<Utc>) {
        log::info!("Looking for {what} {}", cutoff.to_rfc3339_opts(SecondsFormat::AutoSi, true));
        self.report().cutoff = Some(cutoff);
    }

    /// The report, when nothing more will be added.
    pub fn take_report(&self) -> Report {
        self.report.take()
    }

    fn resources(&self) -> Result<&Resources, Problem> {
        let none = || Problem::new(Kind::Failed, format!("{} says that it needs no configuration", self.job.name()));
        self.resources.as_ref().ok_or_else(none)
    }

    /// The platform's database; read-only in a dry run.
    ///
    /// # Errors
    /// When it cannot be reached, lacks upkeep's own tables, or has not what the job works on.
    pub fn database(&self) -> anyhow::Result<Database> {
        let access = if self.dry_run { Access::ReadOnly } else { Access::ReadWrite };
        let mut database = self.handle(access, self.stop.clone())?;
        require_migrated(&mut database)?;
        check_generation(&mut database, &self.job.requires())?;
        Ok(database)
    }

    /// The same for a job that deletes, which must be allowed before anything is connected.
    ///
    /// # Errors
    /// When deleting is switched off, and as [`Context::database`].
    pub fn database_to_delete_in(&self) -> anyhow::Result<Database> {
        if !self.dry_run {
            self.guard.permit_deletion()?;
        }
        self.database()
    }

    /// A second handle for the last few statements of a run that has already been told to stop, which share
    /// [`Stop::last_words`] with all others.
    ///
    /// # Errors
    /// When nothing is configured.
    pub fn closing_database(&self) -> anyhow::Result<Database> {
        Ok(self.handle(Access::ReadWrite, self.stop.last_words())?)
    }

    fn handle(&self, access: Access, stop: Stop) -> Result<Database, Problem> {
        let url = self.resources()?.database.clone();
        Ok(Database::new(url, format!("upkeep:{}", self.job.name()), access, stop))
    }

    /// The handles that change things outside the database; `None` in a dry run.
    ///
    /// # Errors
    /// When the settings are unusable.
    pub fn stores(&self) -> anyhow::Result<Option<Stores>> {
        if self.dry_run {
            return Ok(None);
        }
        let resources = self.resources()?;
        let objects = resources.storage.open(&self.stop)?;
        let folders = match &resources.shared_folders {
            Some(settings) => SharedFolders::nextcloud(settings.clone())?,
            None => SharedFolders::unconfigured(),
        };
        Ok(Some(Stores { objects, folders }))
    }

    /// The identity provider, which can only be read. `dumps_failed_responses` logs the bodies of answers that end the
    /// run.
    ///
    /// # Errors
    /// When none is configured, or its settings are unusable.
    pub fn identity(&self, dumps_failed_responses: bool) -> Result<Identity, Problem> {
        let Some(settings) = &self.resources()?.identity else {
            let what = format!("{} needs the identity provider, and none is configured", self.job.name());
            let hint = "set api_base_url, authority, client_id and client_secret in [identity]";
            return Err(Problem::new(Kind::Configuration, what).hint(hint));
        };
        Identity::keycloak(settings, dumps_failed_responses)
    }

    /// The object storage, to look at; also in a dry run.
    ///
    /// # Errors
    /// When the settings are unusable.
    pub fn objects(&self) -> anyhow::Result<Arc<dyn ReadObjects>> {
        match &self.resources()?.storage {
            // Nothing is created in a dry run.
            StorageSettings::Embedded(path) if self.dry_run => Ok(Arc::new(Directory::new(path.clone()))),
            settings => Ok(settings.open(&self.stop)?),
        }
    }

    /// Shows how far the run is; every loop calls this between batches.
    pub fn progress(&self, progress: Progress) {
        if let Some(display) = &self.display {
            display.show(&progress);
        }
    }

    /// Whether it is worth one cheap statement to find out how much there is to be done in all.
    pub fn wants_totals(&self) -> bool {
        self.display.as_ref().is_some_and(|display| display.wants_totals())
    }
}
