-- Since when a restart of a satellite's Node-RED is due, as it says itself. Unix milliseconds; NULL when none is.

ALTER TABLE satellite ADD COLUMN restart_due BIGINT;
