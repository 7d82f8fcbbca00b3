-- +goose Up
-- A tenant reads its own events without passing those of all others.
CREATE INDEX events_tenant ON events (tenant, position);

-- The data of an event that has no position yet, byte for byte.
ALTER TABLE events_late ADD COLUMN data TEXT NOT NULL DEFAULT '';
