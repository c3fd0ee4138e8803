-- Second factors, and the one local account for when the directory is gone. Times are Unix milliseconds.
CREATE TABLE second_factor (
    person_id    TEXT   NOT NULL PRIMARY KEY,
    person_title TEXT   NOT NULL,
    sealed       BLOB   NOT NULL,              -- the shared secret under the master key
    last_step    BIGINT NOT NULL,              -- a code of this step or an older one does not count again
    enrolled_at  BIGINT NOT NULL
);

CREATE TABLE recovery_code (
    person_id   TEXT   NOT NULL,
    code_sha256 BLOB   NOT NULL,
    used_at     BIGINT,
    PRIMARY KEY (person_id, code_sha256)
);

-- Somebody whose password was right and whose code is still to come. No session yet.
CREATE TABLE half_sign_in (
    token_sha256 BLOB   NOT NULL PRIMARY KEY,
    site         TEXT   NOT NULL,
    person       TEXT   NOT NULL,              -- JSON
    sealed       BLOB,                         -- the shared secret of somebody who enrols just now
    until_ms     BIGINT NOT NULL
);

CREATE TABLE break_glass (
    name        TEXT   NOT NULL PRIMARY KEY,
    password    TEXT,                          -- Argon2id; none before the account is set up
    link_sha256 BLOB,                          -- the one-time link, while it is good
    link_until  BIGINT NOT NULL,
    used_at     BIGINT,                        -- the last use that no administrator has acknowledged
    used_from   TEXT
);
