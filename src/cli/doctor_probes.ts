/** The doctor's doors to the outside. Each answer is asked for once. */
import * as path from "node:path";
import { type Clock, sleep } from "../clock.ts";
import type {
  Asked,
  Models,
  Probes,
  ServerProbes,
  SessionFacts,
  StoreFacts,
} from "../doctor/probes.ts";
import { startedLately, UNIT_NAME } from "../doctor/unit_facts.ts";
import { RalphError } from "../error.ts";
import { ask } from "../host/ask.ts";
import { fileSystemType, freeBytes, isNetworkFileSystem } from "../host/file_system.ts";
import { fileExists, readFileIfAny } from "../host/files.ts";
import { once } from "../host/once.ts";
import { listenersOn } from "../host/port.ts";
import { readProc } from "../host/proc.ts";
import { repositoryState } from "../host/repository.ts";
import { serverEnv } from "../host/server_env.ts";
import { createSystemd, type Systemd } from "../host/systemd.ts";
import { systemTree } from "../host/tree.ts";
import type { TurnLimits } from "../loop/limits.ts";
import { readPrd } from "../loop/prd_file.ts";
import { createTurns } from "../loop/turn.ts";
import { createClient, type OpenCode } from "../opencode/client.ts";
import { OpenCodeError } from "../opencode/error.ts";
import { followEvents } from "../opencode/events.ts";
import { sqliteVersion } from "../registry/inspect.ts";
import type { Session } from "../registry/model.ts";
import { findProjectRoot, listTasks } from "../task/find.ts";
import { VERSION } from "../version.ts";
import { namesOf, programOf } from "./names.ts";
import type { Context } from "./context.ts";
import { isAlive, keyOf } from "./sessions.ts";
import { inspectStore, openStoreReadOnly, pathsOf } from "./store.ts";

export interface DoctorOrder {
  serverUrl: string;
  /** The model that the loop would use; undefined when that is left to the server. */
  model?: string;
  deep: boolean;
  /** What is wrong with the settings, which are then the usual ones. */
  settingsProblem?: RalphError;
}

/** How long `opencode --version` may take: it starts the whole program. */
const VERSION_MS = 2_000;
/** A server that systemd has just started answers after 1 to 4 s (1.1.53, 1.18.33, measured). */
const STARTING_MS = 4_500;
const EVENT_MS = 2_000;
/** A model that takes longer for one word is of no use tonight. */
const TINY_TURN: TurnLimits = {
  turnMs: 50_000,
  silenceMs: 50_000,
  retryMs: 5_000,
  startMs: 20_000,
  settleMs: 8_000,
  serverGoneMs: 5_000,
  modelCalls: 3,
  compactions: 1,
  unknownFinishes: 2,
  left: {},
};

export function doctorProbes(context: Context, order: DoctorOrder): Probes {
  const { clock, environment } = context;
  const root = findProjectRoot(context.cwd(), systemTree);
  const names = namesOf(context, order.serverUrl);
  const systemd = createSystemd({ clock, unit: UNIT_NAME });
  const versions = new Map<string, Promise<string | undefined>>();
  const listeners = once(() => listenersOn(names.port, clock));
  const passwords = serverEnv(environment);
  const client = createClient({
    url: order.serverUrl,
    directory: root ?? names.home,
    password: passwords.password,
    username: passwords.username,
    clock,
    requestTimeoutMs: 4_500,
  });
  return {
    names,
    machine: {
      os: Deno.build.os,
      arch: Deno.build.arch,
      versions: `ralph ${VERSION}, Deno ${Deno.version.deno}`,
    },
    now: () => clock.now(),
    systemd,
    program: (name) => programOf(context, name),
    versionOf: (program) => {
      const known = versions.get(program) ?? versionOf(context, program);
      versions.set(program, known);
      return known;
    },
    exists: fileExists,
    mode,
    environmentOf: (pid) => environmentOf(pid, clock),
    freeBytes,
    fileSystemType: (folder) => fileSystemType(folder, clock),
    isNetworkFileSystem,
    listeners,
    completions: completionsOf(context, names.home),
    serverEnv: passwords,
    settingsProblem: order.settingsProblem,
    server: serverProbes(context, { client, systemd, model: order.model }),
    store: {
      read: once(() => storeFacts(context, order)),
      sqliteVersion,
    },
    project: root === undefined ? undefined : {
      root,
      git: once(() => repositoryState(root, clock)),
      tasks: () => tasksOf(root),
    },
  };
}

async function versionOf({ clock }: Context, program: string): Promise<string | undefined> {
  const answer = await ask([program, "--version"], { clock, timeoutMs: VERSION_MS });
  if (answer.kind !== "ended" || answer.code !== 0) return undefined;
  return /\d+\.\d+[^\s]*/.exec(answer.stdout)?.[0];
}

function mode(file: string) {
  try {
    const { mode, uid, isSymlink } = Deno.lstatSync(file);
    return {
      mode: (mode ?? 0) & 0o777,
      uid: uid ?? 0,
      isLinkTo: isSymlink ? Deno.readLinkSync(file) : undefined,
    };
  } catch {
    return undefined;
  }
}

async function environmentOf(
  pid: number,
  clock: Clock,
): Promise<ReadonlyMap<string, string> | undefined> {
  const text = await readProc([`/proc/${pid}/environ`], clock);
  return text === undefined ? undefined : new Map(
    text.split("\0").map((pair) => {
      const at = pair.indexOf("=");
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

/** Where the shells look for a user's own completions. */
function completionsOf({ environment }: Context, home: string) {
  const shell = path.basename(environment("SHELL") ?? "");
  const data = environment("XDG_DATA_HOME") ?? path.join(home, ".local", "share");
  const config = environment("XDG_CONFIG_HOME") ?? path.join(home, ".config");
  const file = {
    bash: path.join(data, "bash-completion", "completions", "ralph"),
    zsh: path.join(home, ".zfunc", "_ralph"),
    fish: path.join(config, "fish", "completions", "ralph.fish"),
  }[shell];
  return file === undefined ? undefined : { shell, file };
}

function serverProbes(
  context: Context,
  { client, systemd, model }: { client: OpenCode; systemd: Systemd; model?: string },
): ServerProbes {
  return {
    health: once(() => asked(() => healthWhenStarted(context, client, systemd))),
    roundTrip: once(() => roundTrip(context, client)),
    models: once(() => asked(() => modelsOf(client, model))),
    waiting: once(() =>
      asked(async () => {
        const [permissions, questions, busy] = await Promise.all([
          client.permissions(),
          client.questions(),
          client.busy(),
        ]);
        // An abort leaves its requests behind for ever (measured): only who works can wait.
        return {
          permissions: permissions.filter(({ sessionId }) => busy.has(sessionId)),
          questions: questions.filter(({ sessionId }) => busy.has(sessionId)),
        };
      })
    ),
    turn: once(() => asked(() => tinyTurn(context, { client, model }))),
  };

  async function healthWhenStarted(
    { clock }: Context,
    client: OpenCode,
    systemd: Systemd,
  ): Promise<{ version: string }> {
    const end = clock.monotonic() + STARTING_MS;
    for (;;) {
      try {
        return await client.health();
      } catch (error) {
        const mayStart = error instanceof OpenCodeError &&
          (error.problem === "unreachable" || error.problem === "timeout");
        if (!mayStart || clock.monotonic() >= end) throw error;
        if (!startedLately(await systemd.unit(), clock.now())) throw error;
        await sleep(clock, 200);
      }
    }
  }
}

/** An OpenCode session made, found, announced by an event, and deleted again. */
async function roundTrip({ clock }: Context, client: OpenCode) {
  const title = `ralph doctor ${clock.now()}`;
  const over = new AbortController();
  const heard = new Set<string>();
  const arrived = Promise.withResolvers<void>();
  let wanted: string | undefined;
  const stream = followEvents({
    client,
    clock,
    signal: over.signal,
    onEvent(event) {
      if (event.type !== "session") return;
      heard.add(event.session.id);
      if (event.session.id === wanted) arrived.resolve();
    },
  });
  try {
    const isOpen = await stream.connected(EVENT_MS);
    const session: Asked<void> = await asked(async () => {
      const made = await client.createSession({ title });
      wanted = made.id;
      if (heard.has(made.id)) arrived.resolve();
      try {
        const listed = await client.sessions();
        if (!listed.some(({ id }) => id === made.id)) {
          throw new OpenCodeError("garbled", "the server does not list the session that it made");
        }
        if (isOpen) await Promise.race([arrived.promise, sleep(clock, EVENT_MS, over.signal)]);
      } finally {
        await client.deleteSession(made.id);
      }
    });
    const event: Asked<boolean> = { value: wanted !== undefined && heard.has(wanted) };
    return { session, event };
  } finally {
    over.abort();
    await stream.closed;
  }
}

async function modelsOf(client: OpenCode, ofRalph: string | undefined): Promise<Models> {
  const [providers, ofServer] = await Promise.all([client.providers(), client.configuredModel()]);
  const byDefault = providers.find(({ bestModel }) => bestModel !== undefined)?.bestModel;
  return {
    chosen: ofRalph ?? ofServer ?? byDefault,
    chosenBy: ofRalph !== undefined ? "ralph" : ofServer !== undefined ? "server" : "default",
    providers,
  };
}

/** The same way that the loop goes, with a prompt that needs no tool. */
async function tinyTurn(
  { clock }: Context,
  { client, model }: { client: OpenCode; model?: string },
): Promise<{ ms: number; tokens: number; text: string }> {
  const over = new AbortController();
  const turns = createTurns({ client, clock, signal: over.signal });
  const { id } = await client.createSession({ title: "ralph doctor" });
  const startedAt = clock.monotonic();
  try {
    const [providerId = "", ...rest] = model?.split("/") ?? [];
    const { end, usage } = await turns.run({
      sessionId: id,
      send: () =>
        client.prompt(id, {
          text: "Answer with the single word: ready",
          ...(model !== undefined && { model: { providerId, modelId: rest.join("/") } }),
        }),
      limits: TINY_TURN,
      signal: over.signal,
      onEvent: () => {},
      onActivity: () => {},
    });
    const ms = clock.monotonic() - startedAt;
    if (end.kind !== "settled") {
      throw new OpenCodeError("refused", `the turn ended so: ${end.kind}`);
    }
    if (end.error) {
      throw new OpenCodeError("refused", `${end.error.name}: ${end.error.message}`, {
        hints: [{ text: "log in to the provider", command: "opencode auth login" }],
      });
    }
    const { input, output, reasoning, cacheRead, cacheWrite } = usage.tokens;
    const messages = await client.messages(id, { limit: 1 });
    return {
      ms,
      tokens: input + output + reasoning + cacheRead + cacheWrite,
      text: messages.at(-1)?.text ?? "",
    };
  } finally {
    over.abort();
    await turns.closed;
    await client.deleteSession(id);
  }
}

function storeFacts(context: Context, { deep }: DoctorOrder): StoreFacts | RalphError | undefined {
  try {
    const inspection = inspectStore(context, { deep });
    if (!inspection) return undefined;
    if (inspection.schema.found !== inspection.schema.newest) return inspection;
    return { ...inspection, sessions: sessionFacts(context) };
  } catch (error) {
    if (error instanceof RalphError) return error;
    throw error;
  }
}

function sessionFacts(context: Context): SessionFacts | undefined {
  const registry = openStoreReadOnly(context);
  if (!registry) return undefined;
  try {
    const running = registry.running();
    const alive = running.filter((session) => hasWorker(context, session));
    return {
      running: running.length,
      dead: running.filter((session) => !alive.includes(session)),
      leftSignals: leftSignals(context, alive),
    };
  } finally {
    registry.close();
  }
}

/** A look at a lock makes its file, and a file that is not there is held by nobody. */
function hasWorker(context: Context, session: Session): boolean {
  const { locks } = pathsOf(context);
  return fileExists(path.join(locks, `${keyOf(session)}.lock`)) && isAlive(context, session);
}

/** The signal files that are not those of a session that runs. */
function leftSignals(context: Context, running: readonly Session[]): readonly string[] {
  const { signals } = pathsOf(context);
  const awaited = new Set(running.map((session) => `${keyOf(session)}.signal`));
  return systemTree.list(signals).filter((name) => !awaited.has(name))
    .map((name) => path.join(signals, name));
}

function tasksOf(root: string) {
  return listTasks(root, systemTree).map(({ name, prdPath }) => {
    if (prdPath === undefined) return { name };
    try {
      const { stories } = readPrd(readFileIfAny, prdPath);
      return { name, total: stories.length, open: stories.filter(({ passes }) => !passes).length };
    } catch (error) {
      if (error instanceof RalphError) return { name, problem: error };
      throw error;
    }
  });
}

async function asked<T>(question: () => Promise<T>): Promise<Asked<T>> {
  try {
    return { value: await question() };
  } catch (error) {
    if (error instanceof OpenCodeError) return { error };
    throw error;
  }
}
