/** What ralph asks of an OpenCode 2 server: every URL of it is here. */
import { createHash } from "node:crypto";
import { type Clock, sleep } from "../../clock.ts";
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
import type { Health, OpenCode, PermissionReply, Provider } from "../client.ts";
import { OpenCodeError } from "../error.ts";
import { type Http, notOpenCodeAt } from "../http.ts";
import type { Agent, Busy, Message, OpenCodeSession, QuestionRequest, Rule } from "../model.ts";
import { isBeforeInfo, majorOf } from "../versions.ts";
import { createEventDecoder } from "./events.ts";
import { messageOf, recordOf, replies, retryIn } from "./schema.ts";

const MODELS_MS = 5_000;
const MODELS_EVERY_MS = 250;
const PAGE = "200";
/** What a page has when no number is asked for: no server gives less while there is more. */
const PAGE_UNASKED = 50;
/** As with OpenCode 1: those that changed last. */
const SESSIONS_MAX = 1000;
/** Marks of the server's that may lie above the newest message. */
const MARKS_MAX = 4;

/** Evaluated after the agent's own: nothing is allowed here, so that no denial is overruled. */
const UNATTENDED_RULES = [{ action: "question", resource: "*", effect: "deny" }];

/** How one server is asked. */
interface Asking extends Shared {
  /** For reads that are of a directory. A session's own are not: it has one for life. */
  readonly scope: Readonly<Record<string, string>>;
}

/** What ralph asks of one server of OpenCode 2, for one project. */
export function createV2(http: Http, clock: Clock): OpenCode {
  const asking: Asking = {
    ...askingOf(http),
    scope: { "location[directory]": http.directory },
  };
  const { url, directory } = asking;
  return {
    url,
    directory,
    health: (options) => health(asking, options?.timeoutMs),
    async eventStream({ signal }) {
      return { body: await http.stream("/api/event", { signal }), decode: createEventDecoder() };
    },
    ...sessionRequests(asking, clock),
    ...turnRequests(asking, clock),
    ...answers(asking),
    ...modelRequests(asking, clock),
  };
}

const sessionPath = (id: string, rest = "") => `/api/session/${encodeURIComponent(id)}${rest}`;

async function health(
  { http }: Pick<Asking, "http">,
  timeoutMs = HEALTH_TIMEOUT_MS,
  path = "/api/info",
): Promise<Health> {
  const version = await versionAt(http, path, timeoutMs);
  if (version === undefined) throw notOpenCodeAt(http.url);
  return { version, generation: 2 };
}

/**
 * The same of a server from the time before `/api/info`, and how to ask it again: throws `refused` for a
 * release, and takes a build that has no number, as from source, for what it is.
 */
export async function earlyHealth(
  http: Http,
  timeoutMs = HEALTH_TIMEOUT_MS,
): Promise<{ found: Health; again: OpenCode["health"] } | undefined> {
  for (const path of ["/api/status", "/api/health"]) {
    const version = await versionAt(http, path, timeoutMs);
    if (version === undefined) continue;
    if (isBeforeInfo(version)) throw tooOld(http.url, version);
    const again: OpenCode["health"] = (options) => health({ http }, options?.timeoutMs, path);
    return { found: { version, generation: 2 }, again };
  }
}

/** Undefined where nothing is there that an OpenCode 2 says. */
async function versionAt(
  http: Http,
  path: string,
  timeoutMs: number,
): Promise<string | undefined> {
  const reply = await http.request(path, { what: "ask OpenCode how it is", timeoutMs })
    .catch((error) => {
      if (!isMissing(error)) throw error;
    });
  const { data } = replies.info.safeParse(reply);
  return data && majorOf(data.version) !== 1 ? data.version : undefined;
}

/** Whether the server has nothing like it: a page, or an empty 404. */
const isMissing = (error: unknown): error is OpenCodeError =>
  error instanceof OpenCodeError &&
  (error.problem === "not_opencode" || error.problem === "malformed" || error.kind === "not_found");

function tooOld(url: string, version: string): OpenCodeError {
  return new OpenCodeError(
    "refused",
    `OpenCode at ${url} is ${plain(version, 20)}: of OpenCode 2, ralph works with 2.0.7 and later`,
    {
      kind: "failed",
      hints: [{
        text: "update it",
        command: "npm install -g @opencode/cli@latest && systemctl --user restart opencode",
      }],
    },
  );
}

function sessionRequests(asking: Asking, clock: Clock) {
  const { directory, place, read, write } = asking;
  const untold = untoldAgent(asking, clock);

  async function list(what: string, search: Record<string, string>, max: number) {
    const found: OpenCodeSession[] = [];
    let cursor: string | undefined;
    while (found.length < max) {
      const page = await read(replies.sessions, "/api/session", {
        what,
        search: { ...search, limit: PAGE, ...cursor !== undefined && { cursor } },
      });
      found.push(...page.data);
      cursor = page.cursor?.next ?? undefined;
      if (cursor === undefined || page.data.length < Number(PAGE)) break;
    }
    return found.slice(0, max);
  }

  return {
    createSession: (order) => createSession(asking, { clock, untold }, order),

    async session(id) {
      if (!id.startsWith("ses")) return undefined; // refused otherwise, with 400
      const found = await read(replies.session, sessionPath(id), { what: `read ${named(id)}` })
        .catch((error) => {
          if (error instanceof OpenCodeError && error.kind === "not_found") return undefined;
          throw error;
        });
      return found?.session.directory === directory ? found.session : undefined;
    },

    sessions: () => list(`list the OpenCode sessions of \`${place}\``, { directory }, SESSIONS_MAX),

    deleteSession: (id) => deleteSession(asking, id),

    unload: () =>
      write("/api/debug/location", {
        what: `have OpenCode give up \`${place}\``,
        method: "DELETE",
        search: { "location[directory]": directory },
      }),

    children: (id) => list(`list the sub-agents of ${named(id)}`, { parentID: id }, SESSIONS_MAX),
  } satisfies Partial<OpenCode>;
}

const deleteSession = ({ write }: Asking, id: string) =>
  write(sessionPath(id), { what: `delete ${named(id)}`, method: "DELETE" });

async function createSession(
  asking: Asking,
  { clock, untold }: { clock: Clock; untold: () => Promise<string | undefined> },
  order: Parameters<OpenCode["createSession"]>[0],
): Promise<OpenCodeSession> {
  if (!order.onlyReads) {
    const agent = order.agent ?? await untold();
    return await newSession(asking, { ...order, agent }, UNATTENDED_RULES);
  }
  const agents = await agentsOf(asking, clock);
  const name = order.agent ?? await defaultAgent(asking) ?? DEFAULT_AGENT;
  const own = agents.find((agent) => agent.name === name)?.rules ?? [];
  const session = await newSession(
    asking,
    order,
    readingRules(own, order.onlyReads).map(inWordsOf2),
  );
  if (onlyLooks(session.rules ?? [])) return session;
  // A server from before 2.0.5 has passed them over: there an agent is what it may do.
  await deleteSession(asking, session.id);
  const looking = agents.find(({ rules }) => onlyLooks(rules));
  if (!looking) throw takesNoRules(asking);
  return await newSession(asking, { ...order, agent: looking.name }, UNATTENDED_RULES);
}

const inWordsOf2 = ({ permission, pattern, action }: Rule) => ({
  action: permission,
  resource: pattern,
  effect: action,
});

async function newSession(
  asking: Asking,
  { title, model, agent }: Parameters<OpenCode["createSession"]>[0],
  permissions: readonly ReturnType<typeof inWordsOf2>[],
): Promise<OpenCodeSession> {
  const { url, directory, place, read, write } = asking;
  const { session } = await read(replies.session, "/api/session", {
    what: `create an OpenCode session in \`${place}\``,
    method: "POST",
    body: {
      title,
      location: { directory },
      permissions,
      ...(model && { model: { providerID: model.providerId, id: model.modelId } }),
      ...(agent !== undefined && { agent }),
    },
    timeoutMs: CREATE_TIMEOUT_MS,
  });
  if (session.directory !== directory) {
    throw new OpenCodeError(
      "refused",
      `cannot create an OpenCode session in \`${place}\`: OpenCode at ${url} made it in ` +
        `\`${plain(session.directory, 200)}\``,
      { kind: "failed" },
    );
  }
  if (session.title === title) return session;
  await write(sessionPath(session.id, "/rename"), {
    what: `name ${named(session.id)}`,
    body: { title },
  });
  return { ...session, title };
}

/** The last message first, as the server has them. */
async function newestRaw({ read }: Asking, id: string, limit: number) {
  const { data } = await read(replies.messages, sessionPath(id, "/message"), {
    what: `read the messages of ${named(id)}`,
    search: { limit: String(limit), order: "desc" },
  });
  return data;
}

async function messages(asking: Asking, id: string, limit = Infinity): Promise<readonly Message[]> {
  if (limit !== Infinity) {
    const newest = (await newestRaw(asking, id, limit + MARKS_MAX))
      .flatMap((raw) => messageOf(raw, id) ?? []);
    if (newest.length > 0) return newest.slice(0, limit).toReversed();
  }
  const found: Message[] = [];
  let search: Record<string, string> = { order: "asc", limit: PAGE };
  for (;;) {
    const { data, cursor } = await asking.read(replies.messages, sessionPath(id, "/message"), {
      what: `read the messages of ${named(id)}`,
      search,
    });
    found.push(...data.flatMap((raw) => messageOf(raw, id) ?? []));
    // There is a cursor at the end, too, which leads to nothing.
    if (!cursor?.next || data.length < PAGE_UNASKED) return found.slice(-limit);
    search = { limit: PAGE, cursor: cursor.next };
  }
}

/**
 * The same for the same prompt: a server that has it does not take it twice (measured). Messages are
 * in the order in which they were taken up, whatever their ids say.
 */
function promptId(sessionId: string, text: string): string {
  const hash = createHash("sha256").update(`${sessionId}\n${text}`).digest("hex");
  return `msg_${hash.slice(0, 26)}`;
}

function turnRequests(asking: Asking, { now }: Clock) {
  const { read, write } = asking;
  const isHere = directoryOf(asking);

  async function stateOf(id: string): Promise<Busy> {
    const [newest] = await newestRaw(asking, id, 1).catch(() => []);
    return retryIn(newest, now()) ?? { type: "busy" };
  }

  return {
    async prompt(id, { text }) {
      await write(sessionPath(id, "/prompt"), {
        what: `prompt ${named(id)}`,
        body: { id: promptId(id, text), text },
      }).catch((error) => {
        throw error instanceof OpenCodeError ? error.asRepeatable() : error;
      });
    },

    async busy() {
      const [ids, running] = await Promise.all([active(asking), shells(asking)]);
      const here = (await Promise.all(ids.map(async (id) => await isHere(id) ? [id] : []))).flat();
      const states = await Promise.all(here.map(async (id) => [id, await stateOf(id)] as const));
      const jobs = running.map(({ sessionId, command }) =>
        [sessionId, { type: "job", command }] as const
      );
      return new Map<string, Busy>([...jobs, ...states]);
    },

    messages: (id, { limit } = {}) => messages(asking, id, limit),

    async turnRecord(id) {
      const [ids, [newest], { outcome, endedAt }] = await Promise.all([
        active(asking),
        newestRaw(asking, id, MARKS_MAX),
        read(replies.session, sessionPath(id), { what: `read ${named(id)}` }),
      ]);
      return ids.includes(id) ? undefined : recordOf(newest, { outcome, endedAt });
    },

    async sessionUse(id) {
      const { use } = await read(replies.session, sessionPath(id), { what: `read ${named(id)}` });
      return use;
    },

    abort: (id) => abort(asking, id),
  } satisfies Partial<OpenCode>;
}

/** Those that this process of the server runs, of whatever directory. */
function active({ read, place }: Asking): Promise<readonly string[]> {
  return read(replies.active, "/api/session/active", {
    what: `ask what the OpenCode sessions of \`${place}\` do`,
  });
}

interface Shell {
  id: string;
  sessionId: string;
  command: string;
}

/** The commands of agents that run in the directory, those that an agent waits for too. */
async function shells({ read, place, scope }: Asking): Promise<readonly Shell[]> {
  const all = await read(replies.shells, "/api/shell", {
    what: `ask what runs in the background of \`${place}\``,
    search: scope,
  });
  return all.flatMap(({ id, status, command, metadata }) => {
    const sessionId = metadata?.sessionID;
    return status === "running" && sessionId ? [{ id, sessionId, command: command ?? "" }] : [];
  });
}

/**
 * A command in the background outlives an interrupt (measured). Where one is ended the server tells
 * the agent at once, which begins a turn: what is interrupted right then calls no model.
 */
async function abort(asking: Asking, sessionId: string): Promise<void> {
  const { write, scope } = asking;
  const interrupt = () =>
    write(sessionPath(sessionId, "/interrupt"), {
      what: `abort ${named(sessionId)}`,
      timeoutMs: ABORT_TIMEOUT_MS,
    });
  await interrupt();
  const left = (await shells(asking)).filter((shell) => shell.sessionId === sessionId);
  for (const { id } of left) {
    await write(`/api/shell/${encodeURIComponent(id)}`, {
      what: `end what ${named(sessionId)} runs in the background`,
      method: "DELETE",
      search: scope,
      timeoutMs: ABORT_TIMEOUT_MS,
    }).catch((error) => {
      const hasEnded = error instanceof OpenCodeError && error.kind === "not_found";
      if (!hasEnded) throw error;
    });
  }
  if (left.length > 0) await interrupt();
}

/** Whether a session is of the client's directory, which it never leaves. */
function directoryOf({ read, directory }: Asking): (id: string) => Promise<boolean> {
  const known = new Map<string, boolean>();
  return async (id) => {
    const found = known.get(id) ??
      await read(replies.session, sessionPath(id), { what: `read ${named(id)}` })
        .then(({ session }) => session.directory === directory, () => undefined);
    if (found !== undefined) known.set(id, found);
    return found ?? false;
  };
}

/** What is asked, and the answers to it. */
function answers({ read, write, scope }: Asking) {
  /** Which of two ways this release has: the other was refused as unknown. */
  let permissionKey: "decision" | "reply" = "decision";
  let formsPath = "/api/form";

  const list = () =>
    read(replies.forms, formsPath, { what: "list the open questions", search: scope });
  const body = ({ reply, ...rest }: PermissionReply) => ({ [permissionKey]: reply, ...rest });

  return {
    permissions: () =>
      read(replies.permissions, "/api/permission/request", {
        what: "list the open permission requests",
        search: scope,
      }),

    async questions() {
      try {
        return await list();
      } catch (error) {
        if (!isMissing(error) || formsPath !== "/api/form") throw error;
        formsPath = "/api/form/request"; // before 2.0.22
        return await list();
      }
    },

    async replyPermission({ id, sessionId }, reply) {
      const path = sessionPath(sessionId, `/permission/${encodeURIComponent(id)}/reply`);
      const send = () =>
        write(path, { what: `answer permission request \`${plain(id, 60)}\``, body: body(reply) });
      try {
        await send();
      } catch (error) {
        if (!(error instanceof OpenCodeError) || !/Missing key/.test(error.message)) throw error;
        permissionKey = permissionKey === "decision" ? "reply" : "decision";
        await send();
      }
    },

    answerQuestion: (request, given) =>
      write(
        sessionPath(request.sessionId, `/form/${encodeURIComponent(request.id)}/reply`),
        {
          what: `answer question \`${plain(request.id, 60)}\``,
          body: { answer: formAnswer(request, given) },
        },
      ),
  } satisfies Partial<OpenCode>;
}

/** What can only be chosen stays open, which the agent is told (measured). */
function formAnswer(
  { questions }: QuestionRequest,
  given: readonly (readonly string[])[],
): Record<string, string | readonly string[]> {
  return Object.fromEntries(questions.flatMap(({ field }, at) => {
    if (!field || field.takes === "choice") return [];
    const texts = given[at] ?? [];
    return [[field.key, field.takes === "texts" ? texts : texts.join(" ")]];
  }));
}

/** Undefined also where the server does not tell, which has no such route before 2.0.18. */
async function defaultAgent({ read, scope }: Asking): Promise<string | undefined> {
  const settings = await read(replies.settings, "/api/config", {
    what: "ask for the default agent",
    search: scope,
    timeoutMs: LOAD_TIMEOUT_MS,
  }).catch((error) => {
    if (!isMissing(error)) throw error;
  });
  return settings?.default_agent ?? undefined;
}

/**
 * A function that tells the agent which works where no setting names one; asked for until there are any. To
 * a server that names none by itself it is named: one from before 2.0.18 does not say what its settings
 * name, and that may be one that only plans (measured).
 */
function untoldAgent(asking: Asking, clock: Clock): () => Promise<string | undefined> {
  let known: { agent?: string } | undefined;

  async function look(): Promise<typeof known> {
    if (await defaultAgent(asking) !== undefined) return {};
    const agents = await agentsOf(asking, clock);
    if (agents.length === 0) return undefined;
    return { agent: agents.filter(takesPrompts).find(({ name }) => name === DEFAULT_AGENT)?.name };
  }

  return async () => (known ??= await look())?.agent;
}

/** As with models, none is known in the first moments of a directory (measured). */
function agentsOf({ read, scope }: Asking, clock: Clock): Promise<readonly Agent[]> {
  return onceThere(clock, () =>
    read(replies.agents, "/api/agent", {
      what: "list the agents",
      search: scope,
      timeoutMs: LOAD_TIMEOUT_MS,
    }));
}

/** What is listed, asked for again while that is nothing. */
async function onceThere<T>(
  clock: Clock,
  list: () => Promise<readonly T[]>,
): Promise<readonly T[]> {
  const end = clock.monotonic() + MODELS_MS;
  for (;;) {
    const all = await list();
    if (all.length > 0 || clock.monotonic() >= end) return all;
    await sleep(clock, MODELS_EVERY_MS);
  }
}

function modelRequests(asking: Asking, clock: Clock) {
  const { read, scope } = asking;
  const listed = () =>
    read(replies.models, "/api/model", {
      what: "list the models",
      search: scope,
      timeoutMs: LOAD_TIMEOUT_MS,
    });

  /** None is known in the first moments of a server, and of a directory in it (measured). */
  const models = () =>
    onceThere(clock, async () => (await listed()).filter(({ isEnabled }) => isEnabled));

  async function byDefault(): Promise<string | undefined> {
    const model = await read(replies.defaultModel, "/api/model/default", {
      what: "ask for the default model",
      search: scope,
      timeoutMs: LOAD_TIMEOUT_MS,
    });
    return model?.id;
  }

  const agents = () => agentsOf(asking, clock);

  return {
    async providers() {
      const [all, settings, best] = await Promise.all([
        models(),
        read(replies.providers, "/api/provider", { what: "list the providers", search: scope }),
        byDefault(),
      ]);
      const hasKey = (id: string) =>
        settings.some((one) => one.id === id && typeof one.settings?.apiKey === "string");
      const ids = [...new Set(all.map(({ providerId }) => providerId))];
      return ids.map((id): Provider => ({
        id,
        hasCredentials: id !== FREE_PROVIDER || hasKey(id),
        models: all.filter(({ providerId }) => providerId === id).map(({ id }) => id),
        bestModel: best?.startsWith(`${id}/`) ? best : undefined,
      }));
    },

    // It does not say.
    keyVariables: () => Promise.resolve([]),

    agents: async () => (await agents()).filter(takesPrompts).map(({ name }) => name),
    agentChoice: async () => ({
      agents: (await agents()).filter(takesPrompts),
      byDefault: await defaultAgent(asking),
    }),

    models: async () => (await models()).map(({ id }) => id),
    modelsWithoutTools: async () =>
      (await models()).filter(({ lacksTools }) => lacksTools).map(({ id }) => id),
    prices: async () => new Map((await models()).map(({ id, price }) => [id, price])),
    configuredModel: byDefault,
    denials: async () => denialsOf(await agents()),
  } satisfies Partial<OpenCode>;
}
