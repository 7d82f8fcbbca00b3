-- +goose Up
CREATE TABLE installations (
	tenant    TEXT   NOT NULL,
	id        TEXT   NOT NULL,
	extension TEXT   NOT NULL,
	level     TEXT   NOT NULL, -- of the owner: tenant, course
	scope     TEXT   NOT NULL, -- of the owner: '' or a course key
	version   TEXT   NOT NULL, -- that runs
	previous  TEXT   NOT NULL, -- that a rollback brings back
	pending   TEXT   NOT NULL, -- that waits for consent
	state     TEXT   NOT NULL, -- installed, suspended, removed
	reason    TEXT   NOT NULL,
	created   BIGINT NOT NULL,
	event     TEXT   NOT NULL,
	PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX installations_owner ON installations (tenant, level, scope, extension) WHERE state <> 'removed';

CREATE TABLE extension_versions (
	tenant       TEXT   NOT NULL,
	installation TEXT   NOT NULL,
	version      TEXT   NOT NULL,
	digest       TEXT   NOT NULL, -- of the bundle's files
	bundle       TEXT   NOT NULL, -- digest of the zip among the blobs
	manifest     TEXT   NOT NULL,
	signer       TEXT   NOT NULL, -- fingerprint of the key, '' if unsigned
	installed    BIGINT NOT NULL,
	installed_by TEXT   NOT NULL,
	PRIMARY KEY (tenant, installation, version)
);

CREATE TABLE enablements (
	tenant       TEXT    NOT NULL,
	level        TEXT    NOT NULL,
	scope        TEXT    NOT NULL,
	installation TEXT    NOT NULL,
	state        TEXT    NOT NULL, -- on, off, waiting
	locked       INTEGER NOT NULL,
	settings     TEXT    NOT NULL,
	grants       TEXT    NOT NULL, -- JSON list of permissions
	asked_by     TEXT    NOT NULL,
	approval     TEXT    NOT NULL, -- the tenant's signature under what was approved
	position     BIGINT  NOT NULL, -- head of the log when it was switched on
	updated      BIGINT  NOT NULL,
	PRIMARY KEY (tenant, level, scope, installation)
);

CREATE TABLE trusted_keys (
	publisher TEXT   NOT NULL PRIMARY KEY,
	key       TEXT   NOT NULL,
	added     BIGINT NOT NULL,
	added_by  TEXT   NOT NULL
);

CREATE TABLE extension_kv (
	tenant       TEXT   NOT NULL,
	installation TEXT   NOT NULL,
	key          TEXT   NOT NULL,
	value        TEXT   NOT NULL,
	version      BIGINT NOT NULL,
	person       TEXT   NOT NULL, -- whom it is about, so that it can be erased
	PRIMARY KEY (tenant, installation, key)
);

CREATE TABLE extension_kv_use (
	tenant       TEXT   NOT NULL,
	installation TEXT   NOT NULL,
	keys         BIGINT NOT NULL,
	bytes        BIGINT NOT NULL,
	PRIMARY KEY (tenant, installation)
);

CREATE TABLE extension_secrets (
	tenant       TEXT   NOT NULL,
	installation TEXT   NOT NULL,
	name         TEXT   NOT NULL,
	sealed       TEXT   NOT NULL, -- base64
	updated      BIGINT NOT NULL,
	PRIMARY KEY (tenant, installation, name)
);

CREATE TABLE extension_logs (
	tenant       TEXT   NOT NULL,
	installation TEXT   NOT NULL,
	id           TEXT   NOT NULL,
	time         BIGINT NOT NULL,
	level        TEXT   NOT NULL,
	hook         TEXT   NOT NULL,
	message      TEXT   NOT NULL,
	trace        TEXT   NOT NULL,
	PRIMARY KEY (tenant, installation, id)
);

CREATE TABLE registry_version (
	name  TEXT   NOT NULL PRIMARY KEY,
	value BIGINT NOT NULL
);
INSERT INTO registry_version (name, value) VALUES ('extensions', 1);
