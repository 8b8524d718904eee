-- Who confirmed a run, how, and for which plan. A run that is resumed is confirmed
-- again. Runs from before this version have no confirmation.
CREATE TABLE confirmation (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    session INTEGER NOT NULL REFERENCES session,
    at INTEGER NOT NULL,
    -- How: answer, consent, expected-count or approval.
    method TEXT NOT NULL,
    -- Who, if that is not the session's user.
    confirmed_by TEXT,
    -- The SHA-256 of tenant, plugin, tag, machines and comments.
    plan_digest TEXT NOT NULL,
    -- The number of machines in the plan.
    machines INTEGER NOT NULL
) STRICT;
CREATE INDEX confirmation_run ON confirmation (run);
