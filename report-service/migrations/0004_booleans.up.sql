-- A SQLite file of before has columns that say BOOLEAN; what reads both databases alike knows numbers there.

ALTER TABLE satellite ADD COLUMN is_online BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE satellite SET is_online = online;
ALTER TABLE satellite DROP COLUMN online;
ALTER TABLE satellite RENAME COLUMN is_online TO online;

ALTER TABLE sanitizer_audit ADD COLUMN does_fit BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE sanitizer_audit SET does_fit = fits;
ALTER TABLE sanitizer_audit DROP COLUMN fits;
ALTER TABLE sanitizer_audit RENAME COLUMN does_fit TO fits;

ALTER TABLE sanitizer_audit ADD COLUMN does_hold BOOLEAN;
UPDATE sanitizer_audit SET does_hold = holds;
ALTER TABLE sanitizer_audit DROP COLUMN holds;
ALTER TABLE sanitizer_audit RENAME COLUMN does_hold TO holds;
