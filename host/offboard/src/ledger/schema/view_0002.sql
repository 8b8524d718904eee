-- Reads a ledger of version 1 or 2 with the names of version 3 and the columns of version 5. A temporary view is not
-- written to the file, and hides the table of the same name.
CREATE TEMP VIEW state_change AS SELECT * FROM main.moment;
CREATE TEMP VIEW retry_after AS SELECT * FROM main.pause;
CREATE TEMP VIEW orders AS SELECT
    *, asked AS target, sought AS canonical_name, called AS display_name, joined AS adopted,
    known AS known_actions, named AS named_action, NULL AS external_id, 0 AS external_id_sent
FROM main.orders;
CREATE TEMP VIEW request AS SELECT *, NULL AS external_id FROM main.request;
CREATE TEMP VIEW external_id_support AS SELECT
    NULL AS account, NULL AS support, NULL AS learned
WHERE FALSE;
