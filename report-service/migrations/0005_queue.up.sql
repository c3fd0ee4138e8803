-- Runs are taken by workers under leases; duties that one worker has for all. Times are Unix milliseconds.

ALTER TABLE run ADD COLUMN worker TEXT NOT NULL DEFAULT '';          -- which process has it
ALTER TABLE run ADD COLUMN lease_until BIGINT NOT NULL DEFAULT 0;    -- until when, unless it says that it is alive
ALTER TABLE run ADD COLUMN attempts BIGINT NOT NULL DEFAULT 0;       -- how often it was taken
ALTER TABLE run ADD COLUMN relayed BIGINT NOT NULL DEFAULT 1;        -- 1: it asks satellites
ALTER TABLE run ADD COLUMN cancel_wanted BIGINT NOT NULL DEFAULT 0;  -- 1: its owner called it off
ALTER TABLE run ADD COLUMN progress TEXT NOT NULL DEFAULT '';        -- JSON: as it stood a moment ago

-- When each person's run was last taken: whoever waited longest is next.
CREATE TABLE run_served (
    owner_id  TEXT   NOT NULL PRIMARY KEY,
    served_at BIGINT NOT NULL
);

CREATE TABLE duty (
    name        TEXT   NOT NULL PRIMARY KEY,
    worker      TEXT   NOT NULL,
    lease_until BIGINT NOT NULL
);
