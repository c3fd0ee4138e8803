-- What was issued, to whom, and what is no longer good. Times are Unix milliseconds.

CREATE TABLE issued (
    serial       BLOB    NOT NULL PRIMARY KEY,
    authority    TEXT    NOT NULL,            -- 'fabric' or 'inner'
    tenant       TEXT,                        -- of a satellite
    satellite    TEXT,
    holder       TEXT    NOT NULL,            -- for readers: the identity, or the listener's names
    public_key   BLOB    NOT NULL,            -- uncompressed P-256 point
    certificate  BLOB    NOT NULL,            -- DER
    not_before   BIGINT  NOT NULL,
    not_after    BIGINT  NOT NULL,
    issued_at    BIGINT  NOT NULL,
    origin       TEXT    NOT NULL,            -- 'operator', 'join', 'renewal' or 'bundle'
    token        TEXT,                        -- of a join
    renews       BLOB,                        -- of a renewal: the serial that asked
    revoked_at   BIGINT,
    reason       TEXT                         -- of the revocation
);
CREATE INDEX issued_to_satellite ON issued (tenant, satellite, issued_at);
CREATE INDEX issued_by_token ON issued (token);
CREATE INDEX issued_by_renewal ON issued (renews);
CREATE INDEX issued_to_key ON issued (public_key);
CREATE INDEX issued_and_good ON issued (authority, not_after);

CREATE TABLE join_token (
    id            TEXT    NOT NULL PRIMARY KEY,
    secret_sha256 BLOB    NOT NULL,           -- the secret itself is nowhere
    tenant        TEXT    NOT NULL,
    satellite     TEXT    NOT NULL,
    created_at    BIGINT  NOT NULL,
    expires_at    BIGINT  NOT NULL,
    approval      BOOLEAN NOT NULL,           -- somebody has to approve the request
    used_by       BLOB,                       -- the one public key that it is good for, once it was used
    used_at       BIGINT,
    voided_at     BIGINT                      -- its satellite was revoked
);
CREATE INDEX token_of_satellite ON join_token (tenant, satellite);

CREATE TABLE request (
    number     INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    token      TEXT    NOT NULL REFERENCES join_token (id),
    public_key BLOB    NOT NULL,
    peer       TEXT    NOT NULL,              -- the address that the door saw, or empty
    asked_at   BIGINT  NOT NULL,
    state      TEXT    NOT NULL,              -- 'waiting', 'approved' or 'rejected'
    decided_at BIGINT,
    UNIQUE (token, public_key)
);

CREATE TABLE suspended (
    tenant TEXT   NOT NULL PRIMARY KEY,
    at     BIGINT NOT NULL
);

-- The present revocation list of the fabric authority: one row.
CREATE TABLE revocation_list (
    only    INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    number  BIGINT  NOT NULL,
    made_at BIGINT  NOT NULL,
    entries BIGINT  NOT NULL,
    content BLOB    NOT NULL,                 -- SHA-256 of the entries: another list is made when it changes
    der     BLOB    NOT NULL
);

-- Every record carries the hash of the one before it: a changed or removed row breaks the chain.
CREATE TABLE audit (
    sequence  INTEGER NOT NULL PRIMARY KEY,
    at        BIGINT  NOT NULL,
    actor     TEXT    NOT NULL,               -- 'operator', or the address whose topic the request came on
    action    TEXT    NOT NULL,
    decision  TEXT    NOT NULL,               -- 'allowed' or 'denied'
    reason    TEXT    NOT NULL,
    subject   TEXT    NOT NULL,
    previous  BLOB    NOT NULL,
    hash      BLOB    NOT NULL
);
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is only ever added to'); END;
CREATE TRIGGER audit_is_never_removed BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is only ever added to'); END;
