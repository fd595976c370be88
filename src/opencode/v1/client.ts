/** What ralph asks of an OpenCode 1 server: every URL of it is here. */

import { plain } from "../../terminal/plain.ts";
import { denialsOf, onlyLooks, readingRules, takesPrompts } from "../agent_rules.ts";
import {
  ABORT_TIMEOUT_MS,
  type Asking as Shared,
  askingOf,
  CREATE_TIMEOUT_MS,
  DEFAULT_AGENT,
  FREE_PROVIDER,
  HEALTH_TIMEOUT_MS,
  LOAD_TIMEOUT_MS,
  named,
  takesNoRules,
} from "../asking.ts";
import type { OpenCode, Provider } from "../client.ts";
import { OpenCodeError } from "../error.ts";
import { type Http, notOpenCodeAt, type RequestOptions } from "../http.ts";
import type { Agent, OpenCodeSession, Rule } from "../model.ts";
import { createEventDecoder, notesToolsLate, replies } from "./schema.ts";

/** 1.18 lists only 100 unless told otherwise (measured). */
const SESSIONS_MAX = "1000";

/**
 * The last rule that matches wins, and a session's come last: one that allows would switch off what
 * the user's own settings deny. So nothing is allowed here; what asks is answered (`auto_reply.ts`).
 */
const UNATTENDED_RULES = [{ permission: "question", pattern: "*", action: "deny" }];

/** What ralph asks of one server of OpenCode 1, for one project. */
export function createV1(http: Http): OpenCode {
  const asking = askingV1(http);
  const { url, directory, scope } = asking;
  /** As it said last, which is before all else that is asked of it (`../connect.ts`). */
  let version: string | undefined;
  return {
    url,
    directory,
    async health(options) {
      const found = await health(asking, options?.timeoutMs);
      version = found.version;
      return found;
    },
    async eventStream({ signal }) {
      const body = await http.stream("/event", { signal, ...scope });
      return { body, decode: createEventDecoder() };
    },
    ...sessionRequests(asking),
    ...turnRequests(asking, () => version !== undefined && notesToolsLate(version)),
    ...modelRequests(asking),
  };
}

/** How one server is asked. */
interface Asking extends Shared {
  /** What a request names its directory with. */
  readonly scope: Pick<RequestOptions, "search" | "headers">;
}

function askingV1(http: Http): Asking {
  const scope = scopeOf(http.directory);
  const inScope = (request: RequestOptions) => ({
    ...request,
    search: { ...scope.search, ...request.search },
    headers: scope.headers,
  });
  return { ...askingOf(http, inScope), scope };
}

/** Servers decode the query twice, so that a `%` needs the header (measured, 1.1.53 to 1.18.33). */
function scopeOf(directory: string): Asking["scope"] {
  return directory.includes("%")
    ? { headers: { "x-opencode-directory": encodeURIComponent(directory) } }
    : { search: { directory } };
}

const sessionPath = (id: string, rest = "") => `/session/${encodeURIComponent(id)}${rest}`;

async function health(
  { url, http, scope }: Asking,
  timeoutMs = HEALTH_TIMEOUT_MS,
): ReturnType<OpenCode["health"]> {
  const json = await http.request("/global/health", {
    what: "ask OpenCode how it is",
    timeoutMs,
    ...scope,
  }).catch((error) => {
    const notJson = error instanceof OpenCodeError && error.problem === "malformed";
    throw notJson ? notOpenCodeAt(url, error) : error;
  });
  const result = replies.health.safeParse(json);
  if (!result.success) throw notOpenCodeAt(url, result.error);
  if (!result.data.healthy) {
    throw new OpenCodeError("unhealthy", `OpenCode at ${url} says that it is not healthy`, {
      hints: [{
        text: "restart it",
        command: "systemctl --user restart opencode",
      }],
    });
  }
  return { version: result.data.version, generation: 1 };
}

/**
 * 1.18.33 decodes a session's directory once more when it runs a turn: in `a%20b` the agent would
 * work in `a b` (measured; 1.1.53 does not, later versions up to 1.14 were not seen to).
 */
async function refuseDecodedPath(asking: Asking): Promise<void> {
  const { directory, place } = asking;
  const escape = /%[0-9a-f]{2}/i.exec(directory)?.[0];
  if (escape === undefined) return;
  const { version } = await health(asking);
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major === 1 && minor <= 14) return;
  throw new OpenCodeError(
    "refused",
    `cannot create an OpenCode session in \`${place}\`: OpenCode ${plain(version, 20)} takes ` +
      `\`${escape}\` in a path for another character, and would work in another folder`,
    { kind: "failed", hints: [{ text: `rename the folder so that its path has no ${escape}` }] },
  );
}

async function createSession(
  asking: Asking,
  { title, agent, onlyReads }: Parameters<OpenCode["createSession"]>[0],
): Promise<OpenCodeSession> {
  const { url, directory, place, read, write } = asking;
  await refuseDecodedPath(asking);
  const session = await read(replies.session, "/session", {
    what: `create an OpenCode session in \`${place}\``,
    method: "POST",
    body: {
      title,
      permission: onlyReads
        ? readingRules(await rulesOf(asking, agent), onlyReads)
        : UNATTENDED_RULES,
    },
    timeoutMs: CREATE_TIMEOUT_MS,
  });
  if (session.directory === directory) {
    if (!onlyReads || onlyLooks(session.rules ?? [])) return session;
    await write(sessionPath(session.id), { what: `delete ${named(session.id)}`, method: "DELETE" });
    throw takesNoRules(asking);
  }
  throw new OpenCodeError(
    "refused",
    `cannot create an OpenCode session in \`${place}\`: OpenCode at ${url} made it in ` +
      `\`${plain(session.directory, 200)}\``,
    { kind: "failed" },
  );
}

/** What the agent may do by its own rules, the server's choice where none is named. */
async function rulesOf({ read }: Asking, agent: string | undefined): Promise<readonly Rule[]> {
  const timeoutMs = LOAD_TIMEOUT_MS;
  const [agents, config] = await Promise.all([
    read(replies.agents, "/agent", { what: "list the agents", timeoutMs }),
    read(replies.config, "/config", { what: "read OpenCode's settings", timeoutMs }),
  ]);
  const name = agent ?? config.default_agent ?? DEFAULT_AGENT;
  return agents.find((one) => one.name === name)?.rules ?? [];
}

function sessionRequests(asking: Asking) {
  const { directory, place, read, write } = asking;
  return {
    createSession: (order) => createSession(asking, order),

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

    unload: () => write("/instance/dispose", { what: `have OpenCode give up \`${place}\`` }),

    children: (id) =>
      read(replies.sessions, sessionPath(id, "/children"), {
        what: `list the sub-agents of ${named(id)}`,
      }),
  } satisfies Partial<OpenCode>;
}

/** What a turn is begun, followed, answered and ended with. */
function turnRequests({ place, read, write }: Asking, notesLate: () => boolean) {
  return {
    prompt: (id, { text, model, agent }) =>
      // Never with a messageID: one that sorts after the server's own loops forever up to 1.14.
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
      read(
        notesLate() ? replies.messagesNotedLate : replies.messages,
        sessionPath(id, "/message"),
        {
          what: `read the messages of ${named(id)}`,
          ...(limit !== undefined && { search: { limit: String(limit) } }),
        },
      ),

    turnRecord: () => Promise.resolve(undefined),

    sessionUse: () => Promise.resolve(undefined),

    abort: (id) =>
      write(sessionPath(id, "/abort"), { what: `abort ${named(id)}`, timeoutMs: ABORT_TIMEOUT_MS }),

    permissions: () =>
      read(replies.permissions, "/permission", { what: "list the open permission requests" }),

    questions: () => read(replies.questions, "/question", { what: "list the open questions" }),

    replyPermission: ({ id }, reply) =>
      write(`/permission/${encodeURIComponent(id)}/reply`, {
        what: `answer permission request \`${plain(id, 60)}\``,
        body: reply,
      }),

    answerQuestion: ({ id }, answers) =>
      write(`/question/${encodeURIComponent(id)}/reply`, {
        what: `answer question \`${plain(id, 60)}\``,
        body: { answers },
      }),
  } satisfies Partial<OpenCode>;
}

async function keyVariables(
  read: Asking["read"],
  providerId: string,
): Promise<readonly string[]> {
  const { all } = await read(replies.allProviders, "/provider", {
    what: "list all providers",
    timeoutMs: LOAD_TIMEOUT_MS,
  });
  return all.find(({ id }) => id === providerId)?.env ?? [];
}

function modelRequests({ read }: Asking) {
  async function providers(): Promise<readonly Provider[]> {
    const reply = await read(replies.providers, "/config/providers", {
      what: "list the models",
      timeoutMs: LOAD_TIMEOUT_MS,
    });
    return reply.providers.map(({ id, key, models }) => ({
      id,
      hasCredentials: id !== FREE_PROVIDER || typeof key === "string",
      models: Object.keys(models).map((model) => `${id}/${model}`),
      bestModel: reply.default?.[id] === undefined ? undefined : `${id}/${reply.default[id]}`,
    }));
  }

  async function agents(): Promise<readonly Agent[]> {
    const agents = await read(replies.agents, "/agent", {
      what: "list the agents",
      timeoutMs: LOAD_TIMEOUT_MS,
    });
    return agents.filter(takesPrompts);
  }

  return {
    providers,

    keyVariables: (providerId) => keyVariables(read, providerId),
    agents: async () => (await agents()).map(({ name }) => name),

    async agentChoice() {
      const [found, config] = await Promise.all([
        agents(),
        read(replies.config, "/config", {
          what: "read OpenCode's settings",
          timeoutMs: LOAD_TIMEOUT_MS,
        }),
      ]);
      return { agents: found, byDefault: config.default_agent };
    },

    async models() {
      return (await providers()).flatMap((provider) => provider.models);
    },

    async modelsWithoutTools() {
      const reply = await read(replies.providers, "/config/providers", { what: "list the models" });
      return reply.providers.flatMap(({ id, models }) =>
        Object.entries(models).filter(([, { lacksTools }]) => lacksTools)
          .map(([model]) => `${id}/${model}`)
      );
    },

    async prices() {
      const reply = await read(replies.providers, "/config/providers", { what: "list the prices" });
      return new Map(
        reply.providers.flatMap(({ id, models }) =>
          Object.entries(models).map(([model, { price }]) => [`${id}/${model}`, price])
        ),
      );
    },

    async configuredModel() {
      const { model } = await read(replies.config, "/config", { what: "read OpenCode's settings" });
      return model;
    },

    async denials() {
      return denialsOf(await read(replies.agents, "/agent", { what: "list the agents' rules" }));
    },
  } satisfies Partial<OpenCode>;
}
