import assert from "node:assert/strict";
import type { Activity } from "../../../src/loop/activity.ts";
import { patientTree } from "../../../src/worker/patient_tree.ts";
import { createVirtualClock } from "../../support/fake_clock.ts";

const STATE = { head: "a", changed: new Map() };

/** A git that answers after `ms`, or with nothing once it is told to end. */
function slowGit(ms: number) {
  const clock = createVirtualClock();
  const told: Activity[] = [];
  const stop = new AbortController();
  const answer = <T>(value: T, signal?: AbortSignal) =>
    new Promise<T | undefined>((resolve) => {
      const cancel = clock.after(ms, () => resolve(value));
      signal?.addEventListener("abort", () => {
        cancel();
        resolve(undefined);
      });
    });
  const change = { commits: 1, workCommits: 1, elsewhere: 0, files: [] };
  const tree = patientTree({
    state: (_root, _known, signal) => answer(STATE, signal),
    change: (_root, _between, signal) => answer(change, signal),
  }, { clock, signal: stop.signal, tell: (activity) => told.push(activity) });
  return { clock, told, stop, tree };
}

const words = (told: readonly Activity[]) => told.map(({ text }) => text);

Deno.test("git that answers soon is not told of, one that does not is, once", async () => {
  const soon = slowGit(1_000);
  assert.equal(await soon.clock.run(soon.tree.state("/p")), STATE);
  assert.deepEqual(soon.told, []);
  const late = slowGit(60_000);
  assert.equal(await late.clock.run(late.tree.state("/p")), STATE);
  assert.deepEqual(words(late.told), ["waiting for git: it reads the working tree"]);
});

Deno.test("after a stop git has 5 s, whether it is asked before or after", async () => {
  const before = slowGit(60_000);
  before.clock.after(10_000, () => before.stop.abort());
  assert.equal(await before.clock.run(before.tree.state("/p")), undefined);
  assert.equal(before.clock.monotonic(), 15_000);
  const between = { before: STATE, after: STATE, ignore: [] };
  assert.equal(await before.clock.run(before.tree.change("/p", between)), undefined);
  assert.equal(before.clock.monotonic(), 20_000);
  const quick = slowGit(2_000);
  quick.stop.abort();
  assert.equal(await quick.clock.run(quick.tree.state("/p")), STATE);
});
