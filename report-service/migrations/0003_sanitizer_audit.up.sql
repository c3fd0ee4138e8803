-- What the sanitizers did and refused, by their own word: chains of hashes, whose ends are signed now and then.
CREATE TABLE sanitizer_audit (
    id        INTEGER NOT NULL PRIMARY KEY, -- the order in which they came
    sanitizer TEXT    NOT NULL,           -- its address
    chain     TEXT    NOT NULL,           -- the run of the sanitizer that it is about
    sequence  BIGINT  NOT NULL,           -- from 1
    at        BIGINT  NOT NULL,
    action    TEXT    NOT NULL,
    reason    TEXT    NOT NULL,
    subject   TEXT    NOT NULL,
    count     BIGINT  NOT NULL,
    previous  BLOB    NOT NULL,
    hash      BLOB    NOT NULL,
    fits      BOOLEAN NOT NULL,           -- whether it followed upon the one before it when it came
    signed_at BIGINT,                     -- set on the last entry that a signature covers
    signature BLOB,
    holds     BOOLEAN,                    -- whether the signature was good; null when no key is known
    UNIQUE (sanitizer, chain, sequence)
);
CREATE INDEX sanitizer_audit_by_time ON sanitizer_audit (at);
