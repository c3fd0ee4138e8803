DROP TABLE older_data;
