-- +goose Up
-- Events that the log need not keep any more, for as long as a delivery has a row.
CREATE TABLE delivery_events (
	tenant   TEXT   NOT NULL, -- the event's own
	position BIGINT NOT NULL,
	person   TEXT   NOT NULL,
	source   TEXT   NOT NULL,
	event    TEXT   NOT NULL, -- JSON, without its data
	data     TEXT   NOT NULL,
	PRIMARY KEY (tenant, position)
);
CREATE UNIQUE INDEX delivery_events_position ON delivery_events (position);
CREATE INDEX delivery_events_person ON delivery_events (tenant, person);
CREATE INDEX deliveries_position ON deliveries (position);
CREATE INDEX deliveries_dropped_position ON deliveries_dropped (position);
