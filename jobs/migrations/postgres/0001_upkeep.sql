-- Objects and shared folders whose rows are gone and which are still to be deleted where they are stored.
CREATE TABLE upkeep_pending_deletions (
    id           BIGINT      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind         TEXT        NOT NULL CHECK (kind IN ('object', 'shared_folder')),
    -- The store or provider that had it when its row was deleted: another one must not be asked.
    location     TEXT        NOT NULL,
    -- An object's full key; for a folder the id of the event it belonged to.
    target       TEXT        NOT NULL,
    -- An object's size in bytes, as its row had it.
    bytes        BIGINT      NOT NULL DEFAULT 0,
    -- For a folder what its provider needs to know.
    details      JSONB,
    job          TEXT        NOT NULL,
    run_id       UUID        NOT NULL,
    recorded_at  TIMESTAMPTZ NOT NULL,
    attempts     INTEGER     NOT NULL DEFAULT 0,
    last_error   TEXT,
    CONSTRAINT upkeep_pending_deletions_target_key UNIQUE (kind, target, location)
);

-- Who runs which job right now.
CREATE TABLE upkeep_leases (
    job        TEXT        NOT NULL PRIMARY KEY,
    run_id     UUID        NOT NULL,
    owner      JSONB       NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);

-- What was run, when, with which parameters and which result.
CREATE TABLE upkeep_runs (
    id          UUID        NOT NULL PRIMARY KEY,
    job         TEXT        NOT NULL,
    started_at  TIMESTAMPTZ NOT NULL,
    finished_at TIMESTAMPTZ,
    outcome     TEXT,
    exit_code   INTEGER,
    report      JSONB       NOT NULL
);
CREATE INDEX upkeep_runs_started_at_idx ON upkeep_runs (started_at);
