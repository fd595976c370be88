/**
 * Decodes what OpenCode 2 sends into `model.ts`. Strict about what ralph needs; unknown fields and
 * kinds are passed over. Where the releases differ, both shapes are read. Tools and errors get the
 * names that OpenCode 1 has for them, so that nothing else has to know two.
 */
import { z } from "zod";
import { TIME_MAX } from "../../clock.ts";
import type {
  Agent,
  AgentError,
  Busy,
  Message,
  OpenCodeSession,
  PermissionRequest,
  Price,
  QuestionRequest,
  Rule,
  SessionUse,
  ToolRun,
  TurnRecord,
} from "../model.ts";

export const id = z.string().min(1);
const location = z.object({ directory: z.string() });

/** What a list or one thing comes wrapped in. */
const data = <T extends z.ZodType>(shape: T) =>
  z.object({ data: shape }).transform((raw) => (raw as { data: z.output<T> }).data);

const rule = z.object({ action: z.string(), resource: z.string(), effect: z.string() })
  .transform(({ action, resource, effect }): Rule => ({
    permission: action,
    pattern: resource,
    action: effect,
  }));

export const tokens = z.object({
  input: z.number(),
  output: z.number(),
  reasoning: z.number(),
  cache: z.object({ read: z.number(), write: z.number() }),
});

export const tokensOf = (raw: z.infer<typeof tokens> | null | undefined): Message["tokens"] => ({
  inputTokens: raw?.input ?? 0,
  outputTokens: raw?.output ?? 0,
  reasoningTokens: raw?.reasoning ?? 0,
  cacheReadTokens: raw?.cache.read ?? 0,
  cacheWriteTokens: raw?.cache.write ?? 0,
});

/** Of a session: what its messages say, a title and shortening included. */
export const use = z.object({ cost: z.number(), tokens })
  .transform((raw): SessionUse => ({ costUsd: raw.cost, tokens: tokensOf(raw.tokens) }));

const rawSession = z.object({
  id,
  title: z.string().nullish(),
  location,
  parentID: id.nullish(),
  time: z.object({
    created: z.number(),
    updated: z.number().nullish().catch(undefined),
    idle: z.number().nullish(),
  }),
  /** Of the last turn that ended, as the releases since 2.0.11 keep it. */
  outcome: z.enum(["succeeded", "failed", "interrupted"]).nullish().catch(undefined),
  permissions: z.array(rule).nullish().catch(undefined),
  cost: z.number().nullish().catch(undefined),
  tokens: tokens.nullish().catch(undefined),
});

const sessionOf = (raw: z.infer<typeof rawSession>): OpenCodeSession => ({
  id: raw.id,
  title: raw.title ?? "",
  directory: raw.location.directory,
  parentId: raw.parentID ?? undefined,
  createdAt: raw.time.created,
  ...raw.time.updated != null && { updatedAt: raw.time.updated },
  ...raw.permissions && { rules: raw.permissions },
});

export const error = z.object({
  type: z.string(),
  message: z.string().nullish(),
  status: z.number().nullish().catch(undefined),
});

/** Names that say more than that a provider failed. */
const ERROR_NAMES: Readonly<Record<string, string>> = {
  aborted: "MessageAbortedError",
  "provider.auth": "ProviderAuthError",
  "provider.content-filter": "ContentFilterError",
  "provider.no-route": "ProviderModelNotFoundError",
};
/**
 * What may pass: limits, a provider that is away, and answers that are none. For the first three the
 * server has asked again by itself, unless a tool was already called.
 */
const PASSING = [
  "provider.rate-limit",
  "provider.internal",
  "provider.transport",
  // A stream without an end or in pieces, a chunk that is not JSON, an error in the place of one: the
  // server keeps none of it.
  "provider.invalid-output",
  "tool.result-missing", // of a tool that the provider runs itself
  // Where it was asked to shorten the conversation.
  "provider.error",
  "compaction.failed",
];
/** `Provider request failed with HTTP 429: {…}` (measured); later releases have a field for it. */
const STATUS_IN_WORDS = /\bHTTP (\d{3})\b/;

/** No model was chosen, and there is none, or not yet: which of them the server's list tells. */
const NONE_AT_ALL = /^No model is available/;

export function errorOf({ type, message, status }: z.infer<typeof error>): AgentError {
  const said = message ?? "";
  const inWords = STATUS_IN_WORDS.exec(said)?.[1];
  const statusCode = status ?? (inWords === undefined ? undefined : Number(inWords));
  return {
    name: NONE_AT_ALL.test(said)
      ? "UnknownError"
      : ERROR_NAMES[type] ?? (type.startsWith("provider.") ? "APIError" : "UnknownError"),
    message: said === "" ? type : said,
    statusCode: statusCode ?? (type === "provider.rate-limit" ? 429 : undefined),
    // One that the server knows nothing of came inside an answer, unless it has a status.
    retryable: PASSING.includes(type) || (type === "provider.unknown" && !statusCode) || undefined,
  };
}

const TOOLS: Readonly<Record<string, string>> = { shell: "bash", subagent: "task" };
export const toolOf = (name: string) => TOOLS[name] ?? name;

/** The words of a call that a rule of the user's own settings denies. */
export const isRefusal = (failed: z.infer<typeof error> | null | undefined) =>
  failed?.type.startsWith("permission") || /^Permission denied/.test(failed?.message ?? "");

export const model = z.object({ id: z.string(), providerID: z.string() });
export const modelOf = (raw: z.infer<typeof model> | null | undefined) =>
  raw ? `${raw.providerID}/${raw.id}` : undefined;

/** Of a tool that has begun; fails for other parts. */
const toolRun = z.object({
  type: z.literal("tool"),
  name: z.string(),
  state: z.object({
    status: z.enum(["running", "completed", "error"]),
    input: z.record(z.string(), z.unknown()).nullish().catch(undefined),
    error: error.nullish().catch(undefined),
  }),
  time: z.object({
    created: z.number(),
    ran: z.number().nullish(),
    completed: z.number().nullish(),
  }),
}).transform(({ name, state, time }): ToolRun => ({
  tool: toolOf(name),
  input: state.input ?? {},
  start: time.ran ?? time.created,
  end: time.completed ?? undefined,
  ...isRefusal(state.error) && { refused: true },
  ...state.status === "error" && { failed: true },
}));

const head = { id, time: z.object({ created: z.number(), completed: z.number().nullish() }) };
const retry = z.object({ attempt: z.number(), at: z.number(), error });

const rawMessage = z.discriminatedUnion("type", [
  z.object({ ...head, type: z.literal("user"), text: z.string() }),
  z.object({ ...head, type: z.literal("synthetic") }),
  z.object({
    ...head,
    type: z.literal("assistant"),
    model: model.nullish(),
    content: z.array(z.looseObject({ type: z.string(), text: z.unknown().optional() })),
    finish: z.string().nullish(),
    error: error.nullish(),
    retry: retry.nullish().catch(undefined),
    cost: z.number().nullish(),
    tokens: tokens.nullish(),
  }),
  z.object({
    ...head,
    type: z.literal("compaction"),
    status: z.string(),
    error: error.nullish().catch(undefined),
  }),
  /** The end of a turn, as the releases since 2.0.22 write it down among the messages. */
  z.object({
    ...head,
    type: z.literal("idle"),
    outcome: z.enum(["succeeded", "failed", "interrupted"]).optional().catch(undefined),
    error: error.nullish().catch(undefined),
  }),
]);
type RawMessage = z.infer<typeof rawMessage>;

const KINDS: readonly string[] = ["user", "synthetic", "assistant", "compaction", "idle"];

/** The messages that mean something here; others are passed over. */
const rawMessages = z.array(
  z.union([
    z.looseObject({ type: z.string().refine((type) => !KINDS.includes(type)) })
      .transform(() => undefined),
    rawMessage,
  ]),
).transform((all) => all.filter((one) => one !== undefined));

/** What the agent and those who prompt it said; undefined for a mark of the server's. */
export function messageOf(raw: RawMessage, sessionId: string): Message | undefined {
  const nothing = { sessionId, tokens: tokensOf(undefined), costUsd: 0, text: "", toolRuns: [] };
  switch (raw.type) {
    case "user":
      return { ...nothing, id: raw.id, role: "user", text: raw.text };
    case "synthetic":
      return { ...nothing, id: raw.id, role: "user" };
    case "compaction":
      return {
        ...nothing,
        id: raw.id,
        role: "assistant",
        compaction: true,
        completedAt: raw.status === "running" ? undefined : raw.time.created,
        error: raw.error ? errorOf(raw.error) : undefined,
      };
    case "idle":
      return undefined;
    default:
      return {
        ...nothing,
        id: raw.id,
        role: "assistant",
        completedAt: raw.time.completed ?? undefined,
        finish: raw.finish ?? undefined,
        error: raw.error ? errorOf(raw.error) : undefined,
        model: modelOf(raw.model),
        tokens: tokensOf(raw.tokens),
        costUsd: raw.cost ?? 0,
        text: raw.content.filter(({ type }) => type === "text").map(({ text }) => text)
          .filter((text) => typeof text === "string").join("\n"),
        toolRuns: raw.content.flatMap((part) => {
          const { data: run } = toolRun.safeParse(part);
          return run ? [run] : [];
        }),
      };
  }
}

/** What the agent waits for between two tries to ask its provider. */
export function retryOf({ attempt, at, error }: z.infer<typeof retry>): Busy {
  const { message } = errorOf(error);
  // The server counts the try that is to come.
  return { type: "retry", attempt: attempt - 1, message, nextAt: Math.min(at, TIME_MAX) };
}

/** The same of a turn's newest message; undefined where it does not wait, or does no more. */
export function retryIn(newest: RawMessage | undefined, now: number): Busy | undefined {
  if (newest?.type !== "assistant" || newest.time.completed != null || !newest.retry) {
    return undefined;
  }
  return newest.retry.at > now ? retryOf(newest.retry) : undefined;
}

/** How the last turn of a session that is not at work ended, where that is written down. */
export function recordOf(
  newest: RawMessage | undefined,
  { outcome, endedAt = 0 }: { outcome?: TurnRecord["outcome"]; endedAt?: number },
): TurnRecord {
  if (newest?.type === "idle") {
    return {
      outcome: newest.outcome,
      error: newest.error ? errorOf(newest.error) : undefined,
    };
  }
  return outcome !== undefined && endedAt >= (newest?.time.created ?? 0) ? { outcome } : {};
}

export const permission = z.object({
  id,
  sessionID: id,
  action: z.string(),
  resources: z.array(z.string()),
}).transform((raw): PermissionRequest => ({
  id: raw.id,
  sessionId: raw.sessionID,
  permission: raw.action,
  patterns: raw.resources,
}));

/** A question is a form with a field for each. */
export const form = z.object({
  id,
  sessionID: id,
  title: z.string().nullish(),
  fields: z.array(z.object({
    key: z.string(),
    type: z.string(),
    title: z.string().nullish(),
    description: z.string().nullish(),
    custom: z.boolean().nullish(),
    options: z.array(z.object({ label: z.string() })).nullish().catch(undefined),
  })),
}).transform((raw): QuestionRequest => ({
  id: raw.id,
  sessionId: raw.sessionID,
  questions: raw.fields.map(({ key, type, title, description, custom, options }) => ({
    header: title ?? "",
    question: description ?? title ?? raw.title ?? "",
    options: (options ?? []).map((option) => option.label),
    field: {
      key,
      takes: type === "multiselect" && custom
        ? "texts" as const
        : type === "string" && (custom || !options?.length)
        ? "text" as const
        : "choice" as const,
    },
  })),
}));

const agent = z.object({
  id,
  mode: z.string(),
  hidden: z.boolean().nullish(),
  permissions: z.array(rule).nullish().catch(undefined),
}).transform((raw): Agent => ({
  name: raw.id,
  mode: raw.mode,
  hidden: raw.hidden ?? false,
  rules: raw.permissions ?? [],
}));

const cost = z.object({
  input: z.number(),
  output: z.number(),
  cache: z.object({ read: z.number(), write: z.number() }).nullish(),
}).transform(({ input, output, cache }): Price => ({
  input,
  output,
  cacheRead: cache?.read ?? 0,
  cacheWrite: cache?.write ?? 0,
}));

/** The first price is that of the shortest context. */
const modelInfo = z.object({
  id,
  providerID: id,
  enabled: z.boolean().nullish(),
  capabilities: z.object({ tools: z.boolean().nullish() }).nullish().catch(undefined),
  cost: z.array(cost).nullish().catch(undefined),
}).transform(({ id, providerID, enabled, capabilities, cost }) => ({
  id: `${providerID}/${id}`,
  providerId: providerID,
  isEnabled: enabled !== false,
  lacksTools: capabilities?.tools === false,
  price: cost?.[0],
}));

/** Every reply that ralph reads. */
const defaultAgent = z.object({ default_agent: z.string().nullish() });

export const replies = {
  info: z.object({ version: z.string() }),
  session: data(rawSession).transform((raw) => ({
    session: sessionOf(raw),
    outcome: raw.outcome ?? undefined,
    endedAt: raw.time.idle ?? undefined,
    use: use.safeParse(raw).data,
  })),
  sessions: z.object({
    data: z.array(rawSession.transform(sessionOf)),
    cursor: z.object({ next: z.string().nullish() }).nullish(),
  }),
  active: data(z.record(z.string(), z.unknown())).transform((all) => Object.keys(all)),
  messages: z.object({
    data: rawMessages,
    cursor: z.object({ next: z.string().nullish() }).nullish(),
  }),
  shells: data(z.array(z.object({
    id,
    status: z.string(),
    command: z.string().nullish(),
    metadata: z.object({ sessionID: id.nullish() }).nullish().catch(undefined),
  }))),
  permissions: data(z.array(permission)),
  forms: data(z.array(form)),
  agents: data(z.array(agent)),
  models: data(z.array(modelInfo)),
  defaultModel: data(modelInfo.nullish()),
  /** No release was seen: with or without `data` around it. */
  settings: z.union([data(defaultAgent), defaultAgent]),
  /** Their settings hold the credentials themselves: looked at, never kept. */
  providers: data(z.array(z.object({
    id,
    disabled: z.boolean().nullish(),
    settings: z.object({ apiKey: z.unknown().optional() }).nullish().catch(undefined),
  }))),
};
