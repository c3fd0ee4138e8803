-- Versions of flow sets; what they hold lies with the parcels, under its digest. Times are Unix milliseconds.

CREATE TABLE flow_set (
    name        TEXT   NOT NULL,
    version     BIGINT NOT NULL,              -- 1, 2, … of each name
    digest      BLOB   NOT NULL,              -- SHA-256 of the parcel
    bytes       BIGINT NOT NULL,
    nodes       BIGINT NOT NULL,
    tabs        BIGINT NOT NULL,
    source      TEXT   NOT NULL,              -- where it came from, for people
    imported_at BIGINT NOT NULL,
    PRIMARY KEY (name, version)
);
