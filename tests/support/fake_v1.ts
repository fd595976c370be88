/** What the fake server does as OpenCode 1: 1.1.* behaves as 1.1.53, all others as 1.18.33. */
import { resolve } from "node:path";
import { createEvents } from "./fake_events.ts";
import type { RoutedRequest } from "./fake_faults.ts";
import type { FakeGeneration, FakeHost } from "./fake_opencode.ts";
import {
  type Instance,
  instanceOf,
  newLife,
  type Session,
  type SessionInfo,
} from "./fake_state.ts";
import { AGENTS, MODELS, startTurn } from "./fake_turn.ts";
import type { TurnRequest, TurnWorld } from "./fake_turn_context.ts";

/** A server without sessions. */
export function createFakeV1(host: FakeHost): FakeGeneration {
  const { clock, timings, tools, id, note, script, version, defaultAgent } = host;
  const sessions = new Map<string, Session>();
  let life = newLife();

  const isOld = () => version().startsWith("1.1.");
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
      version: version(),
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
    startNext,
    script,
  };

  const notFound = (sessionId: string) =>
    json({ name: "NotFoundError", data: { message: `Session not found: ${sessionId}` } }, 404);

  /** Up to 1.1 a session is known in its own directory alone; later in all (measured). */
  function find({ id, directory }: RoutedRequest): Session | undefined {
    const session = sessions.get(id);
    return isOld() && session?.info.directory !== directory ? undefined : session;
  }

  const routes: Readonly<Record<string, (request: RoutedRequest, at: Instance) => Response>> = {
    "GET /global/health": () => json({ healthy: true, version: version() }),
    "GET /config": () => json({ model: "fake/ok", default_agent: defaultAgent }),
    "GET /config/providers": () =>
      json({ providers: [{ id: "fake", name: "Fake", models: MODELS }], default: { fake: "ok" } }),
    "GET /agent": () => json(AGENTS),
    "POST /instance/dispose": () => json(true),

    "GET /session": ({ directory, query }) => {
      const limit = Number(query.get("limit") ?? (isOld() ? Infinity : 100));
      const here = [...sessions.values()].map(({ info }) => info)
        .filter((info) => info.directory === directory)
        .sort((a, b) => b.time.updated - a.time.updated);
      return json(here.slice(0, limit));
    },
    "POST /session": ({ directory, body }) => {
      const { title, permission, parentID } = JSON.parse(body);
      return json(createSession({ directory, title, permission, parentID }).info);
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
      // Also those of an agent that is idle (1.18.33, measured).
      for (const child of life.background.get(sessionId) ?? []) child.abort();
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

  /** A session at work ends its turn first. */
  function startNext(request: TurnRequest): void {
    const now = life;
    const start = () => void startTurn(world, now, request);
    const running = now.turns.get(request.session.info.id);
    if (running) running.done.then(start);
    else start();
  }

  function prompt(session: Session, body: string): void {
    const { parts, model = { providerID: "fake", modelID: "ok" }, agent = "build" } = JSON.parse(
      body,
    );
    const text = parts.map((part: { text: string }) => part.text).join("\n");
    note({ type: "prompt", sessionId: session.info.id, text });
    const running = life.turns.get(session.info.id);
    if (running) running.steer(text);
    else startNext({ session, text, model, agent });
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

  return {
    handle,
    unauthorised: () => isOld() ? "Unauthorized" : null,
    directoryOf: (query, headers) => directoryOf(query, headers, isOld()),
    lose() {
      life.ended.abort();
      life = newLife();
    },
    editEvents: events.edit,
    closeStreams: events.close,
  };
}

function json(value: unknown, status = 200): Response {
  return Response.json(value, { status });
}

const requestsOf = (pending: Instance["permissions"]) =>
  [...pending.values()].map(({ request }) => request);

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
