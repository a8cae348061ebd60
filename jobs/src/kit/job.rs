//! What a job is.

use chrono::{DateTime, Utc};
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::context::Context;
use super::nightly::Nightly;
use super::parameters;
use super::report::Report;
use crate::platform::Problem;
use crate::platform::database::Requirement;

/// One kind of maintenance work.
pub trait Job: Sync + 'static {
    /// Stable kebab-case name, the `<JOB_TYPE>` of the command line.
    const NAME: &'static str;
    /// One line for `--help` and `jobs list`.
    const ABOUT: &'static str;
    /// What goes, for `jobs describe`.
    const REMOVES: &'static str;
    /// What stays although one might expect it to go.
    const KEEPS: &'static str;
    /// In which order things are done, as far as it matters to whoever looks while it runs or after it was killed.
    const ORDER: &'static str;
    /// Whether it may run while the platform is in use, and what people may notice.
    const BESIDE_PLATFORM: &'static str;
    /// The platform tables and columns it works on. A job without any needs no configuration, database or lease.
    const REQUIRES: &'static [&'static [Requirement]];
    /// When it is run where nobody says otherwise; `None` for a job that is only run by hand.
    const SCHEDULE: Option<Nightly>;
    /// Whether it needs the identity provider.
    const ASKS_IDENTITY_PROVIDER: bool = false;
    /// JSON parameters; `Default` holds the documented defaults, doc comments describe the fields with their units.
    type Parameters: Serialize + DeserializeOwned + Default + JsonSchema;

    /// Refuses parameters that are well-formed but make no sense at `now`.
    ///
    /// # Errors
    /// A usage problem that names the parameter.
    fn check(parameters: &Self::Parameters, now: DateTime<Utc>) -> Result<(), Problem> {
        let (_, _) = (parameters, now);
        Ok(())
    }

    /// Does the work. What was done before an error is in the context's report.
    ///
    /// # Errors
    /// Whatever ends the run early.
    fn execute(context: &Context, parameters: Self::Parameters) -> anyhow::Result<Report>;
}

/// Any [`Job`], with JSON in place of its parameter type.
pub trait AnyJob: Sync {
    /// See [`Job::NAME`].
    fn name(&self) -> &'static str;
    /// See [`Job::ABOUT`].
    fn about(&self) -> &'static str;
    /// See [`Job::REMOVES`].
    fn removes(&self) -> &'static str;
    /// See [`Job::KEEPS`].
    fn keeps(&self) -> &'static str;
    /// See [`Job::ORDER`].
    fn order(&self) -> &'static str;
    /// See [`Job::BESIDE_PLATFORM`].
    fn beside_platform(&self) -> &'static str;
    /// See [`Job::REQUIRES`].
    fn requires(&self) -> Vec<Requirement>;
    /// See [`Job::SCHEDULE`].
    fn schedule(&self) -> Option<Nightly>;
    /// See [`Job::ASKS_IDENTITY_PROVIDER`].
    fn asks_identity_provider(&self) -> bool;
    /// The defaults of all parameters.
    fn default_parameters(&self) -> Value;
    /// The parameters' JSON Schema.
    fn schema(&self) -> Schema;
    /// Completes `given` with the defaults and checks the result, without connecting to anything.
    ///
    /// # Errors
    /// A usage problem that names the field and what is expected.
    fn complete(&self, given: &Value, now: DateTime<Utc>) -> Result<Value, Problem>;
    /// Runs the job with parameters from [`AnyJob::complete`].
    ///
    /// # Errors
    /// See [`Job::execute`].
    fn execute(&self, context: &Context, parameters: Value) -> anyhow::Result<Report>;
}

impl std::fmt::Debug for dyn AnyJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl<J: Job> AnyJob for J {
    fn name(&self) -> &'static str {
        J::NAME
    }

    fn about(&self) -> &'static str {
        J::ABOUT
    }

    fn removes(&self) -> &'static str {
        J::REMOVES
    }

    fn keeps(&self) -> &'static str {
        J::KEEPS
    }

    fn order(&self) -> &'static str {
        J::ORDER
    }

    fn beside_platform(&self) -> &'static str {
        J::BESIDE_PLATFORM
    }

    fn requires(&self) -> Vec<Requirement> {
        J::REQUIRES.concat()
    }

    fn schedule(&self) -> Option<Nightly> {
        J::SCHEDULE
    }

    fn asks_identity_provider(&self) -> bool {
        J::ASKS_IDENTITY_PROVIDER
    }

    fn default_parameters(&self) -> Value {
        serde_json::json!(J::Parameters::default())
    }

    fn schema(&self) -> Schema {
        schemars::schema_for!(J::Parameters)
    }

    fn complete(&self, given: &Value, now: DateTime<Utc>) -> Result<Value, Problem> {
        let (complete, typed) = parameters::complete::<J::Parameters>(J::NAME, given, &self.schema())?;
        J::check(&typed, now)?;
        Ok(complete)
    }

    fn execute(&self, context: &Context, parameters: Value) -> anyhow::Result<Report> {
        J::execute(context, serde_json::from_value(parameters)?)
    }
}
