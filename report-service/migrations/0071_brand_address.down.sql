DELETE FROM branding WHERE scope <> '';
ALTER TABLE branding DROP COLUMN address;
