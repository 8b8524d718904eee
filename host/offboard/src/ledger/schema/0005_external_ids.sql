-- The id that the requests of an order may give to the service, and whether every request that
-- may have been carried out had it. Orders of earlier versions were sent without one.
ALTER TABLE orders ADD COLUMN external_id TEXT;
ALTER TABLE orders ADD COLUMN external_id_sent INTEGER NOT NULL DEFAULT 0;
UPDATE orders SET external_id = (SELECT uuid FROM run WHERE run.id = orders.run) || '-' || number
WHERE state IN ('planned', 'sending', 'unknown', 'not-sent');
-- The external id in the body of a request.
ALTER TABLE request ADD COLUMN external_id TEXT;
-- What the service of an account has shown about external ids: accepted, echoed, not-echoed or
-- refused.
CREATE TABLE external_id_support (
    account INTEGER PRIMARY KEY REFERENCES account,
    support TEXT NOT NULL,
    learned INTEGER NOT NULL
) STRICT;
