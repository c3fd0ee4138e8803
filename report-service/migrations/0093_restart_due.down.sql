ALTER TABLE satellite DROP COLUMN restart_due;
