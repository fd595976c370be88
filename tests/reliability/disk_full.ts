/** Run by `disk_full_test.ts` on a disk of its own: the store at every amount of room that is left. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { StoreError } from "../../src/store/database.ts";
import type { Lease } from "../../src/store/model.ts";
import type { Store } from "../../src/store/store.ts";
import { makeHome, START, WORKER } from "./home.ts";
import { fill } from "./mount.ts";

const [disk] = Deno.args;

/** The worker's writes in their order, a whole session. */
const WRITES: readonly ((store: Store, lease: Lease) => void)[] = [
  (store, lease) => store.setLogPath(lease, "/log"),
  (store, lease) =>
    store.beginIteration(lease, {
      number: 1,
      storyId: "US-001",
      storyTitle: "Only",
      openCodeTitle: "title",
    }),
  (store, lease) => store.setOpenCodeSession(lease, 1, "ses_1", { prompt: "p".repeat(9_000) }),
  (store, lease) => store.setPrompted(lease, 1),
  (store, lease) => store.addAnswer(lease, 1, { asked: "a".repeat(500), answer: "b", at: 0 }),
  (store, lease) =>
    store.endIteration(lease, {
      number: 1,
      outcome: "worked",
      storiesPassed: ["US-001"],
      claims: [{ storyId: "US-001", held: true, why: null }],
      notes: [{ about: "git", text: "n".repeat(3_000) }],
      gates: Array.from({ length: 5 }, (_, i) => ({
        gate: `gate ${i}`,
        passed: true,
        flaky: false,
        why: "exit code 0",
        output: "o".repeat(4_000),
        durationMs: 1,
      })),
    }),
  (store, lease) =>
    store.endSession(lease, { status: "completed", reason: "all_stories_pass", detail: "d" }),
];

await using home = await makeHome({ data: join(disk, "data") });

/** All rows of all tables, but for the times. */
function dump(path: string): string {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    assert.equal(database.prepare("PRAGMA integrity_check").get()?.integrity_check, "ok");
    const tables = [
      "sessions",
      "session_starts",
      "iterations",
      "answers",
      "gate_results",
      "claims",
    ];
    return JSON.stringify(
      [...tables, "session_notes"].map((table) => database.prepare(`SELECT * FROM ${table}`).all()),
      (key, value) =>
        /_(at|since|seen)$|_dir$|_root$|^id$|session_id$|^duration_ms$/.test(key) ? 0 : value,
    );
  } finally {
    database.close();
  }
}

/** Tries a write with so much room; refused, nothing of it is there, and it succeeds with room. */
function attempt(leaveKb: number, work: () => void): "done" | "refused" {
  const before = dump(home.database);
  using stack = new DisposableStack();
  stack.use(fill(disk, { leaveKb }));
  try {
    work();
    return "done";
  } catch (error) {
    assert(error instanceof StoreError, `not told as the store's: ${error}`);
    assert.equal(error.passing, true, error.message);
    assert(error.hints.some(({ command }) => command?.startsWith("df ")), error.message);
    assert.equal(dump(home.database), before, "half of it was recorded");
  }
  stack.dispose();
  work();
  return "refused";
}

/** Each write of a session when the disk has so much room for it. */
function session(leaveKb: number): { rows: string; refused: number } {
  const store = home.open();
  let refused = 0;
  const count = (work: () => void) => refused += attempt(leaveKb, work) === "refused" ? 1 : 0;
  let lease: Lease | undefined;
  count(() => lease = store.startSession(home.task, WORKER, START));
  for (const write of WRITES) count(() => lease && write(store, lease));
  const rows = dump(home.database);
  store.close();
  Deno.removeSync(join(disk, "data"), { recursive: true });
  return { rows, refused };
}

/** A database that is made when the disk has so much room. */
async function making(leaveKb: number): Promise<"made" | "refused"> {
  Deno.mkdirSync(home.data, { recursive: true });
  using stack = new DisposableStack();
  stack.use(fill(disk, { leaveKb }));
  let result: "made" | "refused" = "made";
  try {
    home.open().close();
  } catch (error) {
    assert(error instanceof StoreError && error.passing, String(error));
    result = "refused";
  }
  stack.dispose();
  home.open().close();
  assert.equal((await home.ralph("doctor", "store")).code, 0);
  const parts = [...Deno.readDirSync(home.data)].filter(({ name }) => /part$/.test(name));
  assert.deepEqual(parts, [], "something half-made is left");
  Deno.removeSync(join(disk, "data"), { recursive: true });
  return result;
}

const whole = session(1_000);
assert.equal(whole.refused, 0);
const found = { refusedWrites: 0, refusedMakings: 0, levels: 0 };
for (let leaveKb = 0; leaveKb <= 200; leaveKb += 4) {
  const { rows, refused } = session(leaveKb);
  assert.equal(rows, whole.rows, `with ${leaveKb} KiB something was lost`);
  found.refusedWrites += refused;
  if (await making(leaveKb) === "refused") found.refusedMakings++;
  found.levels++;
}
console.log(JSON.stringify(found));
