-- Reads a ledger of version 3 or 4 with the columns of version 5.
CREATE TEMP VIEW orders AS SELECT
    *, NULL AS external_id, 0 AS external_id_sent
FROM main.orders;
CREATE TEMP VIEW request AS SELECT *, NULL AS external_id FROM main.request;
CREATE TEMP VIEW external_id_support AS SELECT
    NULL AS account, NULL AS support, NULL AS learned
WHERE FALSE;
