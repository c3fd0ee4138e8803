-- Name, colour and logo of the service's pages and documents; one row for the whole service. Times are Unix milliseconds.

CREATE TABLE branding (
    scope       TEXT   NOT NULL PRIMARY KEY,      -- empty: the whole service
    name        TEXT   NOT NULL,                  -- empty: the product's
    colour      TEXT   NOT NULL,                  -- #rrggbb; empty: the product's
    logo        BLOB   NOT NULL,                  -- PNG or JPEG; no bytes: none
    logo_kind   TEXT   NOT NULL,                  -- its media type; empty without one
    logo_sha256 TEXT   NOT NULL,                  -- empty without one
    changed_at  BIGINT NOT NULL,
    changed_by  TEXT   NOT NULL
);
