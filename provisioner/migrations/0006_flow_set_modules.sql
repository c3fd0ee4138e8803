-- Modules of the palette that go with a flow set: a JSON array of {name, version, sha256}.

ALTER TABLE flow_set ADD COLUMN modules TEXT NOT NULL DEFAULT '[]';
