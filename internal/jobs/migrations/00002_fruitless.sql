-- +goose Up
-- How often the job was begun since it last came any further.
ALTER TABLE jobs ADD COLUMN fruitless INTEGER NOT NULL DEFAULT 0;
