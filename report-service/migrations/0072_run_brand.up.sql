ALTER TABLE run ADD COLUMN brand_sha256 TEXT NOT NULL DEFAULT '';   -- of the brand that it was made with; empty before its work begins
