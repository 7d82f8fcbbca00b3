-- +goose Up
-- When an installation was suspended; 0 if it never was.
ALTER TABLE installations ADD COLUMN suspended BIGINT NOT NULL DEFAULT 0;

-- To count what went wrong, without reading all that was said.
CREATE INDEX extension_logs_errors ON extension_logs (tenant, time) WHERE level = 'error';
