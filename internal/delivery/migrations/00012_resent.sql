-- +goose Up
-- Names what was sent again together, until it is tried: it can be taken back.
ALTER TABLE deliveries ADD COLUMN resent TEXT NOT NULL DEFAULT '';
CREATE INDEX deliveries_resent ON deliveries (tenant, resent) WHERE resent <> '';
