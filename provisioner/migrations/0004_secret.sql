-- Which secrets satellites keep; the values are nowhere. Times are Unix milliseconds.

CREATE TABLE secret (
    tenant    TEXT    NOT NULL,
    satellite TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    removed   BOOLEAN NOT NULL,
    number    BIGINT  NOT NULL,               -- of the command that the satellite did
    at        BIGINT  NOT NULL,               -- when it was known here
    PRIMARY KEY (tenant, satellite, name)
);
