-- +goose Up
CREATE TABLE tenants (
	name       TEXT    NOT NULL PRIMARY KEY,
	title      TEXT    NOT NULL,
	host       TEXT    NOT NULL DEFAULT '',
	open       INTEGER NOT NULL DEFAULT 0,
	created    BIGINT  NOT NULL,
	event      TEXT    NOT NULL
);
CREATE UNIQUE INDEX tenants_host ON tenants (host) WHERE host <> '';

CREATE TABLE counters (
	name  TEXT   NOT NULL PRIMARY KEY,
	value BIGINT NOT NULL
);
INSERT INTO counters (name, value) VALUES ('person', 0);

CREATE TABLE organisations (
	tenant TEXT NOT NULL,
	key    TEXT NOT NULL,
	title  TEXT NOT NULL,
	event  TEXT NOT NULL,
	PRIMARY KEY (tenant, key)
);

CREATE TABLE people (
	tenant   TEXT    NOT NULL,
	id       TEXT    NOT NULL,
	number   BIGINT  NOT NULL UNIQUE,
	username TEXT    NOT NULL,
	login    TEXT    NOT NULL, -- the username as it is compared
	email    TEXT    NOT NULL,
	name     TEXT    NOT NULL,
	active   INTEGER NOT NULL,
	password TEXT    NOT NULL DEFAULT '',
	created  BIGINT  NOT NULL,
	event    TEXT    NOT NULL,
	PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX people_login ON people (tenant, login);
CREATE INDEX people_number ON people (tenant, number);

CREATE TABLE courses (
	tenant           TEXT    NOT NULL,
	key              TEXT    NOT NULL,
	organisation     TEXT    NOT NULL,
	title            TEXT    NOT NULL,
	starts           BIGINT,
	ends             BIGINT,
	enrollment_start BIGINT,
	enrollment_end   BIGINT,
	pacing           TEXT    NOT NULL,
	hidden           INTEGER NOT NULL,
	invitation_only  INTEGER NOT NULL,
	created          BIGINT  NOT NULL,
	event            TEXT    NOT NULL,
	PRIMARY KEY (tenant, key)
);
CREATE INDEX courses_organisation ON courses (tenant, organisation, key);

CREATE TABLE enrollments (
	tenant     TEXT    NOT NULL,
	course     TEXT    NOT NULL,
	person     TEXT    NOT NULL,
	mode       TEXT    NOT NULL,
	active     INTEGER NOT NULL,
	created    BIGINT  NOT NULL,
	created_by TEXT    NOT NULL,
	event      TEXT    NOT NULL,
	PRIMARY KEY (tenant, course, person),
	FOREIGN KEY (tenant, course) REFERENCES courses (tenant, key),
	FOREIGN KEY (tenant, person) REFERENCES people (tenant, id)
);
CREATE INDEX enrollments_person ON enrollments (tenant, person, course);

CREATE TABLE grades (
	tenant    TEXT             NOT NULL,
	course    TEXT             NOT NULL,
	person    TEXT             NOT NULL,
	item      TEXT             NOT NULL, -- '' is the course as a whole
	earned    DOUBLE PRECISION NOT NULL,
	possible  DOUBLE PRECISION NOT NULL,
	letter    TEXT             NOT NULL,
	passed    INTEGER          NOT NULL,
	passed_at BIGINT,
	graded    BIGINT           NOT NULL,
	event     TEXT             NOT NULL,
	PRIMARY KEY (tenant, course, person, item),
	FOREIGN KEY (tenant, course) REFERENCES courses (tenant, key),
	FOREIGN KEY (tenant, person) REFERENCES people (tenant, id)
);
CREATE INDEX grades_person ON grades (tenant, person, course, item);

CREATE TABLE completions (
	tenant  TEXT             NOT NULL,
	course  TEXT             NOT NULL,
	person  TEXT             NOT NULL,
	block   TEXT             NOT NULL,
	value   DOUBLE PRECISION NOT NULL,
	changed BIGINT           NOT NULL,
	event   TEXT             NOT NULL,
	PRIMARY KEY (tenant, course, person, block),
	FOREIGN KEY (tenant, course) REFERENCES courses (tenant, key),
	FOREIGN KEY (tenant, person) REFERENCES people (tenant, id)
);

CREATE TABLE roles (
	tenant       TEXT   NOT NULL,
	person       TEXT   NOT NULL,
	role         TEXT   NOT NULL,
	organisation TEXT   NOT NULL,
	course       TEXT   NOT NULL,
	created      BIGINT NOT NULL,
	event        TEXT   NOT NULL,
	PRIMARY KEY (tenant, person, role, organisation, course),
	FOREIGN KEY (tenant, person) REFERENCES people (tenant, id)
);
CREATE INDEX roles_course ON roles (tenant, course, role);

CREATE TABLE tokens (
	tenant    TEXT    NOT NULL,
	id        TEXT    NOT NULL,
	hash      TEXT    NOT NULL UNIQUE,
	person    TEXT    NOT NULL, -- '' is a service of its own
	name      TEXT    NOT NULL,
	roles     TEXT    NOT NULL, -- of a service, JSON
	scopes    TEXT    NOT NULL, -- JSON; null is no narrowing
	created   BIGINT  NOT NULL,
	expires   BIGINT  NOT NULL,
	last_used BIGINT  NOT NULL DEFAULT 0,
	revoked   INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (tenant, id)
);
CREATE INDEX tokens_person ON tokens (tenant, person, id);

CREATE TABLE outside (
	tenant   TEXT NOT NULL,
	system   TEXT NOT NULL,
	kind     TEXT NOT NULL,
	external TEXT NOT NULL,
	id       TEXT NOT NULL,
	PRIMARY KEY (tenant, system, kind, external)
);
CREATE INDEX outside_id ON outside (tenant, system, kind, id);
