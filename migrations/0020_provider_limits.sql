-- Why: a provider's limits are for an account, and all sessions of a user share it. What one of them was
-- told to wait for is written down here, so that the others do not each ask to be told the same.

CREATE TABLE provider_limits (
  provider TEXT NOT NULL PRIMARY KEY,
  until TEXT NOT NULL,        -- when it is asked again
  said TEXT NOT NULL,         -- its words
  session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,  -- who was told, and asks first
  first_until TEXT NOT NULL   -- until then the others wait for what that one is told
) STRICT, WITHOUT ROWID;
CREATE INDEX provider_limits_of_session ON provider_limits (session_id);  -- for the cascade
