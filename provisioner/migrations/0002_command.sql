-- What was ordered of satellites, and what came of it. Times are Unix milliseconds.

CREATE TABLE command (
    id         BLOB    NOT NULL PRIMARY KEY,  -- 16 random bytes: ties the result to the command
    tenant     TEXT    NOT NULL,
    satellite  TEXT    NOT NULL,
    number     BIGINT  NOT NULL,              -- its place among those to this satellite, from 1
    verb       TEXT    NOT NULL,
    args       BLOB    NOT NULL,              -- as they are signed
    parcel     BLOB,                          -- SHA-256 of the file that goes along
    ordered_at BIGINT  NOT NULL,
    expires_at BIGINT  NOT NULL,              -- not to be begun after this
    state      TEXT    NOT NULL,              -- 'open', 'done' or 'failed'
    fault      TEXT,                          -- of a failed one: the word of the wire
    detail     TEXT    NOT NULL,              -- one line
    ended_at   BIGINT,
    UNIQUE (tenant, satellite, number)
);
CREATE INDEX command_open ON command (state, expires_at);
