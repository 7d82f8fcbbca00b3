-- +goose Up
-- Whether it was only checked: such an upload stays for an hour, so that it need
-- not be sent twice.
ALTER TABLE uploads ADD COLUMN checked INTEGER NOT NULL DEFAULT 0;

-- The rows that an import did not take, sealed, for some days.
CREATE TABLE import_leftovers (
	tenant  TEXT   NOT NULL,
	job     TEXT   NOT NULL,
	blob    TEXT   NOT NULL,
	seal    TEXT   NOT NULL,
	created BIGINT NOT NULL,
	PRIMARY KEY (tenant, job)
);
