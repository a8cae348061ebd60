//! A platform on which deleting takes a while, so that a run can be watched.

use super::{DatabaseKind, Event, Sample, Site, StorageKind};

impl Site {
    /// A platform on PostgreSQL with so many events to delete, which takes a third of a second for each batch of them.
    pub(crate) fn slow(events: usize) -> Self {
        let site = Self::new(DatabaseKind::Postgres, StorageKind::Directory);
        site.execute(
            "CREATE FUNCTION take_a_while() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END $$; \
             CREATE TRIGGER take_a_while BEFORE DELETE ON events FOR EACH STATEMENT EXECUTE FUNCTION take_a_while()",
        );
        site.fill_with_ended_events(events);
        site
    }

    /// Adds so many events to delete.
    pub(crate) fn fill_with_ended_events(&self, events: usize) {
        self.fill(&Sample::of((0..events).map(|_| Event::ended(31))));
    }
}
