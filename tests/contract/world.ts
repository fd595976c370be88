/**
 * An OpenCode server with a scripted model, a project, and ralph's client of both. The fake server
 * of `fake_opencode.ts` runs all the tests of the real ones; none was left out or changed for it.
 */
import type { AgentEvent } from "../../src/opencode/model.ts";
import { createClient, type OpenCode } from "../../src/opencode/client.ts";
import type { Activity } from "../../src/loop/activity.ts";
import { type TurnLimits, turnLimits } from "../../src/loop/limits.ts";
import { createTurns, type TurnReport, type Turns } from "../../src/loop/turn.ts";
import { sleep } from "../../src/clock.ts";
import { systemClock } from "../../src/host/clock.ts";
import { type Version, VERSIONS } from "../support/install.ts";
import { createFakeOpenCode } from "../support/fake_opencode.ts";
import { serveFake } from "../support/fake_server.ts";
import { hostTools } from "../support/fake_tools.ts";
import { startServer } from "../support/opencode_server.ts";
import { makeProject, type Project } from "../support/project.ts";
import { say, type Script, startModel } from "../support/scripted_model.ts";
import { DEFAULT_SETTINGS } from "../../src/settings/settings.ts";

const LIMITS = turnLimits(DEFAULT_SETTINGS.limits, { costUsd: 0, tokens: 0, durationMs: 0 });

export interface World extends AsyncDisposable {
  readonly version: Version;
  readonly model: { setScript(script: Script): void };
  readonly server: {
    readonly url: string;
    kill(): Promise<void>;
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
  readonly limits?: Partial<TurnLimits>;
  /** Called with each event and activity, for a test to act in mid-turn. */
  readonly onEvent?: (event: AgentEvent, stop: () => void) => void;
  readonly onActivity?: (activity: Activity, stop: () => void) => void;
  /** Called when the server has taken the prompt. */
  readonly onSent?: (stop: () => void) => void;
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
  options: { version: Version; password?: string },
) => Promise<Pick<World, "model" | "server">>;

/** The least that a real one takes to start (1.1.53, measured). */
const BOOT_MS = 650;

export const startReal: Start = async (stack, options) => {
  const model = stack.use(await startModel(() => say("done")));
  const server = stack.use(await startServer({ ...options, model }));
  return { model, server };
};

export const startFake: Start = async (stack, options) => {
  const model = createFakeOpenCode({ ...options, clock: systemClock, tools: hostTools });
  const { url, kill, start } = stack.use(await serveFake(model));
  const startSlowly = () => sleep(systemClock, BOOT_MS).then(() => start());
  return { model, server: { url, kill, start: startSlowly } };
};

/** Runs `body` once for each supported version, real and fake, on a server of its own. */
export function onEachVersion(
  name: string,
  body: (t: Deno.TestContext, world: World) => Promise<void>,
  options: { password?: string } = {},
): void {
  for (const version of VERSIONS) {
    for (const [kind, start] of [["OpenCode", startReal], ["fake OpenCode", startFake]] as const) {
      Deno.test(`${name}, ${kind} ${version}`, async (t) => {
        await using world = await startWorld(start, { version, ...options });
        await body(t, world);
      });
    }
  }
}

/** A server, real or fake, a project, and a client of both. */
export async function startWorld(
  start: Start,
  { version, ...options }: { version: Version; password?: string },
): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const { model, server } = await start(stack, { version, ...options });
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
  const { id: sessionId } = await client.createSession({ title: "contract test" });
  const report = await turns.run({
    sessionId,
    limits: { ...LIMITS, ...request.limits },
    signal: stopping.signal,
    async send() {
      const { prompt: text = "go", model, agent } = request;
      await client.prompt(sessionId, { text, model, agent });
      request.onSent?.(stop);
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
