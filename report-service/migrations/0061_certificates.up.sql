-- When a satellite's certificate begins and ends, and since when its oldest push waits, as it says itself. Unix
-- milliseconds; NULL when it does not say.

ALTER TABLE satellite ADD COLUMN certificate_begins BIGINT;
ALTER TABLE satellite ADD COLUMN certificate_ends BIGINT;
ALTER TABLE satellite ADD COLUMN spool_oldest BIGINT;
