-- Versions of the agent that satellites can be told to take. Times are Unix milliseconds.

CREATE TABLE release (
    version      TEXT   NOT NULL,
    architecture TEXT   NOT NULL,              -- 'amd64' or 'arm64'
    digest       BLOB   NOT NULL,              -- SHA-256 of the executable, by which its parcel is found
    signed       TEXT   NOT NULL,              -- as the release key signed it: JSON
    added_at     BIGINT NOT NULL,
    PRIMARY KEY (version, architecture)
);
