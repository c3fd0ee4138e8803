-- Lines of satellites' Node-RED. Numbers are the satellite's own; total counts the bytes of a satellite's lines as they came, so
-- that the oldest can go where there are too many. Unix milliseconds.

CREATE TABLE satellite_log (
    tenant      TEXT   NOT NULL,
    satellite   TEXT   NOT NULL,
    number      BIGINT NOT NULL,
    at          BIGINT NOT NULL,
    stream      TEXT   NOT NULL,
    line        TEXT   NOT NULL,
    lost        BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    total       BIGINT NOT NULL,
    PRIMARY KEY (tenant, satellite, number)
);

CREATE INDEX satellite_log_total ON satellite_log (tenant, satellite, total);
CREATE INDEX satellite_log_received ON satellite_log (received_at);
