-- +goose Up
CREATE TABLE delivery_marks (
	role      TEXT    NOT NULL,
	partition INTEGER NOT NULL,
	position  BIGINT  NOT NULL, -- everything up to here is done or has a row
	PRIMARY KEY (role, partition)
);

CREATE TABLE delivery_cursors (
	tenant     TEXT    NOT NULL,
	role       TEXT    NOT NULL,
	subscriber TEXT    NOT NULL,
	partition  INTEGER NOT NULL,
	position   BIGINT  NOT NULL,
	PRIMARY KEY (tenant, role, subscriber, partition)
);

CREATE TABLE deliveries (
	tenant     TEXT    NOT NULL,
	id         TEXT    NOT NULL,
	role       TEXT    NOT NULL,
	subscriber TEXT    NOT NULL,
	partition  INTEGER NOT NULL,
	key        TEXT    NOT NULL,
	position   BIGINT  NOT NULL,
	event      TEXT    NOT NULL,
	type       TEXT    NOT NULL,
	state      TEXT    NOT NULL, -- failing, parked, dead
	attempts   INTEGER NOT NULL,
	next_at    BIGINT  NOT NULL,
	error      TEXT    NOT NULL,
	data       TEXT    NOT NULL DEFAULT '', -- what is sent in place of the event's own, if somebody edited it
	updated    BIGINT  NOT NULL,
	PRIMARY KEY (tenant, id)
);
CREATE INDEX deliveries_due ON deliveries (role, state, next_at);
CREATE INDEX deliveries_key ON deliveries (role, subscriber, key, position);
