-- +goose Up
ALTER TABLE tenants ADD COLUMN accent TEXT NOT NULL DEFAULT ''; -- "#0b6277"; '' is the platform's own
ALTER TABLE tenants ADD COLUMN logo TEXT NOT NULL DEFAULT '';   -- digest of the one in logos; '' is none

CREATE TABLE logos (
	tenant TEXT NOT NULL,
	digest TEXT NOT NULL,
	type   TEXT NOT NULL,
	data   TEXT NOT NULL, -- base64
	PRIMARY KEY (tenant, digest)
);
CREATE INDEX logos_digest ON logos (digest);
