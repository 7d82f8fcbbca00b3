-- +goose Up
-- Why the version in pending waits, for whoever is to consent.
ALTER TABLE installations ADD COLUMN pending_reason TEXT NOT NULL DEFAULT '';
