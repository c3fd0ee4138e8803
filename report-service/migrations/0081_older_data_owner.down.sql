ALTER TABLE older_data DROP COLUMN owner_id;
