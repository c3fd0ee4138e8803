-- What a run ends with, what it belongs to, how it is reviewed, how long it stays. Times are Unix milliseconds.

ALTER TABLE run ADD COLUMN formats TEXT NOT NULL DEFAULT 'docx';      -- docx, pdf or both
UPDATE run SET formats = 'pdf' WHERE file_name LIKE '%.pdf';
ALTER TABLE run ADD COLUMN files TEXT NOT NULL DEFAULT '[]';          -- JSON array: kind, size and SHA-256 of each
ALTER TABLE run ADD COLUMN batch_id TEXT NOT NULL DEFAULT '';
ALTER TABLE run ADD COLUMN schedule_id TEXT NOT NULL DEFAULT '';
ALTER TABLE run ADD COLUMN parent_run TEXT NOT NULL DEFAULT '';       -- the run that this one makes again
ALTER TABLE run ADD COLUMN same_data BIGINT NOT NULL DEFAULT 0;       -- 1: with the data that was kept of the parent
ALTER TABLE run ADD COLUMN template_version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN data_parts TEXT NOT NULL DEFAULT '[]';     -- JSON array: the digest of each part of the data
ALTER TABLE run ADD COLUMN data_kept BIGINT NOT NULL DEFAULT 0;       -- 1: the data is kept beside the document
ALTER TABLE run ADD COLUMN review TEXT NOT NULL DEFAULT 'none';       -- none, waiting, released or rejected
ALTER TABLE run ADD COLUMN reviewer TEXT NOT NULL DEFAULT '';
ALTER TABLE run ADD COLUMN review_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE run ADD COLUMN reviewed_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN expires_at BIGINT NOT NULL DEFAULT 0;      -- when it is forgotten; 0: after the usual time
CREATE INDEX run_by_time ON run (created_at);
CREATE INDEX run_by_batch ON run (batch_id);
