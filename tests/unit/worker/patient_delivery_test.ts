import assert from "node:assert/strict";
import type { Activity } from "../../../src/loop/activity.ts";
import type { DeliveryGit } from "../../../src/loop/iteration/delivery.ts";
import { patientDelivery } from "../../../src/worker/patient_delivery.ts";
import { createVirtualClock } from "../../support/fake_clock.ts";

/** A git that takes `ms` for everything. */
function slowGit(ms: number) {
  const clock = createVirtualClock();
  const told: Activity[] = [];
  const after = <T>(value: T) => new Promise<T>((resolve) => clock.after(ms, () => resolve(value)));
  const slow: DeliveryGit = {
    setup: () => undefined,
    lastMessage: () => after(undefined),
    state: () => after({ state: { branch: "main" }, lockLeft: false }),
    bring: () => after(undefined),
    strayLinks: () => after([]),
    whereabouts: () => after(new Map()),
    commit: () => after({ commit: "c0ffee" }),
  };
  const git = patientDelivery(slow, { clock, tell: (activity) => told.push(activity) });
  return { clock, told, git };
}

const ORDER = { files: ["a"], message: "feat: a" };
const TREE = { head: "a", changed: new Map() };

Deno.test("a commit whose hook hangs is told within 5 s, and one that is soon made is not", async () => {
  const soon = slowGit(1_000);
  assert.deepEqual(await soon.clock.run(soon.git.commit("/p", ORDER)), { commit: "c0ffee" });
  assert.deepEqual(soon.told, []);
  const late = slowGit(60_000);
  let toldAt = Infinity;
  const { told } = late;
  late.clock.after(5_000, () => toldAt = told.length);
  assert.deepEqual(await late.clock.run(late.git.commit("/p", ORDER)), { commit: "c0ffee" });
  assert.equal(toldAt, 1);
  assert.deepEqual(told.map(({ text }) => text), [
    "waiting for git: it commits, hooks and signing included",
  ]);
});

Deno.test("whatever git is slow at is told", async () => {
  const { clock, told, git } = slowGit(60_000);
  await clock.run(git.state("/p"));
  await clock.run(git.bring("/p", { branch: "main", start: undefined }));
  await clock.run(git.strayLinks("/p", { start: TREE, now: TREE }));
  await clock.run(git.whereabouts("/p", { files: ["a"], before: TREE, after: TREE }));
  assert.deepEqual(told.map(({ text }) => text), [
    "waiting for git: it tells the state of the repository",
    "waiting for git: it moves the task's branch forward",
    "waiting for git: it looks through the new commits",
    "waiting for git: it looks for what was changed and not committed",
  ]);
});
