-- +goose Up
-- What somebody who runs a tenant allowed an extension in a course beyond what
-- its staff may allow themselves: for one bundle, under the tenant's signature.
CREATE TABLE extension_approvals (
	tenant       TEXT   NOT NULL,
	installation TEXT   NOT NULL,
	scope        TEXT   NOT NULL, -- key of the course
	digest       TEXT   NOT NULL, -- of the bundle's files
	grants       TEXT   NOT NULL, -- JSON list of permissions
	signature    TEXT   NOT NULL, -- base64
	approved     BIGINT NOT NULL,
	approved_by  TEXT   NOT NULL,
	PRIMARY KEY (tenant, installation, scope, digest)
);

-- What course staff of a tenant may allow themselves. A tenant without a row has
-- the platform's set.
CREATE TABLE self_service (
	tenant      TEXT NOT NULL PRIMARY KEY,
	permissions TEXT NOT NULL -- JSON list
);
