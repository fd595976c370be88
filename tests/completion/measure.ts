/** Runs scenarios on one OpenCode server, each run with a repository and a model of its own. */
import { join } from "node:path";
import { onOpenCode2 } from "../support/agent.ts";
import type { ServerVersion } from "../support/install.ts";
import { startServer } from "../support/opencode_server.ts";
import { type Script, startModel } from "../support/scripted_model.ts";
import { costOf, makePlayer, type Player, PRICES } from "./agent.ts";
import type { Driver, Said } from "./drivers.ts";
import { freshProject } from "./project.ts";
import { makeReferee } from "./referee.ts";
import type { Reviewer } from "./reviewers.ts";
import type { Scenario, Verdict } from "./scenario.ts";

const PROVIDER = "fake";

/** What came of one scenario with one driver. */
export interface Run {
  readonly scenario: Scenario;
  readonly driver: string;
  readonly said: Said;
  /** What the referee found missing in the end; empty when the work is done. */
  readonly missing: readonly string[];
  readonly verdict: Verdict;
  readonly iterations: number;
  /** Answers that a reviewer was asked for. */
  readonly reviews: number;
  /** Iterations after the one with which the work was done for good. */
  readonly needless: number;
  readonly tokens: number;
  readonly costUsd: number;
  /** What went wrong with the scenario itself. */
  readonly problems: readonly string[];
  readonly durationMs: number;
}

export interface MeasureOptions {
  readonly scenarios: readonly Scenario[];
  readonly drivers: readonly Driver[];
  readonly version: ServerVersion;
  /** How many run at a time. */
  readonly atOnce: number;
  /** Who reviews each story, where the project asks for that. */
  readonly reviewer?: Reviewer;
  readonly onRun?: (run: Run) => void;
}

/** Runs every scenario with every driver that can. Resolves when all have ended. */
export async function measure(options: MeasureOptions): Promise<Run[]> {
  const { scenarios, drivers, version, atOnce, onRun } = options;
  const players = new Map<string, Player>();
  const script: Script = (request) => {
    const player = players.get(request.model);
    if (!player) throw new Error(`nobody plays ${request.model}`);
    return player.answer(request);
  };
  const isSecond = version === "2";
  await using model = await startModel(isSecond ? onOpenCode2(script) : script);
  const password = isSecond ? crypto.randomUUID() : undefined;
  const jobs = scenarios.flatMap((scenario) =>
    drivers.map((driver, index) => ({ scenario, driver, modelId: `${scenario.id}-${index}` }))
  );
  await using server = await startServer({
    version,
    model,
    password,
    env: { OPENCODE_EXPERIMENTAL_BACKGROUND_SUBAGENTS: "true" },
    config: {
      provider: providerOf(model.url, jobs.map(({ modelId }) => modelId)),
      snapshot: false, // copies of the tree for its own undo, which nobody asks for here
    },
  });
  const referee = await makeReferee(server.home);

  async function runOne({ scenario, driver, modelId }: typeof jobs[number], root: string) {
    const started = performance.now();
    await freshProject(root, scenario.files);
    const missing = () => referee(root, scenario);
    const doneAtStart = (await missing()).length === 0;
    const player = makePlayer(scenario, missing, options.reviewer);
    players.set(modelId, player);
    const job = { scenario, root, server: server.url, password, providerId: PROVIDER, modelId };
    const said = await driver.run(job);
    if (!said) return undefined;
    const missingAtEnd = await missing();
    const run: Run = {
      scenario,
      driver: driver.name,
      said,
      missing: missingAtEnd,
      verdict: verdictOf(said.completed, missingAtEnd.length === 0),
      iterations: player.turns,
      reviews: player.reviews,
      needless: needless([doneAtStart, ...player.doneAfter], missingAtEnd.length === 0),
      ...spent(player),
      problems: [
        ...player.problems,
        ...doneAtStart === (scenario.trueAtStart ?? false) ? [] : ["not so at the start"],
      ],
      durationMs: performance.now() - started,
    };
    onRun?.(run);
    return run;
  }

  /** A server reads a project's settings once: those that have some get a folder of their own. */
  async function rootFor({ scenario, modelId }: typeof jobs[number], root: string) {
    if (!Object.hasOwn(scenario.files, "opencode.json")) return root;
    const own = join(server.home, `project-${modelId}`);
    await Deno.mkdir(own);
    return own;
  }

  const runs: Run[] = [];
  const waiting = [...jobs];
  await Promise.all(Array.from({ length: atOnce }, async (_, index) => {
    // below the server's home, which is removed however this process ends
    const root = join(server.home, `project-${index + 1}`);
    await Deno.mkdir(root);
    for (let job = waiting.shift(); job; job = waiting.shift()) {
      const run = await runOne(job, await rootFor(job, root));
      if (run) runs.push(run);
    }
  }));
  const order = new Map(
    jobs.map(({ scenario, driver }, i) => [`${scenario.id} ${driver.name}`, i]),
  );
  const at = ({ scenario, driver }: Run) => order.get(`${scenario.id} ${driver}`) ?? 0;
  return runs.sort((a, b) => at(a) - at(b));
}

function verdictOf(completed: boolean, done: boolean): Verdict {
  if (completed === done) return "right";
  return completed ? "false completion" : "missed completion";
}

/** `done`: before the first iteration, and after each. */
function needless(done: readonly boolean[], doneAtEnd: boolean): number {
  if (!doneAtEnd) return 0;
  const doneWith = done.lastIndexOf(false) + 1;
  return Math.max(0, done.length - 1 - doneWith);
}

function spent({ modelCalls }: Player): { tokens: number; costUsd: number } {
  const { tokens, usd } = costOf(modelCalls);
  return { tokens, costUsd: usd };
}

function providerOf(baseURL: string, modelIds: readonly string[]): Record<string, unknown> {
  const model = {
    tool_call: true,
    reasoning: true,
    cost: PRICES,
    limit: { context: 128_000, output: 4096 },
  };
  return {
    [PROVIDER]: {
      npm: "@ai-sdk/openai-compatible",
      name: "Fake",
      options: { baseURL, apiKey: "none" },
      models: Object.fromEntries([...modelIds, "ok"].map((id) => [id, { ...model, name: id }])),
    },
  };
}
