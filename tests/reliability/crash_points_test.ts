/**
 * A worker killed at every single step of a session, and its successor at steps of its recovery.
 * The steps are enumerated, not sampled: each statement of the database, each request to the server
 * before and after its effect, each file, each call of the agent's model; for n = 1, 2, 3, ... until
 * a session comes to its end before it has an n-th step (SQLite's own tests go so: test/crash.test).
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { sleep } from "../../src/clock.ts";
import { assignment, write } from "../support/agent.ts";
import type { FakeScript } from "../support/fake_script.ts";
import { call, say } from "../support/scripted_model.ts";
import { assertNothingLost, type IterationRow } from "./nothing_lost.ts";
import { isFile } from "./no_processes.ts";
import { createWorld, honestAgent, tickStory, type World } from "./world.ts";

/**
 * What has to be got through: work with a commit, a story that is claimed without being done, and a
 * sub-agent that asks for permission. What an agent does next is told by the work tree alone.
 */
const agent: FakeScript = (request) => {
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
    const input = { description: "write", subagent_type: "general", prompt: outside };
    return call({ name: "task", input });
  }
  return honestAgent({ ...request, step: story === "US-003" ? step - 1 : step });
};

/** What is on record when nothing happens: story and outcome of each iteration that was prompted. */
const UNDISTURBED = ["US-001 advanced", "US-002 worked", "US-002 advanced", "US-003 advanced"];

/** Long enough for whatever is at work to come to its end. */
const LATE_MS = 120_000;

/** How a session went whose n-th worker was killed at its `kills[n]`-th step. */
interface Story {
  /** False when a worker came to its end before its step. */
  readonly wasKilled: boolean;
  /** The steps of the last worker that was to be killed. */
  readonly steps: readonly string[];
  readonly iterations: readonly IterationRow[];
}

/** Kills as many workers as there are `kills`, lets the next one finish, and checks what is left. */
async function survive(kills: readonly number[], { late = false } = {}): Promise<Story> {
  let steps: string[] = [];
  let onStep = (_name: string) => {};
  await using world = await createWorld({
    script(request) {
      onStep(`model call ${request.step} of ${request.isSubagent ? "a sub-agent" : "an agent"}`);
      return agent(request);
    },
    // So that what a worker does while an agent works is among its steps.
    timings: { callMs: 3_000 },
    processes: false,
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

  for (const killAt of kills) {
    const end = await live(killAt);
    if (end) return { wasKilled: false, steps, iterations: await rest(world, end) };
    if (late) await world.clock.run(sleep(world.clock, LATE_MS));
  }
  const told = steps;
  return { wasKilled: true, steps: told, iterations: await rest(world, await live(Infinity)) };
}

/** Nothing is lost, and all is as if nothing had happened, but for what was never sent. */
async function rest(world: World, end: { status: string; detail: string } | undefined) {
  const { iterations } = await assertNothingLost(world);
  assert.deepEqual([end?.status, end?.detail], ["completed", "all 3 stories pass"]);
  const prompted = iterations.filter(({ prompted_at }) => prompted_at !== null);
  assert.deepEqual(
    prompted.map(({ story_id, outcome }) => `${story_id} ${outcome}`),
    UNDISTURBED,
  );
  return iterations;
}

for (const late of [false, true]) {
  const when = late ? "when its turn has ended" : "at once";
  Deno.test(`killed at every step of a session, and gone on with ${when}, nothing is lost`, async () => {
    const failures: string[] = [];
    let n = 1;
    for (;; n++) {
      try {
        const { wasKilled } = await survive([n], { late });
        if (!wasKilled) break;
      } catch (error) {
        failures.push(`killed at step ${n}: ${error instanceof Error ? error.message : error}`);
      }
      if (n > 1000) throw new Error("no end");
    }
    assert.deepEqual(failures, []);
  });
}
