-- What the service writes and reads back to see that its store works. Times are Unix milliseconds.

CREATE TABLE health_probe (
    name TEXT   NOT NULL PRIMARY KEY,   -- who looked
    at   BIGINT NOT NULL
);
