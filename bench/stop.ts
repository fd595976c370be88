/**
 * `ralph stop` in each state that a worker can be in, on both versions of OpenCode that are tested:
 * by its own clock, from the request to what it could confirm.
 */
import { isGone } from "../tests/reliability/processes.ts";
import {
  CLAIM,
  listener,
  type StopWorld,
  stopWorld,
  suspend,
} from "../tests/reliability/stop_world.ts";
import { bash } from "../tests/support/agent.ts";
import { VERSIONS } from "../tests/support/install.ts";
import { startServer, type TestServer } from "../tests/support/opencode_server.ts";
import {
  call,
  hang,
  httpError,
  say,
  type Script,
  type ScriptedModel,
  startModel,
} from "../tests/support/scripted_model.ts";
import { until } from "../tests/support/wait.ts";
import { quantile } from "./statistics.ts";

interface World extends StopWorld {
  model: ScriptedModel;
  server: TestServer;
}

interface State {
  name: string;
  script: Script;
  task?: "gated";
  isSlow?: true;
  options?: string[];
  /** Resolves when it is so. */
  reached(world: World, workerPid: number): Promise<unknown>;
  /** What has to be told. */
  turn: string;
  after?(world: World): unknown;
}

const asked = ({ model }: World) => {
  const before = model.requests.length;
  return until(() => model.requests.length > before, { what: "the agent", timeoutMs: 60_000 });
};

const STATES: readonly State[] = [
  { name: "agent writes", script: () => hang(), reached: () => Promise.resolve(), turn: "aborted" },
  {
    name: "rate limited",
    script: () => httpError(429, { error: { message: "rate limit" } }, { "retry-after": "300" }),
    reached: ({ row }) =>
      until(async () => /rate limited/.test((await row("one")).activity ?? ""), {
        what: "the rate limit",
        timeoutMs: 30_000,
      }),
    turn: "aborted",
  },
  {
    name: "shell command that ignores signals",
    script: ({ step }) =>
      step === 0
        ? call(bash("trap '' TERM INT HUP; echo $$ > pids; while :; do sleep 0.1; done"))
        : say("never"),
    reached: ({ made }) => made("pids"),
    isSlow: true,
    turn: "aborted",
  },
  {
    name: "gate that ignores signals",
    task: "gated",
    script: ({ step }) => step === 0 ? call(bash(CLAIM)) : say("It is done."),
    reached: ({ made }) => made("runs"),
    turn: "none",
  },
  {
    name: "server suspended",
    script: () => hang(),
    reached: async ({ server }) => await suspend(await listener(server.port)),
    isSlow: true,
    turn: "not confirmed",
    after: async ({ server }) => Deno.kill(await listener(server.port), "SIGCONT"),
  },
  {
    name: "worker suspended, --force",
    script: () => hang(),
    reached: (_, workerPid) => suspend(workerPid),
    options: ["--force"],
    isSlow: true,
    turn: "aborted",
  },
];

export async function benchStop(
  { stops, slowStops }: { stops: number; slowStops: number },
): Promise<void> {
  for (const version of VERSIONS) {
    await using model = await startModel(() => hang());
    await using server = await startServer({ version, model });
    await using stopping = await stopWorld(server);
    const world = Object.assign(stopping, { model, server });
    console.log(`stop, OpenCode ${version}: from the request to what could be confirmed`);
    for (const state of STATES) {
      const tookMs: number[] = [];
      const count = state.isSlow ? slowStops : stops;
      for (let i = 0; i < count; i++) tookMs.push(await stopOnce(world, state));
      const [p50, p95] = [0.5, 0.95].map((part) => Math.round(quantile(tookMs, part)));
      console.log(
        `  ${
          state.name.padEnd(36)
        } p50 ${p50} ms, p95 ${p95} ms, ${count} times, turn ${state.turn}`,
      );
    }
  }
}

async function stopOnce(world: World, state: State): Promise<number> {
  const { script, task = "one", options = [], reached, turn, after } = state;
  world.model.setScript(script);
  const working = asked(world);
  const { workerPid } = await world.run(task);
  // What the session before has left on the server may ask the model once more.
  await until(async () => (await world.row(task)).openCodeSessionId, { what: "its turn" });
  await working;
  await reached(world, workerPid);
  const told = await world.stop(task, ...options);
  await after?.(world);
  if (told.turn !== turn || !isGone(workerPid)) {
    throw new Error(`${state.name}: ${JSON.stringify(told)}`);
  }
  return told.tookMs;
}
