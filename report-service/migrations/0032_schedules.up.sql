-- Reports that are made by themselves. Times are Unix milliseconds.

CREATE TABLE schedule (
    id          TEXT   NOT NULL PRIMARY KEY,       -- 128 random bits in hexadecimal
    title       TEXT   NOT NULL,
    report      TEXT   NOT NULL,
    owner_id    TEXT   NOT NULL,                   -- a person's stable id; it runs with that person's rights
    owner_title TEXT   NOT NULL,
    plan        TEXT   NOT NULL,                   -- JSON object: customers, inputs, when, who receives
    paused      BIGINT NOT NULL DEFAULT 0,         -- 1: it stands still
    note        TEXT   NOT NULL DEFAULT '',        -- why the last time brought nothing
    next_at     BIGINT NOT NULL DEFAULT 0,         -- 0: never again
    last_at     BIGINT NOT NULL DEFAULT 0,
    last_place  TEXT   NOT NULL DEFAULT '',        -- the page of what it started last
    claimed_at  BIGINT NOT NULL DEFAULT 0,         -- taken up and not finished
    created_at  BIGINT NOT NULL
);
CREATE INDEX schedule_due ON schedule (next_at);
CREATE INDEX schedule_by_owner ON schedule (owner_id);
CREATE INDEX run_by_schedule ON run (schedule_id, created_at);
