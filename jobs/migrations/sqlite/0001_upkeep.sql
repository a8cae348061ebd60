-- Objects and shared folders whose rows are gone and which are still to be deleted where they are stored.
CREATE TABLE upkeep_pending_deletions (
    id           INTEGER PRIMARY KEY AUTOINCREMENT, -- a cursor, so never a number twice
    kind         TEXT    NOT NULL CHECK (kind IN ('object', 'shared_folder')),
    -- The store or provider that had it when its row was deleted: another one must not be asked.
    location     TEXT    NOT NULL,
    -- An object's full key; for a folder the id of the event it belonged to.
    target       TEXT    NOT NULL,
    -- An object's size in bytes, as its row had it.
    bytes        INTEGER NOT NULL DEFAULT 0,
    -- For a folder what its provider needs to know.
    details      TEXT    CHECK (details IS NULL OR json_valid(details)),
    job          TEXT    NOT NULL,
    run_id       BLOB    NOT NULL,
    recorded_at  INTEGER NOT NULL,
    attempts     INTEGER NOT NULL DEFAULT 0,
    last_error   TEXT,
    CONSTRAINT upkeep_pending_deletions_target_key UNIQUE (kind, target, location)
) STRICT;

-- Who runs which job right now.
CREATE TABLE upkeep_leases (
    job        TEXT    NOT NULL PRIMARY KEY,
    run_id     BLOB    NOT NULL,
    owner      TEXT    NOT NULL CHECK (json_valid(owner)),
    expires_at INTEGER NOT NULL
) STRICT;

-- What was run, when, with which parameters and which result.
CREATE TABLE upkeep_runs (
    id          BLOB    NOT NULL PRIMARY KEY,
    job         TEXT    NOT NULL,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    outcome     TEXT,
    exit_code   INTEGER,
    report      TEXT    NOT NULL CHECK (json_valid(report))
) STRICT;
CREATE INDEX upkeep_runs_started_at_idx ON upkeep_runs (started_at);
