-- When the password was last entered again, for acts that ask for it. Times are Unix milliseconds.
CREATE TABLE password_entry (
    session_id TEXT   NOT NULL PRIMARY KEY,
    at         BIGINT NOT NULL
);
