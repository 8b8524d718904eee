-- Reads a ledger of version 1 or 2 with the names of version 3. A temporary view is not
-- written to the file, and hides the table of the same name.
CREATE TEMP VIEW state_change AS SELECT * FROM main.moment;
CREATE TEMP VIEW retry_after AS SELECT * FROM main.pause;
CREATE TEMP VIEW orders AS SELECT
    *, asked AS target, sought AS canonical_name, called AS display_name, joined AS adopted,
    known AS known_actions, named AS named_action
FROM main.orders;
