-- +goose Up
-- Whether the log is kept for the cursor: not for subscribers that are held, which
-- nobody may ever let go on.
ALTER TABLE delivery_cursors ADD COLUMN keeps INTEGER NOT NULL DEFAULT 1;
