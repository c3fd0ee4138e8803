DROP TABLE satellite_log;
