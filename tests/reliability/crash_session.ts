/**
 * One session that has everything in it, whose workers are killed at given steps (see `life.ts`), and
 * the check of what it left: `crash_points_test.ts` goes through all its steps, and
 * `crash_recovery_test.ts` through those of its recoveries.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { sleep } from "../../src/clock.ts";
import { assignment, write } from "../support/agent.ts";
import type { FakeScript } from "../support/fake_script.ts";
import { call, say } from "../support/scripted_model.ts";
import { majorOf } from "../../src/opencode/versions.ts";
import type { SessionEnd } from "../../src/loop/loop.ts";
import { assertNothingLost } from "./nothing_lost.ts";
import { isFile } from "./no_processes.ts";
import { createWorld, honestAgent, tickStory, type World } from "./world.ts";

/**
 * What has to be got through: work with a commit, a story that is claimed without being done, and a
 * sub-agent that asks for permission. What an agent does next is told by the work tree alone.
 */
const agentOn = (version: string): FakeScript => (request) => {
  const { prompt, step, directory, isSubagent } = request;
  if (isSubagent) return step === 0 ? call(write(prompt, "outside")) : say("written");
  const { story } = assignment(prompt);
  const isThere = (file: string) => isFile(join(directory, file));
  if (story === "US-002" && (!isThere("tried.txt") || step === 2 && !isThere("work/US-002.txt"))) {
    return step === 0
      ? call(write("tried.txt", "tried"), tickStory(request))
      : say("US-002 is done.");
  }
  if (story === "US-003" && step === 0) {
    const outside = join(directory, "..", "outside.txt");
    const input = { description: "write", prompt: outside };
    return call(
      majorOf(version) !== 1
        ? { name: "subagent", input: { ...input, agent: "general" } }
        : { name: "task", input: { ...input, subagent_type: "general" } },
    );
  }
  return honestAgent({ ...request, step: story === "US-003" ? step - 1 : step });
};

/** What is on record when nothing happens: story and outcome of each iteration that was prompted. */
const UNDISTURBED = ["US-001 advanced", "US-002 worked", "US-002 advanced", "US-003 advanced"];

/** Long enough for whatever is at work to come to its end. */
const LATE_MS = 120_000;

export interface SurviveOptions {
  /** The next worker comes when the turn has long ended. Default: at once. */
  readonly late?: boolean;
  /** With the real git and real gates. */
  readonly processes?: boolean;
  /** Of OpenCode, as in `createFakeOpenCode`. */
  readonly version?: string;
}

/** How a session went whose n-th worker was killed at its `kills[n]`-th step. */
export interface Course {
  /** False when a worker came to its end before its step. */
  readonly wereKilled: boolean;
  /** The steps of the last worker. */
  readonly steps: readonly string[];
}

/** Kills as many workers as there are `kills`, lets the next one finish, and checks what is left. */
export async function survive(
  kills: readonly number[],
  { late = false, processes = false, version }: SurviveOptions = {},
): Promise<Course> {
  let steps: string[] = [];
  let onStep = (_name: string) => {};
  await using world = await createWorld({
    processes,
    version,
    // So that what a worker does while an agent works is among its steps.
    timings: { callMs: 3_000 },
    script(request) {
      onStep(`model call ${request.step} of ${request.isSubagent ? "a sub-agent" : "an agent"}`);
      return agentOn(world.fake.version)(request);
    },
  });

  /** Undefined when the worker was killed. */
  async function live(killAt: number) {
    steps = [];
    onStep = (name) => {
      steps.push(name);
      if (steps.length === killAt) worker.kill();
    };
    const worker = world.work({ onStep: (name) => onStep(name) });
    return await world.clock.run(worker.end);
  }

  for (const killAt of [...kills, Infinity]) {
    const end = await live(killAt);
    if (end) {
      await checkWhatIsLeft(world, { end, kills: kills.length });
      if (processes) await checkCommits(world);
      return { wereKilled: killAt === Infinity, steps };
    }
    if (late) await world.clock.run(sleep(world.clock, LATE_MS));
  }
  throw new Error("nobody kills the last worker");
}

/** All is as if nothing had happened, but for iterations that came to nothing before their prompt. */
async function checkWhatIsLeft(
  world: World,
  { end, kills }: { end: SessionEnd; kills: number },
): Promise<void> {
  const { iterations } = await assertNothingLost(world);
  assert.deepEqual([end.status, end.detail], ["completed", "all 3 stories pass"]);
  const made = iterations.filter(({ outcome }) => outcome !== "interrupted");
  assert.deepEqual(made.map(({ story_id, outcome }) => `${story_id} ${outcome}`), UNDISTURBED);
  const prompts = world.fake.ledger.filter(({ type }) => type === "prompt");
  assert.equal(prompts.length, UNDISTURBED.length, "prompts");
  assert(iterations.length - made.length <= kills, "iterations that were not sent");
  const answers = answersOnRecord(world);
  // What was recorded, and not given by a worker that died, is given and recorded by the next.
  assert(answers >= 1 && answers <= 1 + kills, `${answers} answers to one question`);
  const created = world.fake.ledger
    .flatMap((entry) =>
      entry.type === "session_created" && !entry.parentId ? [entry.sessionId] : []
    );
  const named = iterations.flatMap(({ opencode_session_id: id }) => id ? [id] : []);
  assert.deepEqual(named, created, "OpenCode sessions");
  const aborts = world.fake.ledger.filter((entry) => entry.type === "abort" && entry.effective);
  assert.equal(aborts.length, 0, "aborted turns");
  assert.deepEqual([...Deno.readDirSync(world.task.dir)].map(({ name }) => name), ["prd.json"]);
}

/** Each story's work is committed, by one commit, and nothing is left. */
async function checkCommits({ task: { projectRoot } }: World): Promise<void> {
  const git = async (...args: readonly string[]) => {
    const { stdout } = await new Deno.Command("git", { args: [...args], cwd: projectRoot })
      .output();
    return new TextDecoder().decode(stdout).trim();
  };
  const feats = [1, 2, 3].map((n) => `feat: US-00${n} - Story ${n}`);
  assert.deepEqual((await git("log", "--reverse", "--format=%s")).split("\n"), [
    "chore: start",
    ...feats,
  ]);
  assert.equal(await git("status", "--porcelain"), "");
}

function answersOnRecord({ database }: World): number {
  const db = new DatabaseSync(database, { readOnly: true });
  const { count } = db.prepare("SELECT count(*) AS count FROM answers").get() ?? {};
  db.close();
  return Number(count);
}

/** How many of a worker's steps belong to its recovery: those until it reads the PRD to go on. */
export function recoverySteps({ steps }: Course): number {
  const goesOn = steps.indexOf("before keeping prd");
  return goesOn < 0 ? steps.length : goesOn + 1;
}

/** Runs `survive`, and says on failure at which steps the workers were killed. */
export async function surviveOrTell(
  kills: readonly number[],
  options: SurviveOptions = {},
): Promise<Course> {
  try {
    return await survive(kills, options);
  } catch (error) {
    const when = options.late ? "late" : "at once";
    throw new Error(`killed at step ${kills.join(", then ")}, gone on with ${when}`, {
      cause: error,
    });
  }
}

/** Kills at each `stride`-th step from the `first` one on. How many steps that were. */
export async function killAtSteps(
  options: SurviveOptions,
  { first = 1, stride = 1 }: { first?: number; stride?: number } = {},
): Promise<number> {
  let points = 0;
  for (let n = first; (await surviveOrTell([n], options)).wereKilled; n += stride) points++;
  return points;
}
