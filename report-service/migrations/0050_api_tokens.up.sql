-- Tokens of the API. What is kept is a token's hash; nobody can read a token out of here.
CREATE TABLE api_token (
    id TEXT NOT NULL PRIMARY KEY,            -- what pages and the audit show; useless as a token
    token_sha256 BLOB NOT NULL UNIQUE,
    kind TEXT NOT NULL,                      -- personal or service
    name TEXT NOT NULL,                      -- of a service token also whose runs are its own
    person_id TEXT NOT NULL,                 -- who made it, and whose a personal token is
    person_name TEXT NOT NULL,
    person_title TEXT NOT NULL,
    groups TEXT NOT NULL,                    -- JSON array; of a personal token, as the directory last said
    scopes TEXT NOT NULL,                    -- JSON array
    reports TEXT NOT NULL,                   -- JSON array of a service token: ids, or "*"
    tenants TEXT NOT NULL,                   -- the same for customers
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    checked_at BIGINT NOT NULL,              -- when the directory last confirmed the person
    used_at BIGINT,
    ended_at BIGINT,
    end_reason TEXT
);
CREATE INDEX api_token_by_person ON api_token (person_id, ended_at);
