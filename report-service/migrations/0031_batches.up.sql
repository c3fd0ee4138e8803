-- One report for many customers, a document each. How far it is stands in its runs. Times are Unix milliseconds.

CREATE TABLE batch (
    id           TEXT   NOT NULL PRIMARY KEY,      -- 128 random bits in hexadecimal
    report       TEXT   NOT NULL,
    title        TEXT   NOT NULL,                  -- the report's title at that time
    owner_id     TEXT   NOT NULL,                  -- a person's stable id
    owner_title  TEXT   NOT NULL,
    schedule_id  TEXT   NOT NULL DEFAULT '',
    created_at   BIGINT NOT NULL,
    cancelled_at BIGINT NOT NULL DEFAULT 0         -- 0: it was not called off
);
CREATE INDEX batch_by_owner ON batch (owner_id, created_at);
