DROP TABLE satellite_budget;
DROP INDEX quarantine_by_time;
DROP INDEX quarantine_by_tenant;
ALTER TABLE quarantine DROP COLUMN sanitizer;
ALTER TABLE quarantine DROP COLUMN file;
