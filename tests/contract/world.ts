/**
 * An OpenCode server with a scripted model, a project, and ralph's client of both. The fake server
 * of `fake_opencode.ts` runs all the tests of the real ones; none was left out or changed for it.
 */
import type { AgentEvent } from "../../src/opencode/model.ts";
import type { OpenCode } from "../../src/opencode/client.ts";
import { createClient } from "../../src/opencode/connect.ts";
import type { Activity } from "../../src/loop/activity.ts";
import { type TurnLimits, turnLimits } from "../../src/loop/limits.ts";
import { createTurns, type Turns } from "../../src/loop/turn/turn.ts";
import type { Steers } from "../../src/loop/turn/steering.ts";
import type { TurnReport } from "../../src/loop/turn/turn_end.ts";
import { sleep } from "../../src/clock.ts";
import { systemClock } from "../../src/host/system/clock.ts";
import { OPENCODE2, type ServerVersion, TESTED } from "../support/install.ts";
import { createFakeOpenCode } from "../support/fake_opencode.ts";
import { serveFake } from "../support/fake_server.ts";
import { hostTools } from "../support/fake_tools.ts";
import { startServer } from "../support/opencode_server.ts";
import { makeProject, type Project } from "../support/project.ts";
import { say, type Script, startModel } from "../support/scripted_model.ts";
import { DEFAULT_SETTINGS } from "../../src/settings/settings.ts";

const LIMITS = turnLimits(DEFAULT_SETTINGS.limits, { costUsd: 0, tokens: 0, durationMs: 0 });

export interface World extends AsyncDisposable {
  readonly version: ContractVersion;
  readonly model: { setScript(script: Script): void };
  readonly server: {
    readonly url: string;
    /** A fake one loses its turns by either. */
    kill(signal?: "SIGKILL" | "SIGTERM"): Promise<void>;
    start(): Promise<void>;
  };
  readonly project: Project;
  /** In the project's root. */
  readonly client: OpenCode;
  /** A turn in the project, with a client and an event stream of its own where `url` is given. */
  turn(options?: TurnRequest): Promise<Turn>;
}

export interface TurnRequest {
  readonly prompt?: string;
  readonly model?: { providerId: string; modelId: string };
  readonly agent?: string;
  /** Those of a session that may only look. */
  readonly onlyReads?: { hidden: readonly string[] };
  readonly limits?: Partial<TurnLimits>;
  /** Called with each event and activity, for a test to act in mid-turn. */
  readonly onEvent?: (event: AgentEvent, stop: () => void) => void;
  readonly onActivity?: (activity: Activity, stop: () => void) => void;
  /** Called right after the server has taken the prompt. */
  readonly onSent?: (stop: () => void) => void;
  /** What a person says meanwhile. */
  readonly steers?: Omit<Steers, "send" | "giveBack" | "earlier">;
  /** In place of the server, such as a proxy in front of it. */
  readonly url?: string;
  readonly directory?: string;
}

export interface Turn extends TurnReport {
  readonly sessionId: string;
  readonly events: readonly AgentEvent[];
  readonly activities: readonly Activity[];
}

/** Starts a server and its model, which `stack` ends. */
type Start = (
  stack: AsyncDisposableStack,
  options: WorldOptions,
) => Promise<Pick<World, "model" | "server">>;

/** The least that a real one takes to start (1.1.53, measured). */
const BOOT_MS = 650;

/** Lets agents of 1.18.33 start sub-agents in the background; 1.1.53 does not know it. */
const BACKGROUND = { OPENCODE_EXPERIMENTAL_BACKGROUND_SUBAGENTS: "true" };

export const startReal: Start = async (stack, options) => {
  const model = stack.use(await startModel(() => say("done")));
  const version = options.version as ServerVersion;
  const server = stack.use(await startServer({ ...options, version, model, env: BACKGROUND }));
  return { model, server };
};

export const startFake: Start = async (stack, options) => {
  // OpenCode 2 takes a prompt up after a tenth of a second at least (measured).
  const timings = options.version.startsWith("1.") ? {} : { promptMs: 100 };
  const model = createFakeOpenCode({ ...options, clock: systemClock, tools: hostTools, timings });
  const { url, kill, start } = stack.use(await serveFake(model));
  const startSlowly = () => sleep(systemClock, BOOT_MS).then(() => start());
  return { model, server: { url, kill: () => kill(), start: startSlowly } };
};

/** Runs `body` on a real server of each version that is tested, and on the fake of each. */
export function onEachVersion(
  name: string,
  body: (t: Deno.TestContext, world: World) => Promise<void>,
  options: { password?: string } = {},
): void {
  const kinds = [["OpenCode", startReal], ["fake", startFake]] as const;
  for (const [kind, start] of kinds) {
    for (const version of TESTED) {
      Deno.test(`${name}, ${kind} ${version}`, async (t) => {
        await using world = await startWorld(start, { version, ...options });
        await body(t, world);
      });
    }
  }
}

/** A release of OpenCode 2 is of the fake alone; `2` is a real one, whatever version that is. */
export type ContractVersion = ServerVersion | "local" | `2.${string}`;

/**
 * Runs `body` on the fake of the build of OpenCode 2 that was measured, on that of a release, and on a
 * real one where RALPH_TEST_OPENCODE2 names its program.
 */
export function onOpenCode2(
  name: string,
  body: (t: Deno.TestContext, world: World) => Promise<void>,
): void {
  const password = "secret";
  for (const version of ["local", "2.0.12", "2.0.26"] as const) {
    Deno.test(`${name}, fake ${version}`, async (t) => {
      await using world = await startWorld(startFake, { version, password });
      await body(t, world);
    });
  }
  const why = OPENCODE2 === undefined ? " (not run: RALPH_TEST_OPENCODE2 names no program)" : "";
  Deno.test({
    name: `${name}, OpenCode 2${why}`,
    ignore: OPENCODE2 === undefined,
    async fn(t) {
      await using world = await startWorld(startReal, { version: "2", password });
      await body(t, world);
    },
  });
}

interface WorldOptions {
  readonly version: ContractVersion;
  readonly password?: string;
}

/** Servers that the tests of this module share, one after the other: a real one takes 4 s of CPU. */
const servers = new Map<string, ReturnType<Start>>();
const toEnd = new AsyncDisposableStack();
Deno.test.afterAll(() => toEnd.disposeAsync());

function sharedServer(start: Start, options: WorldOptions): ReturnType<Start> {
  const key = `${start.name} ${options.version} ${options.password}`;
  const server = servers.get(key) ?? start(toEnd, options);
  servers.set(key, server);
  return server;
}

/** A server, real or fake, a project of its own, and a client of both. */
export async function startWorld(
  start: Start,
  { version, ...options }: WorldOptions,
): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const { model, server } = await sharedServer(start, { version, ...options });
  const project = stack.use(await makeProject({ files: { "README.md": "# Test\n" } }));
  const open = (url: string, directory: string) => {
    const streamEnd = new AbortController();
    const client = createClient({ url, directory, clock: systemClock, ...options });
    const turns = createTurns({ client, clock: systemClock, signal: streamEnd.signal });
    const close = async () => {
      streamEnd.abort();
      await turns.closed;
    };
    return { client, turns, close };
  };
  const own = open(server.url, project.root);
  stack.defer(own.close);
  const owned = stack.move();
  return {
    version,
    model,
    server,
    project,
    client: own.client,
    async turn(request = {}) {
      if (request.url === undefined && request.directory === undefined) {
        return await runTurn(own, request);
      }
      const other = open(request.url ?? server.url, request.directory ?? project.root);
      try {
        return await runTurn(other, request);
      } finally {
        await other.close();
      }
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function runTurn(
  { client, turns }: { client: OpenCode; turns: Turns },
  request: TurnRequest,
): Promise<Turn> {
  const events: AgentEvent[] = [];
  const activities: Activity[] = [];
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  const { prompt: text = "go", model, agent, onlyReads } = request;
  const session = { title: "contract test", model, agent, onlyReads };
  const { id: sessionId } = await client.createSession(session);
  const report = await turns.run({
    sessionId,
    limits: { ...LIMITS, ...request.limits },
    signal: stopping.signal,
    onlyReads: onlyReads !== undefined,
    steers: request.steers && {
      earlier: [],
      giveBack() {},
      send: (text) => client.prompt(sessionId, { text, model, agent }),
      ...request.steers,
    },
    async send() {
      await client.prompt(sessionId, { text, model, agent });
      setTimeout(() => request.onSent?.(stop));
    },
    onEvent(event) {
      events.push(event);
      request.onEvent?.(event, stop);
    },
    onActivity(activity) {
      activities.push(activity);
      request.onActivity?.(activity, stop);
    },
  });
  return { ...report, sessionId, events, activities };
}
