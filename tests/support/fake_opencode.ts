/**
 * An OpenCode server that is none: for faults that a real one cannot be made to show, for stopping
 * a program at an exact point, and for simulations. It answers what ralph asks, behaves as 1.18.33,
 * 1.1.53 and a build of OpenCode 2 were measured to (the contract tests run on it too), and takes all
 * time from its clock.
 * In this process `fetch` takes the place of the network; `fake_server.ts` puts it behind a port.
 *
 * Unlike a real one it does not look at the disk: a symlink's path stays as it is.
 */
import type { Clock } from "../../src/clock.ts";
import type { EditEvent } from "./fake_events.ts";
import { createFaults, type Fault, type FaultHandle, type RoutedRequest } from "./fake_faults.ts";
import type { CountedScript, FakeScript } from "./fake_script.ts";
import { createIds, createLedger, type LedgerEntry, type Note } from "./fake_state.ts";
import type { Tools } from "./fake_tools.ts";
import type { Timings } from "./fake_turn_context.ts";
import { createFakeV1 } from "./fake_v1.ts";
import { createFakeV2 } from "./fake_v2.ts";
import { drop } from "./recording_proxy.ts";
import { httpError, say } from "./scripted_model.ts";

export interface FakeOptions {
  readonly clock: Clock;
  /** 1.1.* behaves as 1.1.53, other 1.* as 1.18.33, the default; for all others see `fake_v2.ts`. */
  readonly version?: string;
  /** Asked for on every request, with the user name `opencode`. */
  readonly password?: string;
  /** Default: says `done`. */
  readonly script?: FakeScript | CountedScript;
  /** Beside `task` and `question`. Default: none. */
  readonly tools?: Tools;
  readonly timings?: Partial<Timings>;
  /** The `default_agent` of its settings. */
  readonly defaultAgent?: string;
}

export interface FakeOpenCode {
  /** For a client whose transport is `fetch`; nothing listens there. */
  readonly url: string;
  readonly version: string;
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

/** What both generations of the fake are made of. */
export interface FakeHost {
  readonly clock: Clock;
  readonly timings: Timings;
  readonly tools: Tools;
  readonly id: (prefix: string) => string;
  readonly note: Note;
  readonly script: FakeScript;
  readonly version: () => string;
  readonly defaultAgent?: string;
}

/** A server of one generation. What it has outlives its process, but for its turns. */
export interface FakeGeneration {
  /** `signal` breaks an event stream. */
  handle(request: RoutedRequest, signal: AbortSignal): Response;
  /** The body of a reply to who is not authorised. */
  unauthorised(): string | null;
  directoryOf(query: URLSearchParams, headers: Headers): string;
  /** The process dies. */
  lose(): void;
  editEvents(change?: EditEvent): void;
  closeStreams(): void;
}

const DEFAULT_TIMINGS: Timings = { promptMs: 10, startMs: 10, callMs: 5, errorMs: 50, finishMs: 0 };
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
  const connections = new Set<AbortController>();
  const failures: unknown[] = [];
  let version = options.version ?? "1.18.33";
  let script: FakeScript | CountedScript = options.script ?? (() => say("done"));
  let process = new AbortController();
  let up = true;

  const host: FakeHost = {
    clock,
    timings,
    tools,
    id,
    note,
    version: () => version,
    defaultAgent: options.defaultAgent,
    async script(request) {
      try {
        return await script(request);
      } catch (error) {
        failures.push(error);
        return httpError(400, { error: { message: "the test's script failed" } });
      }
    },
  };
  const generations = { 1: createFakeV1(host), 2: createFakeV2(host) };
  const running = () => version.startsWith("1.") ? generations[1] : generations[2];

  function handle(request: RoutedRequest, signal: AbortSignal): Response {
    if (password === undefined || isAuthorised(request.headers, password)) {
      return running().handle(request, signal);
    }
    const headers = { "www-authenticate": 'Basic realm="Secure Area"' };
    return new Response(running().unauthorised(), { status: 401, headers });
  }

  /** Finds the fault that the request meets, if any, and answers it. */
  async function respond(url: URL, init: RequestInit, signal: AbortSignal): Promise<Response> {
    const request = await read(url, init, running());
    const { signal: ended } = process;
    // A client that has gone away changes nothing: its request was read.
    const forward = async () => ended.aborted ? drop() : await handle(request, signal);
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
    get version() {
      return version;
    },
    fetch: transport,
    timings,
    ledger,
    setScript: (next) => script = next,
    fault: faults.add,
    editEvents: (change) => running().editEvents(change),
    closeStreams: () => running().closeStreams(),

    kill({ turns = "lost" } = {}) {
      up = false;
      note({ type: "killed", turns });
      for (const connection of [...connections]) connection.abort(new TypeError(BROKEN));
      if (turns === "go_on") return;
      process.abort();
      process = new AbortController();
      running().lose();
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

async function read(
  url: URL,
  init: RequestInit,
  { directoryOf }: FakeGeneration,
): Promise<RoutedRequest> {
  const headers = new Headers(init.headers);
  const method = init.method ?? "GET";
  const [, id] = /^\/(?:session|permission|question)\/(?!status$)([^/]+)/.exec(url.pathname) ??
    /^\/api\/(?:session|shell)\/(?!active$)([^/]+)/.exec(url.pathname) ?? [];
  const path = id === undefined ? url.pathname : url.pathname.replace(id, ":id");
  return {
    method,
    path: url.pathname,
    query: url.searchParams,
    headers,
    body: init.body ? await new Response(init.body).text() : "",
    route: `${method} ${path.replace(/(:id\/(?:permission|form))\/[^/]+/, "$1/:request")}`,
    id: decodeURIComponent(id ?? ""),
    directory: directoryOf(url.searchParams, headers),
  };
}

function isAuthorised(headers: Headers, password: string): boolean {
  const expected = new TextEncoder().encode(`opencode:${password}`);
  return headers.get("authorization") === `Basic ${btoa(String.fromCharCode(...expected))}`;
}
