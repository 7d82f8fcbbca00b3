-- +goose Up
-- Where in its source an extension crashed: a list of frames, as JSON.
ALTER TABLE extension_logs ADD COLUMN frames TEXT NOT NULL DEFAULT '';
