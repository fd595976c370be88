/**
 * The one check after every fault: that nothing was lost and nothing made up. It believes no code of
 * ralph: it reads the database file, the PRD, the work tree and the lock by itself, and compares them
 * with what the server says that it took.
 */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { recordOfFake, type SeenSession, type ServerRecord } from "./server_record.ts";
import type { World } from "./world.ts";

/** Where the facts are. */
export interface Scene {
  readonly database: string;
  /** Path of the task's lock. */
  readonly lock: string;
  readonly root: string;
  readonly taskDir: string;
  /** A `prd.json`. */
  readonly prdPath: string;
  readonly server: ServerRecord;
  /** What the agents wrote last, by path, the PRD aside. */
  readonly written: ReadonlyMap<string, string>;
}

export interface SessionRow {
  readonly id: number;
  readonly status: string;
  readonly reason: string | null;
  readonly detail: string | null;
  readonly activity: string | null;
  readonly epoch: number;
}

export interface IterationRow {
  readonly session_id: number;
  readonly number: number;
  readonly story_id: string;
  readonly opencode_title: string;
  readonly opencode_session_id: string | null;
  readonly prompted_at: string | null;
  /** Null while it is under way. */
  readonly outcome: string | null;
  readonly detail: string | null;
  /** 0: an agent may be at work. */
  readonly abort_confirmed: number | null;
  readonly stories_passed: string;
  readonly model_calls: number | null;
  readonly cost_usd: number | null;
  readonly derived_cost_usd: number | null;
  readonly input_tokens: number | null;
  readonly output_tokens: number | null;
  readonly reasoning_tokens: number | null;
  readonly cache_read_tokens: number | null;
}

interface ClaimRow {
  readonly session_id: number;
  readonly iteration: number;
  readonly story_id: string;
  readonly held: number | null;
}

/** What is on record of the task. */
export interface Records {
  readonly sessions: readonly SessionRow[];
  readonly iterations: readonly IterationRow[];
  readonly claims: readonly ClaimRow[];
  /** Reviews, under the names of an iteration's columns: what holds of a turn holds of theirs. */
  readonly reviews: readonly IterationRow[];
}

/** Throws an error that lists all that does not hold. Hands back what is on record. */
export async function assertNothingLost(world: World): Promise<Records> {
  const { database, lock, task, fake, written } = world;
  const server = await recordOfFake(fake, task.projectRoot);
  const { projectRoot: root, dir: taskDir, prdPath } = task;
  return await assertNothingLostAt({ database, lock, root, taskDir, prdPath, server, written });
}

/** The same where a process works with a server behind a port. */
export async function assertNothingLostAt(scene: Scene): Promise<Records> {
  const { integrity, ...records } = readRecords(scene);
  const wrong = [
    ...integrity,
    ...sessionsWrong(records, { isLocked: isLocked(scene.lock) }),
    ...numbersWrong(records),
    ...promptsWrong(records, scene.server),
    ...usageWrong(records, scene.server),
    ...turnsWrong(records, scene.server),
    ...await claimsWrong(records, scene),
    ...editsWrong(scene.written),
  ];
  if (wrong.length > 0) {
    const rows = records.iterations.map((row) =>
      `  ${row.session_id}.${row.number} ${row.story_id} ${row.outcome}: ${row.detail}`
    );
    assert.fail([...wrong, "on record:", ...rows].join("\n"));
  }
  return records;
}

/** I1: the file is whole, and what it holds can be read. */
export function readRecords(
  { database, taskDir }: Pick<Scene, "database" | "taskDir">,
): Records & { integrity: readonly string[] } {
  const db = new DatabaseSync(database, { readOnly: true });
  try {
    const all = <Row>(sql: string) => db.prepare(sql).all({ taskDir }) as unknown as Row[];
    const check = db.prepare("PRAGMA integrity_check").all().map((row) => row.integrity_check);
    const orphans = db.prepare("PRAGMA foreign_key_check").all();
    const mine = "session_id IN (SELECT id FROM sessions WHERE task_dir = @taskDir)";
    return {
      integrity: [
        ...check.filter((word) => word !== "ok").map((word) => `I1 the database: ${word}`),
        ...orphans.map((row) => `I1 a row of ${row.table} belongs to no other`),
      ],
      sessions: all("SELECT * FROM sessions WHERE task_dir = @taskDir ORDER BY id"),
      iterations: all(`SELECT * FROM iterations WHERE ${mine} ORDER BY session_id, number`),
      reviews: all(`SELECT *, iteration AS number FROM reviews WHERE ${mine} ORDER BY id`),
      claims: all(`SELECT * FROM claims WHERE ${mine} ORDER BY session_id, iteration`),
    };
  } finally {
    db.close();
  }
}

/** Whether a worker has the task's lock (flock(2)). */
export function isLocked(path: string): boolean {
  using file = Deno.openSync(path, { create: true, write: true });
  return !file.tryLockSync(false);
}

/** I3, I5: one that runs has a worker and says what it does; one that does not, why. */
function sessionsWrong(
  { sessions }: Records,
  { isLocked }: { isLocked: boolean },
): readonly string[] {
  const running = sessions.filter(({ status }) => status === "running");
  const many = running.length > 1 ? [`I3 ${running.length} sessions of one task are running`] : [];
  return [
    ...many,
    ...sessions.flatMap(({ id, status, reason, detail, activity }) => {
      const session = `session ${id}`;
      if (status === "running") {
        return [
          ...isLocked ? [] : [`I4 ${session} is running, and nobody has its lock`],
          ...activity ? [] : [`I5 ${session} is running, and does not say what it does`],
        ];
      }
      const isDone = status === "completed";
      return [
        ...reason && detail ? [] : [`I5 ${session} is ${status}, and does not say why`],
        ...reason === "internal_error" ? [`I4 ${session} failed: ${detail}`] : [],
        ...isDone === (reason === "all_stories_pass")
          ? []
          : [`I4 ${session} is ${status} for ${reason}`],
      ];
    }),
  ];
}

/** I2: numbers without gaps, and only the newest iteration under way. */
function numbersWrong({ sessions, iterations }: Records): readonly string[] {
  return sessions.flatMap(({ id, status, reason }) => {
    const own = iterations.filter((row) => row.session_id === id);
    const gap = own.findIndex(({ number }, index) => number !== index + 1);
    const underWay = own.filter(({ outcome }) => outcome === null);
    const mayBe = status === "running" || reason === "worker_died";
    return [
      ...gap >= 0 ? [`I2 session ${id} has no iteration ${gap + 1}`] : [],
      ...underWay.filter((row) => row !== own.at(-1) || !mayBe)
        .map(({ number }) => `I4 iteration ${id}.${number} is under way forever`),
    ];
  });
}

/** What may come of a turn that got no prompt. */
const BEFORE_A_PROMPT = ["interrupted", "error", "stopped", "trouble", "unusable"];

/** I2: what the server has is what is on record, one prompt to each iteration and each review. */
function promptsWrong(records: Records, { sessions }: ServerRecord): readonly string[] {
  const turns = [...records.iterations, ...records.reviews];
  const roots = sessions.filter(({ parentId }) => parentId === undefined);
  const byServer = roots.flatMap(({ id, title, prompts }) => {
    const rows = turns.filter((row) => row.opencode_title === title);
    const twins = roots.filter((other) => other.title === title);
    return [
      ...rows.length === 1 ? [] : [`I2 OpenCode session ${id} belongs to ${rows.length} rows`],
      ...twins.length === 1 ? [] : [`I2 ${twins.length} OpenCode sessions have one title`],
      ...prompts > 1 ? [`I2 OpenCode session ${id} got ${prompts} prompts`] : [],
    ];
  });
  const byRow = turns.flatMap((row) => {
    const name = `iteration ${row.session_id}.${row.number}`;
    const seen = roots.find(({ title }) => title === row.opencode_title);
    const prompts = seen?.prompts ?? 0;
    const hasEnded = row.outcome !== null;
    return [
      ...row.opencode_session_id !== null && row.opencode_session_id !== seen?.id
        ? [`I2 ${name} names an OpenCode session that is not its own`]
        : [],
      ...hasEnded && prompts > 0 && row.opencode_session_id === null
        ? [`I2 ${name} got a prompt, and does not name its OpenCode session`]
        : [],
      ...row.prompted_at !== null && prompts === 0
        ? [`I4 ${name} is said to be prompted, and the server took none`]
        : [],
      ...hasEnded && prompts === 0 &&
          !BEFORE_A_PROMPT.includes(row.outcome ?? "")
        ? [`I4 ${name} is ${row.outcome}, and the server took no prompt`]
        : [],
    ];
  });
  return [...byServer, ...byRow];
}

/** I2: outcomes and usage once, as the server has them. */
function usageWrong({ iterations, reviews }: Records, { sessions, wasKilled }: ServerRecord) {
  return [...iterations, ...reviews].filter(({ outcome }) => outcome !== null).flatMap(
    (row): readonly string[] => {
      const name = `iteration ${row.session_id}.${row.number}`;
      const seen = sessions.find(({ title }) => title === row.opencode_title);
      if (row.model_calls === null) {
        const isKnown = seen?.isFinished && !wasKilled;
        return isKnown ? [`I4 the usage of ${name} is known, and not on record`] : [];
      }
      const family = familyOf(seen, sessions);
      const calls = family.flatMap((one) => one.calls);
      const counted = family.flatMap((one) => one.used ?? one.calls);
      const sum = (of: (call: typeof calls[number]) => number) =>
        counted.reduce((total, call) => total + of(call), 0);
      const pairs: [string, number | null, number][] = [
        ["model calls", row.model_calls, calls.length],
        ["input tokens", row.input_tokens, sum((call) => call.inputTokens)],
        ["output tokens", row.output_tokens, sum((call) => call.outputTokens)],
        ["reasoning tokens", row.reasoning_tokens, sum((call) => call.reasoningTokens)],
        ["cached tokens", row.cache_read_tokens, sum((call) => call.cacheReadTokens)],
        ["US dollars", row.cost_usd, sum((call) => call.costUsd)],
      ];
      return pairs.filter(([, recorded, used]) => Math.abs((recorded ?? 0) - used) > 1e-9)
        .map(([what, recorded, used]) => `I2 ${name} has ${recorded} ${what} in place of ${used}`);
    },
  );
}

function familyOf(
  root: SeenSession | undefined,
  sessions: readonly SeenSession[],
): readonly SeenSession[] {
  if (!root) return [];
  const children = sessions.filter(({ parentId }) => parentId === root.id);
  return [root, ...children.flatMap((child) => familyOf(child, sessions))];
}

/** I3, I4: one turn at a time, none of an ended session, and none that is done called broken off. */
function turnsWrong(records: Records, server: ServerRecord): readonly string[] {
  const { sessions, iterations, reviews } = records;
  const turns = server.sessions.filter(({ parentId }) => parentId === undefined)
    .flatMap(({ id, turn }) => turn ? [{ id, ...turn }] : [])
    .sort((a, b) => a.began - b.began);
  const together = turns.slice(1).flatMap(({ id, began }, index) =>
    began < turns[index].ended ? [`I3 ${id} was prompted while ${turns[index].id} worked`] : []
  );
  const byRow = [...iterations, ...reviews].flatMap(
    ({ session_id, number, outcome, abort_confirmed, opencode_title }) => {
      const seen = server.sessions.find(({ title }) => title === opencode_title);
      const name = `iteration ${session_id}.${number}`;
      const session = sessions.find(({ id }) => id === session_id);
      const isOver = session?.status !== "running" && session?.reason !== "worker_died";
      const isAdmitted = abort_confirmed === 0;
      return [
        ...seen?.isBusy && isOver && !isAdmitted
          ? [`I4 session ${session_id} has ended, and the turn of ${name} is at work`]
          : [],
        ...seen?.isFinished && outcome === "interrupted" && !server.wasKilled
          ? [`I4 ${name} is said to be interrupted, and its turn was finished`]
          : [],
      ];
    },
  );
  return [...together, ...byRow];
}

interface Story {
  readonly id: string;
  readonly passes?: boolean;
  /** Lists of arguments. */
  readonly verify?: readonly (readonly string[])[];
}

/** I4: what is said to pass passes, in the PRD and by its gate; what passes was claimed and held. */
async function claimsWrong(
  { sessions, iterations, claims }: Records,
  { prdPath, root }: Scene,
): Promise<readonly string[]> {
  const prd: { userStories: readonly Story[] } = JSON.parse(Deno.readTextFileSync(prdPath));
  const isCompleted = sessions.at(-1)?.status === "completed";
  const isQuiet = iterations.at(-1)?.outcome !== null && sessions.at(-1)?.status !== "running";
  const byStory = await Promise.all(prd.userStories.map(async ({ id, passes, verify = [] }) => {
    const own = claims.filter(({ story_id }) => story_id === id);
    const holds = own.some(({ held }) => held === 1);
    const isSaidDone = holds || isCompleted;
    const failing = isSaidDone ? await failingGates(verify, root) : [];
    return [
      ...isSaidDone && !passes ? [`I4 ${id} is said to be done, and is open in the PRD`] : [],
      ...failing.map((gate) => `I4 ${id} is said to be done, and \`${gate}\` fails`),
      ...passes && isQuiet && !own.some(({ held }) => held !== 0)
        ? [`I4 ${id} passes in the PRD, and no claim of it holds`]
        : [],
    ];
  }));
  const byRow = iterations.flatMap(({ session_id, number, outcome, stories_passed }) => {
    const name = `iteration ${session_id}.${number}`;
    const passed: readonly string[] = JSON.parse(stories_passed);
    const unclaimed = passed.filter((id) =>
      !claims.some((one) =>
        one.session_id === session_id && one.iteration === number && one.story_id === id
      )
    );
    return [
      ...unclaimed.map((id) => `I4 ${name} passed ${id}, which was not claimed`),
      ...outcome === "advanced" && passed.length === 0 ? [`I4 ${name} advanced nothing`] : [],
    ];
  });
  return [...byStory.flat(), ...byRow];
}

async function failingGates(
  gates: readonly (readonly string[])[],
  cwd: string,
): Promise<readonly string[]> {
  const results = await Promise.all(gates.map(async ([program, ...args]) => {
    const { success } = await new Deno.Command(program, { args, cwd, stdin: "null" }).output();
    return success ? [] : [[program, ...args].join(" ")];
  }));
  return results.flat();
}

/** I6: the agents' edits are as they made them. */
function editsWrong(written: ReadonlyMap<string, string>): readonly string[] {
  return [...written].filter(([file, text]) => textIfAny(file) !== text)
    .map(([file]) => `I6 ${file} is not as the agent wrote it`);
}

function textIfAny(file: string): string | undefined {
  try {
    return Deno.readTextFileSync(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
