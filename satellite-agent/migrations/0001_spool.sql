-- One row: which spool this is. `base` is the id before the epoch's first message, so sequence = id - base.
CREATE TABLE spool (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    epoch   INTEGER NOT NULL,
    base    INTEGER NOT NULL,
    acked   INTEGER NOT NULL,
    bytes   INTEGER NOT NULL CHECK (bytes >= 0)
) STRICT;

-- AUTOINCREMENT, because an id must not return once its message is removed.
CREATE TABLE message (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    dataset     TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    shape       TEXT    NOT NULL,
    captured_ms INTEGER NOT NULL,
    stored_ms   INTEGER NOT NULL,
    body        BLOB    NOT NULL
) STRICT;
