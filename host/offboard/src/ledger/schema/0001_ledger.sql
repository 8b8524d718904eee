-- Times are milliseconds since 1970, UTC. What is a text and may be missing is
-- NULL where it is, but for the account's, which are its key.

-- Whose quota and whose machines: a tenant, an application and an API.
CREATE TABLE account (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    application TEXT NOT NULL,
    api_root TEXT NOT NULL,
    UNIQUE (tenant, application, api_root)
) STRICT;

-- One process at work: who, and with what. It holds the lock of the file of its
-- name for as long as it lives.
CREATE TABLE session (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid TEXT NOT NULL UNIQUE,
    account INTEGER NOT NULL REFERENCES account,
    command TEXT NOT NULL,
    began INTEGER NOT NULL,
    ended INTEGER,
    user TEXT,
    uid INTEGER,
    version TEXT NOT NULL,
    plugin_sha256 TEXT NOT NULL,
    auth TEXT,
    profile TEXT
) STRICT;
CREATE INDEX session_open ON session (id) WHERE ended IS NULL;

-- What was ordered at once.
CREATE TABLE run (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid TEXT NOT NULL UNIQUE,
    account INTEGER NOT NULL REFERENCES account,
    session INTEGER NOT NULL REFERENCES session,
    began INTEGER NOT NULL,
    request_id TEXT,
    -- Machines that were offboarded before are offboarded again.
    again INTEGER NOT NULL,
    -- What each machine is tagged with before it is offboarded.
    tag TEXT,
    -- Not confirmed yet, or only looked at: forgotten when the process ends.
    draft INTEGER NOT NULL,
    UNIQUE (account, request_id)
) STRICT;

CREATE TABLE orders (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    account INTEGER NOT NULL REFERENCES account,
    number INTEGER NOT NULL,
    -- An id, or a name; of a name, what it is compared by.
    asked TEXT NOT NULL,
    sought TEXT,
    -- What a list calls the machine whose id it has.
    called TEXT,
    machine TEXT,
    name TEXT,
    comment TEXT NOT NULL,
    state TEXT NOT NULL,
    -- Whether somebody said yes to it.
    confirmed INTEGER NOT NULL DEFAULT 0,
    joined INTEGER NOT NULL DEFAULT 0,
    -- The session that sends it.
    owner INTEGER REFERENCES session,
    attempts INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER,
    sent INTEGER,
    -- The actions that were known before it was sent, as a JSON array of ids;
    -- NULL where they could not be listed.
    known TEXT,
    -- The action that an answer named which could not be read.
    named TEXT,
    action_id TEXT,
    action_status TEXT,
    action TEXT,
    problem TEXT,
    -- What was known of the machine before.
    preflight TEXT,
    platform TEXT,
    version TEXT,
    health TEXT,
    onboarding TEXT,
    last_seen TEXT,
    merged_into TEXT,
    UNIQUE (run, number)
) STRICT;
CREATE INDEX orders_machine ON orders (account, machine);
CREATE INDEX orders_state ON orders (run, state, number);
CREATE INDEX orders_unseen ON orders (run, number) WHERE state = 'planned' AND preflight IS NULL;
CREATE INDEX orders_sought ON orders (run, sought) WHERE sought IS NOT NULL;
CREATE INDEX orders_owner ON orders (owner) WHERE owner IS NOT NULL;

-- Every POST: on the disk before it leaves, and again when its answer is in.
CREATE TABLE request (
    id INTEGER PRIMARY KEY,
    session INTEGER NOT NULL REFERENCES session,
    order_id INTEGER REFERENCES orders ON DELETE CASCADE,
    route TEXT NOT NULL,
    -- The machine or the action that the route names.
    subject TEXT NOT NULL,
    -- The comment, or the tag, that its body has.
    comment TEXT,
    granted TEXT NOT NULL,
    sent INTEGER NOT NULL,
    answered INTEGER,
    address TEXT,
    bytes_sent INTEGER,
    bytes_received INTEGER,
    status INTEGER,
    failure TEXT,
    answer TEXT,
    state TEXT,
    problem TEXT
) STRICT;
CREATE INDEX request_order ON request (order_id) WHERE order_id IS NOT NULL;

-- How an order came to be what it is.
CREATE TABLE moment (
    id INTEGER PRIMARY KEY,
    order_id INTEGER NOT NULL REFERENCES orders ON DELETE CASCADE,
    session INTEGER NOT NULL REFERENCES session,
    at INTEGER NOT NULL,
    state TEXT NOT NULL,
    detail TEXT
) STRICT;
CREATE INDEX moment_order ON moment (order_id);

-- Calls that count for a quota: from their beginning until a window after their
-- answer.
CREATE TABLE call (
    id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES account,
    session INTEGER NOT NULL REFERENCES session,
    api TEXT NOT NULL,
    began INTEGER NOT NULL,
    answered INTEGER
) STRICT;
CREATE INDEX call_open ON call (account, api) WHERE answered IS NULL;
CREATE INDEX call_answered ON call (account, api, answered);

-- Until when the service wants to be left alone.
CREATE TABLE pause (
    account INTEGER PRIMARY KEY REFERENCES account,
    until INTEGER NOT NULL
) STRICT;
