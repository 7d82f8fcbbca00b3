-- +goose Up
-- Deliveries that somebody dropped, as they were, for some days: until then it can
-- be undone.
CREATE TABLE deliveries_dropped (
	tenant     TEXT    NOT NULL,
	id         TEXT    NOT NULL,
	batch      TEXT    NOT NULL, -- what was dropped together
	dropped    BIGINT  NOT NULL,
	role       TEXT    NOT NULL,
	subscriber TEXT    NOT NULL,
	partition  INTEGER NOT NULL,
	key        TEXT    NOT NULL,
	position   BIGINT  NOT NULL,
	event      TEXT    NOT NULL,
	type       TEXT    NOT NULL,
	attempts   INTEGER NOT NULL,
	error      TEXT    NOT NULL,
	data       TEXT    NOT NULL,
	PRIMARY KEY (tenant, id)
);
CREATE INDEX deliveries_dropped_batch ON deliveries_dropped (tenant, batch);
