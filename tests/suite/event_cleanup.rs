//! What event-cleanup removes and what it leaves, on every database and storage.

use crate::site::{EVERYWHERE, Event, Sample, Site};

#[test]
fn an_ended_event_goes_with_everything_and_others_stay_untouched() {
    for (database, storage) in EVERYWHERE {
        let site = Site::new(database, storage);
        let stays = Sample::of([Event::ended(29).with_assets(2), Event::ended(-3).with_assets(1)]);
        site.fill(&stays);
        let before = site.rows();
        let goes = Event::ended(31).with_assets(3);
        site.fill(&Sample::of([goes.clone()]));

        let report = site.clean_up(&[]).expect(0).report();

        assert_eq!(site.rows(), before, "{database:?} {storage:?}");
        assert_eq!(site.objects(), stays.objects().into_keys().collect());
        assert!(site.outbox().is_empty());
        assert_eq!(report["counts"]["examined"], 3);
        assert_eq!(report["counts"]["matched"], 1);
        assert_eq!(report["counts"]["deleted"], 1);
        assert_eq!(report["objects_deleted"], 3);
        assert_eq!(report["bytes_freed"], 6);
        assert_eq!(report["outcome"], "succeeded");
    }
}
