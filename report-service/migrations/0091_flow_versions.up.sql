-- What satellites' Node-RED keeps (dataset node-red-storage), in versions. Times are Unix milliseconds.

-- Rows of snapshots: of versions, and of what is still coming.
CREATE TABLE flow_part (
    tenant      TEXT   NOT NULL,
    satellite   TEXT   NOT NULL,
    snapshot    TEXT   NOT NULL,      -- SHA-256
    place       BIGINT NOT NULL,      -- which row, from 0
    places      BIGINT NOT NULL,      -- how many rows
    item        TEXT   NOT NULL,
    path        TEXT   NOT NULL,
    part        BIGINT NOT NULL,
    parts       BIGINT NOT NULL,
    body        TEXT   NOT NULL,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, satellite, snapshot, place)
);

CREATE TABLE flow_version (
    tenant        TEXT   NOT NULL,
    satellite     TEXT   NOT NULL,
    number        BIGINT NOT NULL,    -- from 1, of each satellite
    snapshot      TEXT   NOT NULL,
    taken_at      BIGINT NOT NULL,    -- when the agent took it
    received_at   BIGINT NOT NULL,
    epoch         BIGINT NOT NULL,    -- of the push that made it whole
    sequence      BIGINT NOT NULL,
    size_bytes    BIGINT NOT NULL,
    tabs          BIGINT NOT NULL,
    nodes         BIGINT NOT NULL,
    entries       BIGINT NOT NULL,    -- of the library
    credentialed  BIGINT NOT NULL,    -- nodes with credentials, which stay in the segment
    tabs_added    BIGINT NOT NULL,
    tabs_removed  BIGINT NOT NULL,
    tabs_changed  BIGINT NOT NULL,
    nodes_added   BIGINT NOT NULL,
    nodes_removed BIGINT NOT NULL,
    nodes_changed BIGINT NOT NULL,
    PRIMARY KEY (tenant, satellite, number)
);
