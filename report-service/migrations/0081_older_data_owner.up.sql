-- Who asked for an answer first: where too many are kept, those go of whoever has most.

ALTER TABLE older_data ADD COLUMN owner_id TEXT NOT NULL DEFAULT '';
