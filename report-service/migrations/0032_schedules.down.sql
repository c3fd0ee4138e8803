DROP INDEX run_by_schedule;
DROP TABLE schedule;
