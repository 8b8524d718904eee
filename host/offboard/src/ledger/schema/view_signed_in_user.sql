-- Reads the sessions of a ledger that has no signed-in users.
CREATE TEMP VIEW session AS SELECT
    *, NULL AS signed_in_user, NULL AS signed_in_user_id
FROM main.session;
