-- Why: when a worker dies, the next one goes on with its iteration. How long that took is what each of
-- its workers was at it, by a clock that nobody sets, and what its turn worked while none was there.

ALTER TABLE iterations ADD COLUMN taken_up_at TEXT;  -- by its present worker; by the clock of worker_seen_at
ALTER TABLE iterations ADD COLUMN worked_before_ms INTEGER NOT NULL DEFAULT 0;  -- before that

-- What a model call used that broke off is not known: such a sum of tokens is a part, as one of cost is.
ALTER TABLE iterations ADD COLUMN uncounted_calls INTEGER;  -- model calls of unknown tokens
ALTER TABLE reviews ADD COLUMN uncounted_calls INTEGER;
UPDATE iterations SET uncounted_calls = iif(input_tokens + output_tokens + reasoning_tokens
  + cache_read_tokens + cache_write_tokens = 0, unpriced_calls, 0) WHERE unpriced_calls > 0;
UPDATE reviews SET uncounted_calls = iif(input_tokens + output_tokens + reasoning_tokens
  + cache_read_tokens + cache_write_tokens = 0, unpriced_calls, 0) WHERE unpriced_calls > 0;
