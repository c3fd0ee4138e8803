-- For whom a batch was ordered, as a list in JSON: what was chosen from lists is held against those of all of them.
ALTER TABLE batch ADD COLUMN tenants TEXT NOT NULL DEFAULT '[]';
