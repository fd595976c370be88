/** What ralph asks of an OpenCode server: every URL is here. */

import { plain } from "../terminal/plain.ts";
import { OpenCodeError } from "./error.ts";
import {
  createHttp,
  garbledReply,
  type HttpOptions,
  notOpenCodeAt,
  type RequestOptions,
} from "./http.ts";
import type {
  Busy,
  Message,
  OpenCodeSession,
  PermissionRequest,
  Price,
  QuestionRequest,
} from "./model.ts";
import { explain, replies, type Reply } from "./schema.ts";

export { OpenCodeError, type Problem } from "./error.ts";

export type ClientOptions = HttpOptions;

export interface Prompt {
  text: string;
  model?: { providerId: string; modelId: string };
  agent?: string;
}

/** `message` lets the agent go on after a refusal; without one the server ends the turn. */
export type PermissionReply = { reply: "once" } | { reply: "reject"; message: string };

/** One server, in one directory. Every method throws `OpenCodeError`; none retries. */
export interface OpenCode {
  readonly url: string;
  readonly directory: string;
  /** Throws `not_opencode` or `unhealthy` where the reply is not that of a healthy OpenCode. */
  health(): Promise<{ version: string }>;
  /** A new OpenCode session whose rules allow everything but questions. */
  createSession(options: { title: string }): Promise<OpenCodeSession>;
  /** Undefined when this directory has none of that id. */
  session(id: string): Promise<OpenCodeSession | undefined>;
  /** Those of this directory, sub-agents' included; at most the 1000 that changed last. */
  sessions(): Promise<readonly OpenCodeSession[]>;
  deleteSession(id: string): Promise<void>;
  /** Hands over a prompt. Success proves nothing: follow the turn. */
  prompt(id: string, prompt: Prompt): Promise<void>;
  /** The sessions that are at work. One that is missing is idle, or has not started yet. */
  busy(): Promise<ReadonlyMap<string, Busy>>;
  /** Oldest first; with `limit` only the newest. */
  messages(id: string, options?: { limit?: number }): Promise<readonly Message[]>;
  /** The sessions of its sub-agents, one level down. */
  children(id: string): Promise<readonly OpenCodeSession[]>;
  /** Asks for the end of a turn. Success proves nothing: see `loop/abort.ts`. */
  abort(id: string): Promise<void>;
  /** Those of the whole directory, some of them long dead (measured: an abort leaves them). */
  permissions(): Promise<readonly PermissionRequest[]>;
  questions(): Promise<readonly QuestionRequest[]>;
  replyPermission(requestId: string, reply: PermissionReply): Promise<void>;
  /** One list of answers for each question. */
  answerQuestion(requestId: string, answers: readonly (readonly string[])[]): Promise<void>;
  /** Names of the agents that can be given a prompt. */
  agents(): Promise<readonly string[]>;
  /** `provider/model` of those that can be used. */
  models(): Promise<readonly string[]>;
  /** By `provider/model`; undefined where the server knows no price. */
  prices(): Promise<ReadonlyMap<string, Price | undefined>>;
  /** Those that can be used, in the server's order. */
  providers(): Promise<readonly Provider[]>;
  /** The model that OpenCode's own settings name, as `provider/model`; undefined when none does. */
  configuredModel(): Promise<string | undefined>;
  /** One connection to the event stream, until it breaks or `signal` aborts; see `events.ts`. */
  eventStream(options: { signal: AbortSignal }): Promise<ReadableStream<Uint8Array>>;
}

/** A provider and its models, as `provider/model`. */
export interface Provider {
  id: string;
  /** False for the free models that OpenCode offers without a login. */
  hasCredentials: boolean;
  models: readonly string[];
  bestModel?: string;
}

/** The server lists others only when they have credentials, or need none (1.1.53, 1.18.33). */
const FREE_PROVIDER = "opencode";

const HEALTH_TIMEOUT_MS = 2_000;
/** Some versions let an abort hang for a minute (measured, 1.14.41). */
const ABORT_TIMEOUT_MS = 4_000;
/** Longer than any that was seen: what a server makes after that is made a second time. */
const CREATE_TIMEOUT_MS = 30_000;
/** 1.18 lists only 100 unless told otherwise (measured). */
const SESSIONS_MAX = "1000";

const UNATTENDED_RULES = [
  { permission: "*", pattern: "*", action: "allow" },
  { permission: "question", pattern: "*", action: "deny" },
];

/** What ralph asks of one server, for one project. */
export function createClient(options: ClientOptions): OpenCode {
  const http = createHttp(options);
  const { url, directory } = http;
  const place = plain(directory, 200);

  async function read<T>(reply: Reply<T>, path: string, request: RequestOptions): Promise<T> {
    const json = await http.request(path, request);
    const result = reply.safeParse(json);
    if (result.success) return result.data;
    throw garbledReply(url, request.what, explain(result.error), result.error);
  }

  async function write(path: string, request: RequestOptions): Promise<void> {
    await http.request(path, { method: "POST", ...request });
  }

  const sessionPath = (id: string, rest = "") => `/session/${encodeURIComponent(id)}${rest}`;
  const named = (id: string) => `OpenCode session \`${plain(id, 60)}\``;

  async function health(): Promise<{ version: string }> {
    const json = await http.request("/global/health", {
      what: "ask OpenCode how it is",
      timeoutMs: HEALTH_TIMEOUT_MS,
    }).catch((error) => {
      const notJson = error instanceof OpenCodeError && error.problem === "garbled";
      throw notJson ? notOpenCodeAt(url, error) : error;
    });
    const result = replies.health.safeParse(json);
    if (!result.success) throw notOpenCodeAt(url, result.error);
    if (!result.data.healthy) {
      throw new OpenCodeError("unhealthy", `OpenCode at ${url} says that it is not healthy`, {
        hints: [{
          text: "start it anew",
          command: "systemctl --user restart opencode",
        }],
      });
    }
    return { version: result.data.version };
  }

  /**
   * 1.18.33 decodes a session's directory once more when it runs a turn: in `a%20b` the agent would
   * work in `a b` (measured; 1.1.53 does not, later versions up to 1.14 were not seen to).
   */
  async function refuseDecodedPath(): Promise<void> {
    const escape = /%[0-9a-f]{2}/i.exec(directory)?.[0];
    if (escape === undefined) return;
    const { version } = await health();
    const [major = 0, minor = 0] = version.split(".").map(Number);
    if (major === 1 && minor <= 14) return;
    throw new OpenCodeError(
      "refused",
      `cannot create an OpenCode session in \`${place}\`: OpenCode ${plain(version, 20)} takes ` +
        `\`${escape}\` in a path for another character, and would work in another folder`,
      { kind: "failed", hints: [{ text: `rename the folder so that its path has no ${escape}` }] },
    );
  }

  async function providers(): Promise<readonly Provider[]> {
    const reply = await read(replies.providers, "/config/providers", { what: "list the models" });
    return reply.providers.map(({ id, key, models }) => ({
      id,
      hasCredentials: id !== FREE_PROVIDER || typeof key === "string",
      models: Object.keys(models).map((model) => `${id}/${model}`),
      bestModel: reply.default?.[id] === undefined ? undefined : `${id}/${reply.default[id]}`,
    }));
  }

  return {
    url,
    directory,
    health,
    eventStream: ({ signal }) => http.stream("/event", { signal }),

    async createSession({ title }) {
      await refuseDecodedPath();
      const session = await read(replies.session, "/session", {
        what: `create an OpenCode session in \`${place}\``,
        method: "POST",
        body: { title, permission: UNATTENDED_RULES },
        timeoutMs: CREATE_TIMEOUT_MS,
      });
      if (session.directory === directory) return session;
      throw new OpenCodeError(
        "refused",
        `cannot create an OpenCode session in \`${place}\`: OpenCode at ${url} made it in ` +
          `\`${plain(session.directory, 200)}\``,
        { kind: "failed" },
      );
    },

    async session(id) {
      const session = await read(replies.session, sessionPath(id), { what: `read ${named(id)}` })
        .catch((error) => {
          if (error instanceof OpenCodeError && error.kind === "not_found") return undefined;
          throw error;
        });
      // From 1.2 on the server finds a session from any directory; up to 1.1 it does not.
      return session?.directory === directory ? session : undefined;
    },

    async sessions() {
      const sessions = await read(replies.sessions, "/session", {
        what: `list the OpenCode sessions of \`${place}\``,
        search: { limit: SESSIONS_MAX },
      });
      return sessions.filter((session) => session.directory === directory);
    },

    deleteSession: (id) =>
      write(sessionPath(id), { what: `delete ${named(id)}`, method: "DELETE" }),

    prompt: (id, { text, model, agent }) =>
      // Never with a messageID: one that sorts after the server's own loops for ever up to 1.14.
      write(sessionPath(id, "/prompt_async"), {
        what: `prompt ${named(id)}`,
        body: {
          parts: [{ type: "text", text }],
          ...(model && { model: { providerID: model.providerId, modelID: model.modelId } }),
          ...(agent !== undefined && { agent }),
        },
      }),

    busy: () =>
      read(replies.statuses, "/session/status", {
        what: `ask what the OpenCode sessions of \`${place}\` do`,
      }),

    messages: (id, { limit } = {}) =>
      read(replies.messages, sessionPath(id, "/message"), {
        what: `read the messages of ${named(id)}`,
        ...(limit !== undefined && { search: { limit: String(limit) } }),
      }),

    children: (id) =>
      read(replies.sessions, sessionPath(id, "/children"), {
        what: `list the sub-agents of ${named(id)}`,
      }),

    abort: (id) =>
      write(sessionPath(id, "/abort"), { what: `abort ${named(id)}`, timeoutMs: ABORT_TIMEOUT_MS }),

    permissions: () =>
      read(replies.permissions, "/permission", { what: "list the open permission requests" }),

    questions: () => read(replies.questions, "/question", { what: "list the open questions" }),

    replyPermission: (requestId, reply) =>
      write(`/permission/${encodeURIComponent(requestId)}/reply`, {
        what: `answer permission request \`${plain(requestId, 60)}\``,
        body: reply,
      }),

    answerQuestion: (requestId, answers) =>
      write(`/question/${encodeURIComponent(requestId)}/reply`, {
        what: `answer question \`${plain(requestId, 60)}\``,
        body: { answers },
      }),

    async agents() {
      const agents = await read(replies.agents, "/agent", { what: "list the agents" });
      return agents.filter((agent) => agent.mode !== "subagent" && !agent.hidden)
        .map((agent) => agent.name);
    },

    async models() {
      return (await providers()).flatMap((provider) => provider.models);
    },

    async prices() {
      const reply = await read(replies.providers, "/config/providers", { what: "list the prices" });
      return new Map(
        reply.providers.flatMap(({ id, models }) =>
          Object.entries(models).map(([model, price]) => [`${id}/${model}`, price])
        ),
      );
    },

    providers,

    async configuredModel() {
      const { model } = await read(replies.config, "/config", { what: "read OpenCode's settings" });
      return model;
    },
  };
}
