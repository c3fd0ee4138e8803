-- Letters that go out when a document is ready and may. Times are Unix milliseconds.

CREATE TABLE letter (
    id         TEXT   NOT NULL PRIMARY KEY,
    owner_id   TEXT   NOT NULL,
    run_id     TEXT   NOT NULL DEFAULT '',
    batch_id   TEXT   NOT NULL DEFAULT '',
    letter     TEXT   NOT NULL,                    -- JSON object: receivers, subject, text
    state      TEXT   NOT NULL,                    -- waiting, sent, failed or dropped
    attempts   BIGINT NOT NULL DEFAULT 0,
    next_at    BIGINT NOT NULL,
    note       TEXT   NOT NULL DEFAULT '',         -- what the server said
    created_at BIGINT NOT NULL,
    sent_at    BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX letter_due ON letter (state, next_at);
CREATE INDEX letter_of_run ON letter (run_id);
CREATE INDEX letter_of_batch ON letter (batch_id);
