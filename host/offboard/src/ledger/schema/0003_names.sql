-- The field's terms instead of private ones. Only names change.
ALTER TABLE moment RENAME TO state_change;
ALTER TABLE pause RENAME TO retry_after;
ALTER TABLE orders RENAME COLUMN asked TO target;
ALTER TABLE orders RENAME COLUMN sought TO canonical_name;
ALTER TABLE orders RENAME COLUMN called TO display_name;
ALTER TABLE orders RENAME COLUMN joined TO adopted;
ALTER TABLE orders RENAME COLUMN known TO known_actions;
ALTER TABLE orders RENAME COLUMN named TO named_action;
