-- A brand has a postal address, and customers have brands of their own: their scope is the tenant's id.
ALTER TABLE branding ADD COLUMN address TEXT NOT NULL DEFAULT '';   -- lines; empty: none
