-- +goose Up
CREATE TABLE events (
	position INTEGER NOT NULL PRIMARY KEY, -- dense, in the order of commits
	id       TEXT    NOT NULL UNIQUE,
	source   TEXT    NOT NULL,
	type     TEXT    NOT NULL,
	subject  TEXT    NOT NULL,
	tenant   TEXT    NOT NULL,
	actor    TEXT    NOT NULL,
	person   TEXT    NOT NULL,
	course   TEXT    NOT NULL,
	key      TEXT    NOT NULL,
	trace    TEXT    NOT NULL,
	cause    TEXT    NOT NULL,
	hops     INTEGER NOT NULL,
	time     BIGINT  NOT NULL,
	data     TEXT    NOT NULL
);

-- The position of the last event, which outlives the event.
CREATE TABLE log_head (
	name     TEXT   NOT NULL PRIMARY KEY,
	position BIGINT NOT NULL
);
INSERT INTO log_head (name, position) VALUES ('events', 0);

-- Events that have no position yet: where commits are not in one order, a step
-- after them gives the positions.
CREATE TABLE events_late (
	seq   INTEGER NOT NULL PRIMARY KEY,
	id    TEXT    NOT NULL UNIQUE,
	event TEXT    NOT NULL
);

CREATE TABLE audit (
	tenant       TEXT   NOT NULL,
	id           TEXT   NOT NULL,
	time         BIGINT NOT NULL,
	actor        TEXT   NOT NULL,
	on_behalf_of TEXT   NOT NULL,
	installation TEXT   NOT NULL,
	operation    TEXT   NOT NULL,
	permission   TEXT   NOT NULL,
	target       TEXT   NOT NULL,
	outcome      TEXT   NOT NULL,
	door         TEXT   NOT NULL,
	trace        TEXT   NOT NULL,
	detail       TEXT   NOT NULL,
	PRIMARY KEY (tenant, id)
);

CREATE TABLE leases (
	name    TEXT   NOT NULL PRIMARY KEY,
	holder  TEXT   NOT NULL,
	fence   BIGINT NOT NULL, -- grows whenever the lease changes hands
	expires BIGINT NOT NULL
);
