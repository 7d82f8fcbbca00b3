-- +goose Up
CREATE TABLE jobs (
	tenant   TEXT    NOT NULL,
	id       TEXT    NOT NULL,
	kind     TEXT    NOT NULL,
	title    TEXT    NOT NULL,
	state    TEXT    NOT NULL,
	actor    TEXT    NOT NULL, -- JSON: who the job acts as
	params   TEXT    NOT NULL,
	saved    TEXT    NOT NULL DEFAULT 'null', -- the last checkpoint
	report   TEXT    NOT NULL DEFAULT 'null',
	done     BIGINT  NOT NULL DEFAULT 0,
	total    BIGINT  NOT NULL DEFAULT 0,
	note     TEXT    NOT NULL DEFAULT '',
	error    TEXT    NOT NULL DEFAULT '',
	attempts INTEGER NOT NULL DEFAULT 0,
	trace    TEXT    NOT NULL,
	cause    TEXT    NOT NULL,
	hops     INTEGER NOT NULL,
	cancel   INTEGER NOT NULL DEFAULT 0,
	created  BIGINT  NOT NULL,
	due      BIGINT  NOT NULL,
	started  BIGINT  NOT NULL DEFAULT 0,
	finished BIGINT  NOT NULL DEFAULT 0,
	PRIMARY KEY (tenant, id)
);
CREATE INDEX jobs_due ON jobs (state, due);
