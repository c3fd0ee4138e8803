-- Runs and what satellites sent. Times are Unix milliseconds.

CREATE TABLE run (
    id              TEXT    NOT NULL PRIMARY KEY,  -- 128 random bits in hexadecimal
    report          TEXT    NOT NULL,
    title           TEXT    NOT NULL,              -- the report's title at that time
    owner_id        TEXT    NOT NULL,              -- a person's stable id
    owner_title     TEXT    NOT NULL,
    tenants         TEXT    NOT NULL,              -- JSON array of ids
    params          TEXT    NOT NULL,              -- JSON object, as checked
    state           TEXT    NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    reason          TEXT    NOT NULL DEFAULT '',   -- why it failed, in words
    created_at      BIGINT  NOT NULL,
    finished_at     BIGINT,
    template_sha256 TEXT    NOT NULL DEFAULT '',
    data_sha256     TEXT    NOT NULL DEFAULT '',
    needs           TEXT    NOT NULL DEFAULT '[]', -- JSON array: how each need ended
    file_name       TEXT    NOT NULL DEFAULT '',   -- what a download is called
    file_bytes      BIGINT  NOT NULL DEFAULT 0
);
CREATE INDEX run_by_owner ON run (owner_id, created_at);
CREATE INDEX run_open ON run (state) WHERE state IN ('queued', 'running');

-- Data sent unasked. The latest of each dataset stays; others go with age.
CREATE TABLE push (
    id          INTEGER NOT NULL PRIMARY KEY,
    tenant      TEXT    NOT NULL,
    satellite   TEXT    NOT NULL,
    epoch       BIGINT  NOT NULL,
    sequence    BIGINT  NOT NULL,
    dataset     TEXT    NOT NULL,
    version     BIGINT  NOT NULL,
    captured_at BIGINT  NOT NULL,                  -- never later than received_at
    received_at BIGINT  NOT NULL,
    row_count   BIGINT  NOT NULL,
    body        BLOB    NOT NULL,                  -- canonical JSON, checked against the contract
    UNIQUE (tenant, satellite, epoch, sequence)
);
CREATE INDEX push_by_dataset ON push (tenant, dataset, version, satellite, captured_at);

-- Which sequence numbers of a spool are disposed of: all up to the watermark, and those above it.
CREATE TABLE push_epoch (
    tenant     TEXT   NOT NULL,
    satellite  TEXT   NOT NULL,
    epoch      BIGINT NOT NULL,
    watermark  BIGINT NOT NULL,
    touched_at BIGINT NOT NULL,                    -- the last change; later for each change of a satellite's spools
    PRIMARY KEY (tenant, satellite, epoch)
);
CREATE TABLE push_above (
    tenant    TEXT   NOT NULL,
    satellite TEXT   NOT NULL,
    epoch     BIGINT NOT NULL,
    sequence  BIGINT NOT NULL,
    PRIMARY KEY (tenant, satellite, epoch, sequence)
);

CREATE TABLE satellite (
    tenant         TEXT    NOT NULL,
    satellite      TEXT    NOT NULL,
    online         BOOLEAN NOT NULL,
    seen_at        BIGINT  NOT NULL,
    agent_version  TEXT    NOT NULL DEFAULT '',
    datasets       TEXT    NOT NULL DEFAULT '[]',  -- JSON array of [id, version]; empty until its first hello
    spool_messages BIGINT  NOT NULL DEFAULT 0,
    spool_bytes    BIGINT  NOT NULL DEFAULT 0,
    node_red       TEXT    NOT NULL DEFAULT 'unknown',
    clock_skew_ms  BIGINT  NOT NULL DEFAULT 0,     -- its clock less the sanitizer's
    PRIMARY KEY (tenant, satellite)
);

-- What was refused, without its content.
CREATE TABLE quarantine (
    id         INTEGER NOT NULL PRIMARY KEY,
    tenant     TEXT    NOT NULL,
    satellite  TEXT    NOT NULL,
    at         BIGINT  NOT NULL,
    channel    TEXT    NOT NULL,
    dataset    TEXT    NOT NULL,                   -- '' when unknown
    reason     TEXT    NOT NULL,
    rule       TEXT    NOT NULL,
    pointer    TEXT    NOT NULL,
    size_bytes BIGINT  NOT NULL,
    sha256     TEXT    NOT NULL,
    UNIQUE (tenant, satellite, at, channel, sha256)
);
