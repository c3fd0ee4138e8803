-- The last checked answer of each need that may fall back on it, sealed. Times are Unix milliseconds.

CREATE TABLE older_data (
    tenant      TEXT   NOT NULL,
    name        TEXT   NOT NULL,                   -- the dataset or the central source, with its kind before it
    params      TEXT   NOT NULL,                   -- SHA-256 of what it was asked with
    version     BIGINT NOT NULL,
    captured_at BIGINT NOT NULL,
    bytes       BIGINT NOT NULL,
    sealed      BLOB   NOT NULL,
    PRIMARY KEY (tenant, name, params)
);
CREATE INDEX older_data_captured ON older_data (captured_at);
