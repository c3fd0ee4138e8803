DROP TABLE flow_version;
DROP TABLE flow_part;
