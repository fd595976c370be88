/**
 * An OpenCode server that is none: for faults that a real one cannot be made to show, for stopping
 * a program at an exact point, and for simulations. It answers what ralph asks, behaves as 1.18.33
 * and 1.1.53 were measured to (the contract tests run on it too), and takes all time from its clock.
 * In this process `fetch` takes the place of the network; `fake_server.ts` puts it behind a port.
 *
 * Unlike a real one it does not look at the disk: a symlink's path stays as it is.
 */
import { resolve } from "node:path";
import type { Clock } from "../../src/clock.ts";
import { createEvents, type EditEvent } from "./fake_events.ts";
import { createFaults, type Fault, type FaultHandle, type RoutedRequest } from "./fake_faults.ts";
import type { CountedScript, FakeScript } from "./fake_script.ts";
import {
  createIds,
  createLedger,
  type Instance,
  instanceOf,
  type LedgerEntry,
  newLife,
  type Session,
  type SessionInfo,
} from "./fake_state.ts";
import type { Tools } from "./fake_tools.ts";
import { AGENTS, MODELS, startTurn } from "./fake_turn.ts";
import type { Timings, TurnWorld } from "./fake_turn_context.ts";
import { drop } from "./recording_proxy.ts";
import { httpError, say } from "./scripted_model.ts";

export interface FakeOptions {
  readonly clock: Clock;
  /** 1.1.* behaves as 1.1.53, all others as 1.18.33, the default. */
  readonly version?: string;
  /** Asked for on every request, with the user name `opencode`. */
  readonly password?: string;
  /** Default: says `done`. */
  readonly script?: FakeScript | CountedScript;
  /** Beside `task` and `question`. Default: none. */
  readonly tools?: Tools;
  readonly timings?: Partial<Timings>;
}

export interface FakeOpenCode {
  /** For a client whose transport is `fetch`; nothing listens there. */
  readonly url: string;
  /** As `fetch`, its failures included. */
  readonly fetch: (url: URL, init?: RequestInit) => Promise<Response>;
  /** May be changed at any time. */
  readonly timings: Timings;
  /** What had effects so far: what the test may believe, whatever the program under test says. */
  readonly ledger: readonly LedgerEntry[];
  setScript(script: FakeScript | CountedScript): void;
  fault(fault: Fault): FaultHandle;
  /** What becomes of every event of every stream, heartbeats too; without it all pass. */
  editEvents(change?: EditEvent): void;
  /** Ends the event streams that are open. */
  closeStreams(): void;
  /**
   * Breaks all connections and refuses new ones. Turns are `lost` with the process, their messages
   * left as they are, or `go_on`, as when only the network is gone.
   */
  kill(options?: { turns?: "lost" | "go_on" }): void;
  /** Back with the same sessions, and with `version` where that is given. */
  start(options?: { version?: string }): void;
  /**
   * Throws what a script threw, and when replies of `turns` were not used or a fault met no request.
   */
  assertAllUsed(): void;
}

const DEFAULT_TIMINGS: Timings = { promptMs: 10, startMs: 10, callMs: 5, errorMs: 50 };
/** Deno's own words, which ralph reads. */
const REFUSED = "client error (Connect): tcp connect error: Connection refused (os error 111)";
const BROKEN = "connection closed before message completed";

/** A server that runs, without sessions. */
export function createFakeOpenCode(options: FakeOptions): FakeOpenCode {
  const { clock, password, tools = {} } = options;
  const timings = { ...DEFAULT_TIMINGS, ...options.timings };
  const id = createIds();
  const { entries: ledger, note } = createLedger(clock);
  const faults = createFaults();
  const sessions = new Map<string, Session>();
  const connections = new Set<AbortController>();
  const failures: unknown[] = [];
  let version = options.version ?? "1.18.33";
  let script: FakeScript | CountedScript = options.script ?? (() => say("done"));
  let life = newLife();
  let up = true;

  const isOld = () => version.startsWith("1.1.");
  const events = createEvents({
    clock,
    eventId: () => isOld() ? undefined : id("evt"),
    heartbeatMs: () => isOld() ? 30_000 : 10_000,
  });

  function createSession(
    asked: Pick<SessionInfo, "directory" | "title" | "parentID" | "permission">,
  ): Session {
    const { directory, title, parentID } = asked;
    const now = clock.now();
    const info: SessionInfo = {
      ...asked,
      id: id("ses"),
      slug: "fake-session",
      projectID: "global",
      version,
      time: { created: now, updated: now },
    };
    const session = { info, messages: [] };
    sessions.set(info.id, session);
    note({ type: "session_created", sessionId: info.id, directory, title, parentId: parentID });
    events.emit(directory, "session.created", isOld() ? { info } : { sessionID: info.id, info });
    return session;
  }

  const world: TurnWorld = {
    clock,
    timings,
    isOld,
    tools,
    id,
    emit: events.emit,
    note,
    createSession,
    async script(request) {
      try {
        return await script(request);
      } catch (error) {
        failures.push(error);
        return httpError(400, { error: { message: "the test's script failed" } });
      }
    },
  };

  const notFound = (sessionId: string) =>
    json({ name: "NotFoundError", data: { message: `Session not found: ${sessionId}` } }, 404);

  /** Up to 1.1 a session is known in its own directory alone; later in all (measured). */
  function find({ id, directory }: RoutedRequest): Session | undefined {
    const session = sessions.get(id);
    return isOld() && session?.info.directory !== directory ? undefined : session;
  }

  const routes: Readonly<Record<string, (request: RoutedRequest, at: Instance) => Response>> = {
    "GET /global/health": () => json({ healthy: true, version }),
    "GET /config": () => json({ model: "fake/ok" }),
    "GET /config/providers": () =>
      json({ providers: [{ id: "fake", name: "Fake", models: MODELS }], default: { fake: "ok" } }),
    "GET /agent": () => json(AGENTS),

    "GET /session": ({ directory, query }) => {
      const limit = Number(query.get("limit") ?? (isOld() ? Infinity : 100));
      const here = [...sessions.values()].map(({ info }) => info)
        .filter((info) => info.directory === directory)
        .sort((a, b) => b.time.updated - a.time.updated);
      return json(here.slice(0, limit));
    },
    "POST /session": ({ directory, body }) => {
      const { title, permission } = JSON.parse(body);
      return json(createSession({ directory, title, permission }).info);
    },
    "GET /session/status": (_request, { status }) => json(Object.fromEntries(status)),
    "GET /session/:id": (request) => {
      const session = find(request);
      return session ? json(session.info) : notFound(request.id);
    },
    "DELETE /session/:id": (request) => {
      if (!sessions.has(request.id)) return isOld() ? json(true) : notFound(request.id);
      life.turns.get(request.id)?.abort();
      sessions.delete(request.id);
      note({ type: "session_deleted", sessionId: request.id });
      return json(true);
    },
    "GET /session/:id/message": (request) => {
      const session = find(request);
      if (!session) return isOld() ? json([]) : notFound(request.id);
      const limit = Number(request.query.get("limit") ?? Infinity);
      return json(session.messages.slice(-limit));
    },
    "GET /session/:id/children": (request) => {
      if (!find(request)) return isOld() ? json([]) : notFound(request.id);
      return json(
        [...sessions.values()].map(({ info }) => info).filter(({ parentID }) =>
          parentID === request.id
        ),
      );
    },

    "POST /session/:id/prompt_async": (request) => {
      const session = find(request);
      if (session) prompt(session, request.body);
      else if (!isOld()) return notFound(request.id);
      return new Response(null, { status: 204 });
    },
    "POST /session/:id/abort": (request) => {
      const { id: sessionId, directory } = request;
      const turn = find(request) && life.turns.get(sessionId);
      note({ type: "abort", sessionId, effective: turn?.abort() ?? false });
      if (!turn && !isOld()) {
        events.emit(directory, "session.status", {
          sessionID: sessionId,
          status: { type: "idle" },
        });
        events.emit(directory, "session.idle", { sessionID: sessionId });
      }
      return json(true);
    },

    "GET /permission": (_request, { permissions }) => json(requestsOf(permissions)),
    "GET /question": (_request, { questions }) => json(requestsOf(questions)),
    "POST /permission/:id/reply": (request, { permissions }) => reply(permissions, request),
    "POST /question/:id/reply": (request, { questions }) => reply(questions, request),
  };

  /** A prompt to a session at work waits for the turn to end. */
  function prompt(session: Session, body: string): void {
    const { parts, model = { providerID: "fake", modelID: "ok" }, agent = "build" } = JSON.parse(
      body,
    );
    const text = parts.map((part: { text: string }) => part.text).join("\n");
    note({ type: "prompt", sessionId: session.info.id, text });
    const now = life;
    const start = () => void startTurn(world, now, { session, text, model, agent });
    const running = now.turns.get(session.info.id);
    if (running) running.done.then(start);
    else start();
  }

  function reply(pending: Instance["permissions"], { id, body }: RoutedRequest): Response {
    const asked = pending.get(id);
    pending.delete(id);
    asked?.reply(JSON.parse(body));
    if (asked || isOld()) return json(true);
    return json({ _tag: "RequestNotFoundError", message: `Request not found: ${id}` }, 404);
  }

  /** The server's answer, `signal` breaking an event stream. */
  function handle(request: RoutedRequest, signal: AbortSignal): Response {
    if (password !== undefined && !isAuthorised(request.headers, password)) {
      const headers = { "www-authenticate": 'Basic realm="Secure Area"' };
      return new Response(isOld() ? "Unauthorized" : null, { status: 401, headers });
    }
    if (request.route === "GET /event") {
      const headers = { "content-type": "text/event-stream" };
      return new Response(events.subscribe(request.directory, signal), { headers });
    }
    const route = routes[request.route];
    if (route) return route(request, instanceOf(life, request.directory));
    // Real ones pass it on to a web page (measured).
    return new Response("<!doctype html>", {
      status: isOld() ? 500 : 200,
      headers: { "content-type": "text/html" },
    });
  }

  /** Finds the fault that the request meets, if any, and answers it. */
  async function respond(url: URL, init: RequestInit, signal: AbortSignal): Promise<Response> {
    const request = await read(url, init, isOld());
    const { ended } = life;
    // A client that has gone away changes nothing: its request was read.
    const forward = async () => ended.signal.aborted ? drop() : await handle(request, signal);
    return await (faults.choose(request) ?? forward)(request, forward);
  }

  async function transport(url: URL, init: RequestInit = {}): Promise<Response> {
    if (!up) throw new TypeError(REFUSED);
    init.signal?.throwIfAborted();
    const connection = new AbortController();
    const broken = Promise.withResolvers<never>();
    const leave = () => connection.abort(init.signal?.reason);

    function forget(): void {
      connections.delete(connection);
      init.signal?.removeEventListener("abort", leave);
    }

    connections.add(connection);
    init.signal?.addEventListener("abort", leave);
    connection.signal.addEventListener("abort", () => {
      forget();
      broken.reject(connection.signal.reason);
    });
    let isStream = false;
    try {
      const responding = respond(url, init, connection.signal).catch((error) => {
        throw new TypeError(BROKEN, { cause: error });
      });
      const response = await Promise.race([broken.promise, responding]);
      isStream = response.headers.get("content-type") === "text/event-stream";
      return response;
    } finally {
      if (!isStream) forget();
    }
  }

  return {
    url: "http://fake.test",
    fetch: transport,
    timings,
    ledger,
    setScript: (next) => script = next,
    fault: faults.add,
    editEvents: events.edit,
    closeStreams: events.close,

    kill({ turns = "lost" } = {}) {
      up = false;
      note({ type: "killed", turns });
      for (const connection of [...connections]) connection.abort(new TypeError(BROKEN));
      if (turns === "go_on") return;
      life.ended.abort();
      life = newLife();
    },

    start(options = {}) {
      up = true;
      version = options.version ?? version;
      note({ type: "started", version });
    },

    assertAllUsed() {
      if (failures.length > 0) throw failures[0];
      const replies = "unused" in script ? script.unused() : 0;
      const unused = [...(replies > 0 ? [`${replies} replies were not asked for`] : [])]
        .concat(faults.unused());
      if (unused.length > 0) throw new Error(unused.join("; "));
    },
  };
}

function json(value: unknown, status = 200): Response {
  return Response.json(value, { status });
}

const requestsOf = (pending: Instance["permissions"]) =>
  [...pending.values()].map(({ request }) => request);

async function read(url: URL, init: RequestInit, isOld: boolean): Promise<RoutedRequest> {
  const headers = new Headers(init.headers);
  const method = init.method ?? "GET";
  const id = /^\/(?:session|permission|question)\/(?!status$)([^/]+)/.exec(url.pathname)?.[1];
  const path = id === undefined ? url.pathname : url.pathname.replace(id, ":id");
  return {
    method,
    path: url.pathname,
    query: url.searchParams,
    headers,
    body: init.body ? await new Response(init.body).text() : "",
    route: `${method} ${path}`,
    id: decodeURIComponent(id ?? ""),
    directory: directoryOf(url.searchParams, headers, isOld),
  };
}

/** The query, decoded once more than it should be, wins over the header (measured). */
function directoryOf(query: URLSearchParams, headers: Headers, isOld: boolean): string {
  const named = query.get("directory") || headers.get("x-opencode-directory") || "/";
  return isOld ? decoded(named) : resolve(decoded(named));
}

/** As it is where it is not valid (measured). */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function isAuthorised(headers: Headers, password: string): boolean {
  const expected = new TextEncoder().encode(`opencode:${password}`);
  return headers.get("authorization") === `Basic ${btoa(String.fromCharCode(...expected))}`;
}
