-- Where a refused message is kept, and how satellites stand with their error budget. Times are Unix milliseconds.

ALTER TABLE quarantine ADD COLUMN file TEXT NOT NULL DEFAULT '';       -- its id in the sanitizer's quarantine
ALTER TABLE quarantine ADD COLUMN sanitizer TEXT NOT NULL DEFAULT '';  -- that sanitizer's address
CREATE INDEX quarantine_by_tenant ON quarantine (tenant, id);
CREATE INDEX quarantine_by_time ON quarantine (at);

-- A row for each satellite and sanitizer; a state that has ended is 'normal' or lies before `until`.
CREATE TABLE satellite_budget (
    tenant    TEXT   NOT NULL,
    satellite TEXT   NOT NULL,
    sanitizer TEXT   NOT NULL,
    state     TEXT   NOT NULL CHECK (state IN ('normal', 'slowed', 'suspended')),
    until     BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    PRIMARY KEY (tenant, satellite, sanitizer)
);
