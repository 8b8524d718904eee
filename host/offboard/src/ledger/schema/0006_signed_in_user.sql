-- The user that the token of a session was issued to: by name, and by object id. NULL for an
-- application's own token.
ALTER TABLE session ADD COLUMN signed_in_user TEXT;
ALTER TABLE session ADD COLUMN signed_in_user_id TEXT;
