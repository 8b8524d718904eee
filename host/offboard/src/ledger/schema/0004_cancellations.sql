-- The orders of an action, and the requests for its cancellation, are found by its id.
CREATE INDEX orders_action ON orders (lower(action_id)) WHERE action_id IS NOT NULL;
CREATE INDEX request_subject ON request (subject) WHERE order_id IS NULL;
