-- What may be read only with the master key. A value has a key of its own, which is wrapped by a master key.
CREATE TABLE secret (
    name TEXT NOT NULL PRIMARY KEY,
    -- Of the latest value; it goes on counting after a removal.
    version BIGINT NOT NULL,
    -- Which master key wrapped the value's key; empty when there is no value.
    key_id TEXT NOT NULL,
    wrapped BLOB,
    sealed BLOB,
    used_at BIGINT
);

-- Who changed what when; never a value.
CREATE TABLE secret_change (
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    -- set or removed
    act TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    changed_by TEXT NOT NULL,
    PRIMARY KEY (name, version)
);

-- Keys for what other tables keep sealed, one for each purpose.
CREATE TABLE sealing_key (
    purpose TEXT NOT NULL PRIMARY KEY,
    key_id TEXT NOT NULL,
    wrapped BLOB NOT NULL
);
