-- +goose Up
-- A tenant's rows are listed in the order of the log.
CREATE INDEX deliveries_list ON deliveries (tenant, position, id);
