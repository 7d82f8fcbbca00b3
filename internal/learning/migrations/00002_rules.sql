-- +goose Up
ALTER TABLE courses ADD COLUMN open_modes TEXT NOT NULL DEFAULT 'audit honor'; -- those that learners may choose themselves
ALTER TABLE courses ADD COLUMN seats INTEGER NOT NULL DEFAULT 0;               -- 0: as many as like
ALTER TABLE people ADD COLUMN erased BIGINT NOT NULL DEFAULT 0;                -- when the person was forgotten; the row stays for what points at it
ALTER TABLE roles ADD COLUMN removed INTEGER NOT NULL DEFAULT 0;               -- a role that was taken stays as a trace of the event that took it
