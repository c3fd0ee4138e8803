-- People: sessions, sign-in throttle, audit. Times are Unix milliseconds.

CREATE TABLE session (
    token_sha256   BLOB    NOT NULL PRIMARY KEY,
    id             TEXT    NOT NULL UNIQUE,   -- what pages and the audit show; useless as a cookie
    site           TEXT    NOT NULL,          -- 'forms' or 'admin': a session is good on one listener only
    person_id      TEXT    NOT NULL,          -- directory id + entryUUID or objectGUID
    person_name    TEXT    NOT NULL,
    person_title   TEXT    NOT NULL,          -- the name as people read it
    groups         TEXT    NOT NULL,          -- JSON array of the configured groups the person is in
    created_at     BIGINT  NOT NULL,
    seen_at        BIGINT  NOT NULL,
    checked_at     BIGINT  NOT NULL,          -- last confirmation by the directory
    idle_until     BIGINT  NOT NULL,
    absolute_until BIGINT  NOT NULL,
    address        TEXT    NOT NULL,
    agent          TEXT    NOT NULL,
    ended_at       BIGINT,
    end_reason     TEXT
);
CREATE INDEX session_by_person ON session (person_id, ended_at);

CREATE TABLE throttle (
    bucket     TEXT    NOT NULL PRIMARY KEY,  -- 'name:alice', 'person:<id>' or 'address:192.0.2.7'
    failures   BIGINT  NOT NULL,
    window_end BIGINT  NOT NULL
);

-- Every record carries the hash of the one before it: a changed or removed row breaks the chain.
CREATE TABLE audit (
    sequence  INTEGER NOT NULL PRIMARY KEY,
    at        BIGINT  NOT NULL,
    actor     TEXT    NOT NULL,               -- the stable id, or what was typed
    name      TEXT    NOT NULL,               -- the sign-in name at that time, for readers
    action    TEXT    NOT NULL,
    decision  TEXT    NOT NULL,               -- 'allowed' or 'denied'
    reason    TEXT    NOT NULL,
    subject   TEXT    NOT NULL,
    address   TEXT    NOT NULL,
    previous  BLOB    NOT NULL,
    hash      BLOB    NOT NULL
);
CREATE INDEX audit_by_time ON audit (at);
