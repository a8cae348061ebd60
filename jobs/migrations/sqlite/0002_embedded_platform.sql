-- The platform's own tables in their newest generation, for the embedded database: the same names as on PostgreSQL,
-- uuid as 16-byte BLOB, instants as microseconds since 1970, JSON and enums as TEXT. Foreign keys that PostgreSQL
-- leaves without an index have one here.

CREATE TABLE tenants (
    id             BLOB    NOT NULL PRIMARY KEY,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    oidc_tenant_id TEXT    NOT NULL UNIQUE
) STRICT;

CREATE TABLE tariffs (
    id                BLOB    NOT NULL PRIMARY KEY,
    name              TEXT    NOT NULL UNIQUE,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    quotas            TEXT    NOT NULL CHECK (json_valid(quotas)),
    disabled_modules  TEXT    NOT NULL DEFAULT '[]' CHECK (json_valid(disabled_modules)),
    disabled_features TEXT    NOT NULL DEFAULT '[]' CHECK (json_valid(disabled_features))
) STRICT;

CREATE TABLE external_tariffs (
    external_id TEXT NOT NULL PRIMARY KEY,
    tariff_id   BLOB NOT NULL REFERENCES tariffs (id)
) STRICT;

CREATE TABLE users (
    id                    BLOB    NOT NULL PRIMARY KEY,
    id_serial             INTEGER NOT NULL DEFAULT 0,
    oidc_sub              TEXT    NOT NULL,
    email                 TEXT    NOT NULL CHECK (lower(email) = email),
    title                 TEXT    NOT NULL,
    firstname             TEXT    NOT NULL,
    lastname              TEXT    NOT NULL,
    language              TEXT    CHECK (length(language) > 0),
    display_name          TEXT    NOT NULL,
    dashboard_theme       TEXT    CHECK (dashboard_theme IN ('light', 'dark', 'system')),
    conference_theme      TEXT    CHECK (conference_theme IN ('light', 'dark', 'system')),
    phone                 TEXT,
    tenant_id             BLOB    NOT NULL REFERENCES tenants (id),
    tariff_id             BLOB    NOT NULL REFERENCES tariffs (id),
    tariff_status         TEXT    NOT NULL DEFAULT 'default' CHECK (tariff_status IN ('default', 'paid', 'downgraded')),
    disabled_since        INTEGER,
    avatar_url            TEXT,
    timezone              TEXT,
    created_at            INTEGER NOT NULL,
    updated_at            INTEGER NOT NULL,
    last_authenticated_at INTEGER,
    UNIQUE (oidc_sub, tenant_id)
) STRICT;

CREATE TABLE groups (
    id        BLOB    NOT NULL PRIMARY KEY,
    id_serial INTEGER NOT NULL DEFAULT 0,
    name      TEXT    NOT NULL,
    tenant_id BLOB    NOT NULL REFERENCES tenants (id),
    UNIQUE (tenant_id, name)
) STRICT;

CREATE TABLE user_groups (
    user_id  BLOB NOT NULL REFERENCES users (id),
    group_id BLOB NOT NULL REFERENCES groups (id),
    PRIMARY KEY (user_id, group_id)
) STRICT;

CREATE TABLE rooms (
    id             BLOB    NOT NULL PRIMARY KEY,
    id_serial      INTEGER NOT NULL DEFAULT 0,
    created_by     BLOB    NOT NULL REFERENCES users (id),
    created_at     INTEGER NOT NULL,
    password       TEXT,
    waiting_room   INTEGER NOT NULL DEFAULT 0,
    tenant_id      BLOB    NOT NULL REFERENCES tenants (id),
    e2e_encryption INTEGER NOT NULL DEFAULT 0,
    guest_access   TEXT    NOT NULL DEFAULT 'direct_access'
                   CHECK (guest_access IN ('disabled', 'waiting_room', 'direct_access')),
    name           TEXT,
    suffix         TEXT,
    CHECK (NOT (waiting_room = 1 AND guest_access = 'direct_access')),
    CHECK (suffix IS NULL OR name IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX room_alias ON rooms (name, ifnull(suffix, '')) WHERE name IS NOT NULL;

CREATE TABLE invites (
    id         BLOB    NOT NULL PRIMARY KEY,
    id_serial  INTEGER NOT NULL DEFAULT 0,
    created_by BLOB    NOT NULL REFERENCES users (id),
    created_at INTEGER NOT NULL,
    updated_by BLOB    NOT NULL REFERENCES users (id),
    updated_at INTEGER NOT NULL,
    room       BLOB    NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    active     INTEGER NOT NULL,
    expiration INTEGER
) STRICT;
CREATE INDEX invites_room_idx ON invites (room);

CREATE TABLE sip_configs (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    room         BLOB    NOT NULL UNIQUE REFERENCES rooms (id) ON DELETE CASCADE,
    sip_id       TEXT    NOT NULL UNIQUE,
    password     TEXT    NOT NULL,
    enable_lobby INTEGER NOT NULL
) STRICT;

CREATE TABLE room_streaming_targets (
    id                 BLOB NOT NULL PRIMARY KEY,
    room_id            BLOB NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    name               TEXT NOT NULL,
    kind               TEXT NOT NULL CHECK (kind IN ('custom')),
    streaming_endpoint TEXT NOT NULL,
    streaming_key      TEXT NOT NULL,
    public_url         TEXT NOT NULL
) STRICT;
CREATE INDEX room_streaming_targets_room_id_idx ON room_streaming_targets (room_id);

CREATE TABLE assets (
    id         BLOB    NOT NULL PRIMARY KEY,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    namespace  TEXT,
    kind       TEXT    NOT NULL,
    filename   TEXT    NOT NULL,
    tenant_id  BLOB    NOT NULL REFERENCES tenants (id),
    size       INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE room_assets (
    room_id  BLOB NOT NULL REFERENCES rooms (id),
    asset_id BLOB NOT NULL UNIQUE REFERENCES assets (id) ON DELETE CASCADE,
    PRIMARY KEY (room_id, asset_id)
) STRICT;

CREATE TABLE module_resources (
    id         BLOB    NOT NULL PRIMARY KEY,
    tenant_id  BLOB    NOT NULL REFERENCES tenants (id),
    room_id    BLOB    NOT NULL REFERENCES rooms (id),
    created_by BLOB    NOT NULL REFERENCES users (id),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    namespace  TEXT    NOT NULL,
    tag        TEXT,
    data       TEXT    NOT NULL CHECK (json_valid(data))
) STRICT;
CREATE INDEX module_resources_room_id_idx ON module_resources (room_id);

CREATE TABLE events (
    id                   BLOB    NOT NULL PRIMARY KEY,
    id_serial            INTEGER NOT NULL DEFAULT 0,
    title                TEXT    NOT NULL,
    description          TEXT    NOT NULL,
    room                 BLOB    NOT NULL UNIQUE REFERENCES rooms (id),
    created_by           BLOB    NOT NULL REFERENCES users (id),
    created_at           INTEGER NOT NULL,
    updated_by           BLOB    NOT NULL REFERENCES users (id),
    updated_at           INTEGER NOT NULL,
    is_adhoc             INTEGER NOT NULL DEFAULT 0,
    tenant_id            BLOB    NOT NULL REFERENCES tenants (id),
    revision             INTEGER NOT NULL DEFAULT 0,
    show_meeting_details INTEGER NOT NULL DEFAULT 1
) STRICT;
-- Jobs go through the events in this order.
CREATE INDEX events_id_serial_id_idx ON events (id_serial, id);

CREATE TABLE event_dates (
    event_id      BLOB    NOT NULL PRIMARY KEY REFERENCES events (id) ON DELETE CASCADE,
    starts_at     INTEGER NOT NULL,
    starts_at_tz  TEXT    NOT NULL,
    ends_at       INTEGER NOT NULL,
    ends_at_tz    TEXT    NOT NULL,
    is_all_day    INTEGER NOT NULL,
    duration_secs INTEGER NOT NULL
) STRICT;

CREATE TABLE event_recurrences (
    event_id           BLOB NOT NULL PRIMARY KEY REFERENCES event_dates (event_id) ON DELETE CASCADE,
    recurrence_pattern TEXT NOT NULL
) STRICT;

CREATE TABLE event_exceptions (
    id                BLOB    NOT NULL PRIMARY KEY,
    event_id          BLOB    NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    exception_date    INTEGER NOT NULL,
    exception_date_tz TEXT    NOT NULL,
    created_by        BLOB    NOT NULL REFERENCES users (id),
    created_at        INTEGER NOT NULL,
    kind              TEXT    NOT NULL CHECK (kind IN ('modified', 'cancelled')),
    title             TEXT,
    description       TEXT,
    is_all_day        INTEGER,
    starts_at         INTEGER,
    starts_at_tz      TEXT,
    ends_at           INTEGER,
    ends_at_tz        TEXT,
    UNIQUE (event_id, exception_date, exception_date_tz)
) STRICT;

CREATE TABLE event_invites (
    id         BLOB    NOT NULL PRIMARY KEY,
    event_id   BLOB    NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    invitee    BLOB    NOT NULL REFERENCES users (id),
    created_by BLOB    NOT NULL REFERENCES users (id),
    created_at INTEGER NOT NULL,
    status     TEXT    NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'accepted', 'tentative', 'declined')),
    role       TEXT    NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'moderator')),
    UNIQUE (event_id, invitee)
) STRICT;

CREATE TABLE event_email_invites (
    event_id   BLOB    NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    email      TEXT    NOT NULL CHECK (lower(email) = email),
    created_by BLOB    NOT NULL REFERENCES users (id),
    created_at INTEGER NOT NULL,
    role       TEXT    NOT NULL DEFAULT 'guest' CHECK (role IN ('guest', 'moderator')),
    PRIMARY KEY (event_id, email)
) STRICT;

CREATE TABLE event_favorites (
    user_id  BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    event_id BLOB NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, event_id)
) STRICT;
CREATE INDEX event_favorites_event_id_idx ON event_favorites (event_id);

CREATE TABLE event_shared_folders (
    event_id       BLOB    NOT NULL PRIMARY KEY REFERENCES events (id),
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    path           TEXT    NOT NULL,
    write_url      TEXT    NOT NULL,
    write_password TEXT    NOT NULL,
    read_url       TEXT    NOT NULL,
    read_password  TEXT    NOT NULL,
    provider_data  TEXT    NOT NULL CHECK (json_valid(provider_data))
) STRICT;

CREATE TABLE event_training_participation_report_parameter_sets (
    event_id                        BLOB    NOT NULL PRIMARY KEY REFERENCES events (id) ON DELETE CASCADE,
    initial_checkpoint_delay_after  INTEGER NOT NULL,
    initial_checkpoint_delay_within INTEGER NOT NULL,
    checkpoint_interval_after       INTEGER NOT NULL,
    checkpoint_interval_within      INTEGER NOT NULL
) STRICT;
