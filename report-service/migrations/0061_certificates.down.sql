ALTER TABLE satellite DROP COLUMN spool_oldest;
ALTER TABLE satellite DROP COLUMN certificate_ends;
ALTER TABLE satellite DROP COLUMN certificate_begins;
