-- Templates that people uploaded. Their bytes are files beside the documents. Times are Unix milliseconds.

CREATE TABLE template_version (
    report         TEXT   NOT NULL,
    version        BIGINT NOT NULL,                -- counts on from 1 for each report; a number is never given twice
    file_key       TEXT   NOT NULL,                -- the file's name in the folder of templates
    file_name      TEXT   NOT NULL,                -- what the person's file was called
    note           TEXT   NOT NULL,
    sha256         TEXT   NOT NULL,                -- of the file
    bytes          BIGINT NOT NULL,
    uploaded_at    BIGINT NOT NULL,
    uploader_id    TEXT   NOT NULL,                -- a person's stable id
    uploader_title TEXT   NOT NULL,
    removed_at     BIGINT NOT NULL DEFAULT 0,      -- 0: it is there; the row of a removed one stays, its file does not
    remover_title  TEXT   NOT NULL DEFAULT '',
    PRIMARY KEY (report, version)
);

-- Which version was made active when; the last one of a report is active. Without any it is version 0, the report folder's.
CREATE TABLE template_activation (
    id           INTEGER NOT NULL PRIMARY KEY,
    report       TEXT   NOT NULL,
    version      BIGINT NOT NULL,
    activated_at BIGINT NOT NULL,
    person_id    TEXT   NOT NULL,
    person_title TEXT   NOT NULL
);
CREATE INDEX template_activation_by_report ON template_activation (report, id);
