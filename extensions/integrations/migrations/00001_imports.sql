-- +goose Up
-- What was uploaded and is to go when its job has ended.
CREATE TABLE uploads (
	tenant TEXT NOT NULL,
	job    TEXT NOT NULL,
	blob   TEXT NOT NULL,
	PRIMARY KEY (tenant, job)
);

-- The rows that the report of a running import lists, as far as it has come.
CREATE TABLE import_findings (
	tenant   TEXT    NOT NULL,
	job      TEXT    NOT NULL,
	n        INTEGER NOT NULL,
	findings TEXT    NOT NULL, -- JSON
	PRIMARY KEY (tenant, job, n)
);
