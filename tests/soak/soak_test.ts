/** A short soak; `deno task soak` is the long one. */
import assert from "node:assert/strict";
import { measureLongNight } from "./long_night.ts";
import { runNight } from "./night.ts";

/** A few that met something once, and a few that were there first. */
const SEEDS = [2, 3, 13, 20, 62, 104, 151, 1066];

Deno.test("in nights of random faults nothing is lost, nothing made up, and nothing hangs", async () => {
  const reports = [];
  for (const seed of SEEDS) reports.push(await runNight(seed));
  const ends = new Set(reports.flatMap(({ ends }) => Object.keys(ends)));
  for (const how of ["killed", "user_stop", "checkpoint", "all_stories_pass"]) {
    assert.ok(ends.has(how), `no worker ended by ${how}: the nights are not what they were`);
  }
});

Deno.test("the same seed is the same night, and another is another", async () => {
  const [once, again, other] = [await runNight(4), await runNight(4), await runNight(5)];
  assert.equal(once.hash, again.hash);
  assert.deepEqual(once.log, again.log);
  assert.notEqual(once.hash, other.hash);
});

Deno.test("eight hours of faults leave no file open, nothing more kept, and a write-ahead log of 4 MiB at most", async () => {
  const { samples } = await measureLongNight(8);
  const [, early, ...later] = samples;
  const last = later[later.length - 1];
  assert.ok(last.iterations > 20, `it made ${last.iterations} iterations`);
  assert.equal(last.ownFiles, early.ownFiles);
  assert.ok(last.keptFiles <= early.keptFiles, `${last.keptFiles} after ${early.keptFiles}`);
  // SQLite writes it back from 1,000 pages on (sqlite.org/wal.html), and begins anew
  for (const { walKib } of samples) assert.ok(walKib <= 4_200, `the log has ${walKib} KiB`);
  const { databaseKib, iterations } = last;
  assert.ok(databaseKib / iterations < 64, `${databaseKib} KiB for ${iterations} iterations`);
});
