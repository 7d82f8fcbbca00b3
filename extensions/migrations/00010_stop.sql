-- +goose Up
-- Who switched an installation off for everybody, and when.
ALTER TABLE installations ADD COLUMN stopped_by TEXT NOT NULL DEFAULT '';
ALTER TABLE installations ADD COLUMN stopped BIGINT NOT NULL DEFAULT 0;

-- Why those who run the tenant said no to what course staff asked for.
ALTER TABLE enablements ADD COLUMN refusal TEXT NOT NULL DEFAULT '';
