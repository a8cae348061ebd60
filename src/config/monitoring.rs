//! `[metrics]` and `[notify]`: where it is told what runs come to.

use std::path::PathBuf;

use upkeep_jobs::platform::{PingUrl, Problem};

use super::environment::{Environment, shown};
use super::keys::{METRICS_DIR, NOTIFY_PING_URL};
use super::sources::Settings;
use super::value::Value;

/// Where it is told what runs come to; nowhere unless it is configured.
#[derive(Debug, Clone, Default)]
pub(crate) struct Monitored {
    /// The directory for textfiles of metrics; absolute. Whether it exists is not known yet.
    pub(crate) metrics_dir: Option<PathBuf>,
    /// The address for pings.
    pub(crate) ping_url: Option<PingUrl>,
}

pub(super) fn monitored(settings: &mut Settings, environment: &Environment) -> Result<Monitored, Problem> {
    let metrics_dir = settings.path(METRICS_DIR, environment)?;
    if let Some(path) = &metrics_dir {
        settings.resolve(METRICS_DIR, Value::Text(shown(path)));
    }
    let ping_url = settings.get(NOTIFY_PING_URL).and_then(|setting| setting.value.text()).map(PingUrl::parse);
    let ping_url = ping_url.transpose().map_err(|invalid| settings.unusable(invalid))?;
    Ok(Monitored { metrics_dir, ping_url })
}
