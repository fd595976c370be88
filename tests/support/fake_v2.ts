/**
 * What the fake server does as OpenCode 2: the routes that ralph asks, as a build of 2026-07 was
 * measured to answer them. What the releases since then have moved is in `movesOf`, and was read, not
 * measured: `local` behaves as that build, `2.x.y` as such a release.
 */
import { createEvents } from "./fake_events.ts";
import type { RoutedRequest } from "./fake_faults.ts";
import type { FakeGeneration, FakeHost } from "./fake_opencode.ts";
import { MODELS } from "./fake_turn.ts";
import {
  movesOf,
  newV2Life,
  type Pending,
  type V2Message,
  type V2Session,
  type V2World,
} from "./fake_v2_state.ts";
import { startExecution, V2_AGENTS } from "./fake_v2_turn.ts";

/** Of the server, whatever directory is named: events know it themselves. */
const EVERYWHERE = "";
const HEARTBEAT_MS = 15_000;

/** A server without sessions. */
export function createFakeV2(host: FakeHost): FakeGeneration {
  const { clock, id, note, version, defaultAgent } = host;
  const sessions = new Map<string, V2Session>();
  let life = newV2Life();
  let seq = 0;

  const moves = () => movesOf(version());
  const events = createEvents({
    clock,
    eventId: () => id("evt"),
    heartbeatMs: () => HEARTBEAT_MS,
    frame: (eventId, type, event) =>
      JSON.stringify({ id: eventId, created: clock.now(), type, ...event as object }),
    heartbeat: ": heartbeat\n\n",
  });

  const world: V2World = {
    host,
    moves,
    isThere: (sessionId) => sessions.has(sessionId),
    emit: (type, data, directory, eventId) =>
      events.emit(EVERYWHERE, type, {
        ...eventId && { id: eventId },
        ...directory && { location: { directory } },
        data,
      }),

    createSession(order) {
      const { directory, title, parentID } = order;
      const session: V2Session = {
        ...order,
        id: id("ses"),
        permissions: order.permissions ?? [],
        created: clock.now(),
        updated: clock.now(),
        used: NOTHING_USED,
        messages: [],
        inbox: [],
        prompts: new Map(),
      };
      sessions.set(session.id, session);
      const sessionId = session.id;
      note({ type: "session_created", sessionId, directory, title, parentId: parentID });
      const told = moves().page ? { title, parentID } : { info: { title, parentID, directory } };
      world.emit("session.created", { sessionID: sessionId, ...told }, directory);
      return session;
    },
  };

  const routes: Readonly<Record<string, (request: RoutedRequest) => Response>> = {
    "GET /api/session/active": () =>
      json({ data: Object.fromEntries([...life.active.keys()].map((id) => [id, RUNNING])) }),
    "GET /api/session": ({ query }) =>
      json(page(listed([...sessions.values()], query).map(infoOf), query)),
    "POST /api/session": ({ body }) => {
      const { title, location, permissions, model, agent } = JSON.parse(body);
      const taken = moves().title ? { title, permissions } : { title: "New session" };
      return json({
        data: infoOf(
          world.createSession({ ...taken, directory: location.directory, model, agent }),
        ),
      });
    },
    "GET /api/session/:id": ofSession((session) => json({ data: infoOf(session) })),
    "DELETE /api/session/:id": ofSession((session) => {
      const family = [...sessions.values()].filter(({ id, parentID }) =>
        id === session.id || parentID === session.id
      );
      for (const one of family) {
        life.active.get(one.id)?.abort();
        sessions.delete(one.id);
        note({ type: "session_deleted", sessionId: one.id });
      }
      return nothing();
    }),
    "POST /api/session/:id/rename": ofSession((session, { body }) => {
      session.title = JSON.parse(body).title;
      return nothing();
    }),
    "GET /api/session/:id/message": ofSession((session, { query }) => {
      const order = query.get("order") ?? "desc";
      const all = order === "asc" ? session.messages : session.messages.toReversed();
      return json(page(all as V2Message[], query));
    }),
    "POST /api/session/:id/prompt": ofSession(prompt),
    "POST /api/session/:id/interrupt": ofSession((session) => {
      const running = life.active.get(session.id);
      running?.abort();
      const interrupted = running !== undefined;
      note({ type: "abort", sessionId: session.id, effective: interrupted });
      return moves().page ? json({ interrupted }) : nothing();
    }),

    "GET /api/shell": ({ directory }) =>
      json({
        data: [...life.shells.values()].filter((shell) => shell.directory === directory)
          .map(({ id, command, sessionId }) => ({
            id,
            command,
            status: "running",
            metadata: { sessionID: sessionId },
          })),
      }),
    "DELETE /api/debug/location": nothing,
    "DELETE /api/shell/:id": ({ id }) => {
      const shell = life.shells.get(id);
      if (!shell) return missing("Shell", id);
      shell.kill();
      return nothing();
    },

    "GET /api/permission/request": ({ directory }) => json(pendingIn(life.permissions, directory)),
    "POST /api/session/:id/permission/:request/reply": (request) => {
      const { permissionKey } = moves();
      if (JSON.parse(request.body)[permissionKey] === undefined) {
        const message = `Missing key\n  at ["${permissionKey}"]`;
        return json({ _tag: "InvalidRequestError", message, kind: "Payload" }, 400);
      }
      return reply(life.permissions, request);
    },
    "POST /api/session/:id/form/:request/reply": (request) => reply(life.forms, request),

    "GET /api/agent": () => json({ data: V2_AGENTS }),
    "GET /api/model": () => json({ data: Object.keys(MODELS).map(modelOf) }),
    "GET /api/model/default": () => json({ data: modelOf("ok") }),
    "GET /api/provider": () => json({ data: [{ id: "fake", name: "Fake", settings: {} }] }),
    "GET /api/config": () =>
      moves().config ? json({ default_agent: defaultAgent }) : new Response(null, { status: 404 }),
  };

  function ofSession(
    answer: (session: V2Session, request: RoutedRequest) => Response,
  ): (request: RoutedRequest) => Response {
    return (request) => {
      const session = sessions.get(request.id);
      return session ? answer(session, request) : missing("Session", request.id);
    };
  }

  /** The same again is taken once, and does nothing but a turn without a step (measured). */
  function prompt(session: V2Session, { body }: RoutedRequest): Response {
    const { id: own, text } = JSON.parse(body);
    const promptId = own ?? id("msg");
    const known = session.prompts.get(promptId);
    if (known !== undefined && known !== text) {
      return json({ _tag: "ConflictError", message: "Prompt message ID conflicts" }, 409);
    }
    if (known === undefined) {
      note({ type: "prompt", sessionId: session.id, text });
      session.prompts.set(promptId, text);
      session.inbox.push({ id: promptId, type: "user", text });
      const taken = { sessionID: session.id, inputID: promptId };
      world.emit(moves().inbox.taken, taken, session.directory);
    }
    startExecution(world, life, { session });
    return json({ data: { id: promptId, sessionID: session.id, admittedSeq: ++seq } });
  }

  function reply(pending: Map<string, Pending>, { path, body }: RoutedRequest): Response {
    const [, requestId = ""] = /\/(?:permission|form)\/([^/]+)\/reply$/.exec(path) ?? [];
    const asked = pending.get(requestId);
    if (!asked) return missing("Request", requestId);
    pending.delete(requestId);
    asked.reply(JSON.parse(body));
    return nothing();
  }

  function infoOf(session: V2Session) {
    const { id, parentID, title, directory, agent, model, created, updated, ended } = session;
    const { permissions, used } = session;
    return {
      id,
      parentID,
      projectID: "global",
      title,
      agent,
      model,
      location: { directory },
      ...used,
      time: { created, updated, idle: ended?.at },
      outcome: ended?.outcome,
      ...moves().title && { permissions },
    };
  }

  function handle(request: RoutedRequest, signal: AbortSignal): Response {
    const { info, page, forms } = moves();
    if (request.route === "GET /api/event") {
      const headers = { "content-type": "text/event-stream" };
      return new Response(events.subscribe(EVERYWHERE, signal), { headers });
    }
    if (request.route === `GET ${info}`) {
      return json({ healthy: true, version: version(), pid: 1 });
    }
    if (request.route === `GET ${forms}`) return json(pendingIn(life.forms, request.directory));
    const route = routes[request.route];
    if (route) return route(request);
    const isPage = page && !request.path.startsWith("/api/");
    if (isPage && request.method !== "GET") return new Response(null, { status: 405 });
    return isPage
      ? new Response("<!doctype html>", { headers: { "content-type": "text/html" } })
      : new Response(null, { status: 404 });
  }

  return {
    handle,
    unauthorised: () => null,
    directoryOf: (query, headers) =>
      query.get("location[directory]") ??
        decodeURIComponent(headers.get("x-opencode-directory") ?? "/"),
    lose() {
      life.ended.abort();
      life = newV2Life();
    },
    editEvents: events.edit,
    closeStreams: events.close,
  };
}

const RUNNING = { type: "running" };
const NOTHING_USED = {
  cost: 0,
  tokens: { input: 0, output: 0, reasoning: 0, cache: { read: 0, write: 0 } },
};

const json = (value: unknown, status = 200) => Response.json(value, { status });
const nothing = () => new Response(null, { status: 204 });
const missing = (what: string, id: string) =>
  json({ _tag: `${what}NotFoundError`, message: `${what} not found: ${id}` }, 404);

const pendingIn = (pending: Map<string, Pending>, directory: string) => ({
  data: [...pending.values()].filter((one) => one.directory === directory)
    .map(({ request }) => request),
});

function listed(sessions: readonly V2Session[], query: URLSearchParams): readonly V2Session[] {
  const [directory, parentID] = [query.get("directory"), query.get("parentID")];
  return sessions.filter((session) =>
    (directory === null || session.directory === directory) &&
    (parentID === null || session.parentID === parentID)
  ).toSorted((a, b) => b.updated - a.updated);
}

/** There is always a next one, also after the last (measured). */
function page<T>(all: readonly T[], query: URLSearchParams) {
  const at = Number(query.get("cursor") ?? 0);
  const end = at + Number(query.get("limit") ?? 50);
  return { data: all.slice(at, end), cursor: { next: String(Math.min(end, all.length)) } };
}

const modelOf = (id: string) => ({
  id,
  providerID: "fake",
  enabled: true,
  capabilities: { tools: id !== "notools" },
  cost: [{ input: 3, output: 15, cache: { read: 0.3, write: 0 } }],
});
