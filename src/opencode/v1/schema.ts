/**
 * Decodes what OpenCode 1 sends, in the dialects of 1.1.53 to 1.18.x (measured), into `model.ts`.
 * Strict about what ralph needs; unknown fields and kinds of event are passed over. Optional fields
 * may be absent or null: 1.18 sends both.
 */

import { z } from "zod";
import { TIME_MAX } from "../../clock.ts";
import type {
  Agent,
  AgentError,
  AgentEvent,
  Busy,
  Message,
  MessageHead,
  OpenCodeSession,
  PermissionRequest,
  Price,
  QuestionRequest,
  ToolRun,
  ToolStatus,
} from "../model.ts";

const id = z.string().min(1);
const rule = z.object({ permission: z.string(), pattern: z.string(), action: z.string() });

const session = z.object({
  id,
  title: z.string(),
  directory: z.string(),
  parentID: id.nullish(),
  time: z.object({ created: z.number(), updated: z.number().nullish().catch(undefined) }),
  permission: z.array(rule).nullish().catch(undefined),
}).transform((raw): OpenCodeSession => ({
  id: raw.id,
  title: raw.title,
  directory: raw.directory,
  parentId: raw.parentID ?? undefined,
  createdAt: raw.time.created,
  ...raw.time.updated != null && { updatedAt: raw.time.updated },
  ...raw.permission && { rules: raw.permission },
}));

const agentError = z.object({
  name: z.string(),
  data: z.object({
    message: z.string().nullish(),
    statusCode: z.number().nullish(),
    isRetryable: z.boolean().nullish(),
    responseHeaders: z.record(z.string(), z.string()).nullish().catch(undefined),
  }).nullish(),
});

/** `saidAt`: when the error came, in epoch milliseconds, where that is known. */
function agentErrorOf({ name, data }: z.infer<typeof agentError>, saidAt?: number): AgentError {
  return {
    name,
    message: data?.message ?? "",
    statusCode: data?.statusCode ?? undefined,
    retryable: data?.isRetryable ?? undefined,
    retryAt: retryTime(data?.responseHeaders ?? {}, saidAt),
  };
}

/**
 * What a provider's `retry-after-ms` or `retry-after` says: milliseconds; seconds or a date (RFC
 * 9110, 10.2.3). OpenCode goes by the same two.
 */
function retryTime(headers: Record<string, string>, saidAt?: number): number | undefined {
  const after = headers["retry-after"];
  const ms = headers["retry-after-ms"] ?? (after && Number(after) * 1_000);
  const waitMs = ms ? Number(ms) : NaN;
  if (Number.isFinite(waitMs)) {
    return saidAt === undefined ? undefined : Math.min(saidAt + waitMs, TIME_MAX);
  }
  const date = Date.parse(after ?? "");
  return Number.isNaN(date) ? undefined : date;
}

const messageHead = {
  id,
  sessionID: id,
  time: z.object({ created: z.number().nullish(), completed: z.number().nullish() }),
};
const NO_TOKENS = {
  total: undefined,
  input: 0,
  output: 0,
  reasoning: 0,
  cache: { read: 0, write: 0 },
};

const messageInfo = z.discriminatedUnion("role", [
  z.object({ ...messageHead, role: z.literal("user") })
    .transform((raw) => ({
      ...raw,
      finish: undefined,
      error: undefined,
      summary: undefined,
      providerID: undefined,
      modelID: undefined,
      cost: 0,
      tokens: NO_TOKENS,
    })),
  z.object({
    ...messageHead,
    role: z.literal("assistant"),
    finish: z.string().nullish(),
    error: agentError.nullish(),
    summary: z.unknown().optional(),
    providerID: z.string().nullish(),
    modelID: z.string().nullish(),
    cost: z.number(),
    tokens: z.object({
      total: z.number().nullish(),
      input: z.number(),
      output: z.number(),
      reasoning: z.number(),
      cache: z.object({ read: z.number(), write: z.number() }),
    }),
  }),
]).transform((raw): MessageHead & { createdAt?: number } => ({
  id: raw.id,
  createdAt: raw.time.created ?? undefined,
  sessionId: raw.sessionID,
  role: raw.role,
  completedAt: raw.time.completed ?? undefined,
  finish: raw.finish ?? undefined,
  error: raw.error ? agentErrorOf(raw.error, raw.time.completed ?? undefined) : undefined,
  compaction: raw.summary === true || undefined,
  model: raw.providerID && raw.modelID ? `${raw.providerID}/${raw.modelID}` : undefined,
  tokens: {
    inputTokens: raw.tokens.input,
    outputTokens: raw.tokens.output - (reasoningIsOutput(raw.tokens) ? raw.tokens.reasoning : 0),
    reasoningTokens: raw.tokens.reasoning,
    cacheReadTokens: raw.tokens.cache.read,
    cacheWriteTokens: raw.tokens.cache.write,
  },
  costUsd: raw.cost,
}));

/**
 * Whether the reasoning tokens are among those of the output. Up to 1.2 they are, unless the provider
 * itself counts them apart (1.1.53, measured). Since 1.2 the total tells; before, nothing does when
 * there is less reasoning than output: a provider that counts them apart is then counted too low.
 */
function reasoningIsOutput(
  { total, input, output, reasoning, cache }: {
    total?: number | null;
    input: number;
    output: number;
    reasoning: number;
    cache: { read: number; write: number };
  },
): boolean {
  if (total == null) return reasoning <= output;
  return reasoning > 0 && total === input + output + cache.read + cache.write;
}

/** How a tool fails that a rule denies, in the server's own words (1.1.53, 1.18.33, measured). */
const REFUSED =
  "The user has specified a rule which prevents you from using this specific tool call";
const isRefusal = (error: string | null | undefined) => error?.includes(REFUSED) ?? false;

/** Of a tool that has begun; fails for other parts. */
const toolRun = z.object({
  tool: z.string(),
  state: z.object({
    input: z.record(z.string(), z.unknown()).nullish().catch(undefined),
    time: z.object({ start: z.number(), end: z.number().nullish() }),
    error: z.string().nullish().catch(undefined),
  }),
}).transform(({ tool, state: { input, time, error } }): ToolRun => ({
  tool,
  input: input ?? {},
  start: time.start,
  end: time.end ?? undefined,
  ...isRefusal(error) && { refused: true },
  ...error != null && { failed: true },
}));

/**
 * When a step begins an older server takes a snapshot of the tree, and notes what the model and its
 * tools do meanwhile only afterwards, all at once (1.1.53: a tool's recorded start lay 3.7 s behind what
 * it did, with 2,500 files; 1.18.33 notes it in time; measured). In milliseconds, between the first such
 * note and the last.
 */
const NOTED_AT_ONCE_MS = 2_000;

/** Whether a server of this version notes late what ran first in a step; so it is taken before 1.18. */
export function notesToolsLate(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major < 1 || major === 1 && minor < 18;
}

const timed = z.object({ time: z.object({ start: z.number() }) });
const startOf = (part: unknown) => timed.safeParse(part).data?.time.start ?? Infinity;

/** With a start at which each had surely not begun yet. */
function withSureStart(
  runs: readonly ToolRun[],
  { createdAt, parts }: { createdAt: number; parts: readonly unknown[] },
): readonly ToolRun[] {
  const firstAt = Math.min(...parts.map(startOf), ...runs.map(({ start }) => start));
  return runs.map((run) =>
    run.start - firstAt > NOTED_AT_ONCE_MS ? run : { ...run, start: Math.min(run.start, createdAt) }
  );
}

const toolRunsOf = (parts: readonly { type: string }[]) =>
  parts.filter((part) => part.type === "tool").flatMap((part) => {
    const { data: run } = toolRun.safeParse(part);
    return run ? [run] : [];
  });

const messageOf = ({ toolsNotedLate }: { toolsNotedLate: boolean }) =>
  z.object({
    info: messageInfo,
    parts: z.array(z.looseObject({
      type: z.string(),
      text: z.unknown().optional(),
      synthetic: z.unknown().optional(),
      ignored: z.unknown().optional(),
    })),
  }).transform(({ info: { createdAt = Infinity, ...info }, parts }): Message => ({
    ...info,
    toolRuns: toolsNotedLate
      ? withSureStart(toolRunsOf(parts), { createdAt, parts })
      : toolRunsOf(parts),
    text: parts
      .filter((part) => part.type === "text" && !part.synthetic && !part.ignored)
      .map((part) => part.text)
      .filter((text) => typeof text === "string")
      .join("\n"),
  }));

/** Undefined for `idle`; a kind that is not known counts as busy, which only makes ralph wait. */
const status = z.object({
  type: z.string(),
  attempt: z.number().nullish(),
  message: z.string().nullish(),
  next: z.number().nullish(),
}).transform((raw): Busy | undefined => {
  if (raw.type === "idle") return undefined;
  if (raw.type !== "retry") return { type: "busy" };
  return {
    type: "retry",
    attempt: raw.attempt ?? 0,
    message: raw.message ?? "",
    nextAt: Math.min(raw.next ?? 0, TIME_MAX),
  };
});

const permission = z.object({
  id,
  sessionID: id,
  permission: z.string(),
  patterns: z.array(z.string()),
}).transform((raw): PermissionRequest => ({
  id: raw.id,
  sessionId: raw.sessionID,
  permission: raw.permission,
  patterns: raw.patterns,
}));

const question = z.object({
  id,
  sessionID: id,
  questions: z.array(z.object({
    header: z.string().nullish(),
    question: z.string(),
    options: z.array(z.object({ label: z.string() })).nullish(),
  })),
}).transform((raw): QuestionRequest => ({
  id: raw.id,
  sessionId: raw.sessionID,
  questions: raw.questions.map((asked) => ({
    header: asked.header ?? "",
    question: asked.question,
    options: (asked.options ?? []).map((option) => option.label),
  })),
}));

const agent = z.object({
  name: z.string(),
  mode: z.string(),
  hidden: z.boolean().nullish(),
  permission: z.array(rule).nullish().catch(undefined),
  model: z.object({ providerID: z.string(), modelID: z.string() }).nullish().catch(undefined),
}).transform((raw): Agent => ({
  name: raw.name,
  mode: raw.mode,
  hidden: raw.hidden ?? false,
  rules: raw.permission ?? [],
  ...raw.model && { model: `${raw.model.providerID}/${raw.model.modelID}` },
}));

const toolStatuses: readonly ToolStatus[] = ["pending", "running", "completed", "error"];

const toolPart = z.object({
  sessionID: id,
  callID: z.string(),
  tool: z.string(),
  state: z.object({
    status: z.enum(toolStatuses),
    title: z.string().nullish(),
    input: z.record(z.string(), z.unknown()).nullish(),
    error: z.string().nullish(),
    metadata: z.object({ exit: z.number().nullish().catch(undefined) }).nullish().catch(undefined),
  }),
});

const textPart = z.object({
  id,
  sessionID: id,
  messageID: id,
  type: z.enum(["text", "reasoning"]),
  text: z.string(),
  synthetic: z.boolean().nullish(),
  ignored: z.boolean().nullish(),
  /** The agent's parts have a time; the prompt's own parts do not (measured, 1.1.53, 1.18.33). */
  time: z.object({ end: z.number().nullish() }).nullish(),
});

const textDelta = z.object({
  sessionID: id,
  messageID: id,
  partID: id,
  field: z.string(),
  delta: z.string(),
});

/** Undefined for a model without a price, and for one whose price cannot be read. */
const price = z.object({
  cost: z.object({
    input: z.number(),
    output: z.number(),
    cache: z.object({ read: z.number(), write: z.number() }).nullish(),
  }),
}).transform(({ cost }): Price | undefined => ({
  input: cost.input,
  output: cost.output,
  cacheRead: cost.cache?.read ?? 0,
  cacheWrite: cost.cache?.write ?? 0,
})).catch(undefined);

/** `toolcall: false`: the model is on record as one that calls no tools. What cannot be read says nothing. */
const model = z.object({
  capabilities: z.object({ toolcall: z.boolean().nullish() }).nullish().catch(undefined),
}).catch({ capabilities: undefined }).transform(({ capabilities }) => ({
  lacksTools: capabilities?.toolcall === false,
}));

/** It is put into commands that are pasted. */
const variableName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/);

/** Every reply that ralph reads. A decoder throws a `ZodError`; `client.ts` turns it into words. */
export const replies = {
  health: z.object({ healthy: z.boolean(), version: z.string() }),
  config: z.object({
    model: z.string().optional(),
    default_agent: z.string().optional().catch(undefined),
  }),
  session,
  sessions: z.array(session),
  messages: z.array(messageOf({ toolsNotedLate: false })),
  messagesNotedLate: z.array(messageOf({ toolsNotedLate: true })),
  statuses: z.record(z.string(), status).transform((raw): ReadonlyMap<string, Busy> => {
    const busy = new Map<string, Busy>();
    for (const [sessionId, state] of Object.entries(raw)) {
      if (state !== undefined) busy.set(sessionId, state);
    }
    return busy;
  }),
  permissions: z.array(permission),
  questions: z.array(question),
  agents: z.array(agent),
  /** Those too that cannot be used. */
  allProviders: z.object({
    all: z.array(z.object({ id, env: z.array(variableName).catch([]) })),
  }),
  providers: z.object({
    providers: z.array(z.object({
      id,
      /** The credentials themselves: looked at, never kept. */
      key: z.unknown().optional(),
      models: z.record(
        z.string(),
        z.unknown().transform((raw) => ({ price: price.parse(raw), ...model.parse(raw) })),
      ),
    })),
    /** The best model of each provider, as the server thinks. */
    default: z.record(z.string(), z.string()).optional(),
  }),
};

const envelope = z.object({ type: z.string(), properties: z.unknown().optional() });
const eventProperties = {
  status: z.object({ sessionID: id, status }),
  idle: z.object({ sessionID: id }),
  error: z.object({ sessionID: id.nullish(), error: agentError.nullish() }),
  session: z.object({ info: session }),
  message: z.object({ info: messageInfo }),
  part: z.object({ part: z.looseObject({ type: z.string() }), delta: z.string().nullish() }),
};

/**
 * Makes a decoder for the `data` of one event stream. It hands back nothing for what ralph does
 * not use, and throws for what it cannot read. Since 1.2 the pieces of a text name its part alone,
 * so that the decoder remembers which parts are open.
 */
export function createEventDecoder(): (data: string) => readonly AgentEvent[] {
  const decode = createOneDecoder();
  return (data) => {
    const event = decode(data);
    return event === undefined ? [] : [event];
  };
}

function createOneDecoder(): (data: string) => AgentEvent | undefined {
  const parts = createPartDecoder();
  return (data) => {
    const { type, properties } = envelope.parse(JSON.parse(data));
    switch (type) {
      case "server.connected":
        return { type: "connected" };
      case "session.status": {
        const raw = eventProperties.status.parse(properties);
        return raw.status === undefined
          ? { type: "idle", sessionId: raw.sessionID }
          : { type: "busy", sessionId: raw.sessionID, busy: raw.status };
      }
      case "session.idle":
        return { type: "idle", sessionId: eventProperties.idle.parse(properties).sessionID };
      case "session.error": {
        const raw = eventProperties.error.parse(properties);
        if (!raw.error) return undefined;
        const error = agentErrorOf(raw.error);
        return { type: "error", sessionId: raw.sessionID ?? undefined, error };
      }
      case "session.created":
      case "session.updated":
        return { type: "session", session: eventProperties.session.parse(properties).info };
      case "message.updated":
        return { type: "message", message: eventProperties.message.parse(properties).info };
      case "message.part.updated":
        return parts.whole(properties);
      case "message.part.delta":
        return parts.piece(properties);
      case "permission.asked":
        return { type: "permission", request: permission.parse(properties) };
      case "question.asked":
        return { type: "question", request: question.parse(properties) };
      default:
        return undefined;
    }
  };
}

/** What is in a message: `whole` decodes a part as it is by now, `piece` what it grows by. */
function createPartDecoder() {
  const openParts = new Map<string, "text" | "reasoning">();
  return {
    whole(properties: unknown): AgentEvent | undefined {
      const { part, delta } = eventProperties.part.parse(properties);
      if (part.type === "tool") {
        const { sessionID, callID, tool, state } = toolPart.parse(part);
        const exit = state.metadata?.exit;
        return {
          type: "tool",
          sessionId: sessionID,
          callId: callID,
          tool,
          status: state.status,
          title: state.title ?? "",
          input: state.input ?? {},
          error: state.error ?? undefined,
          refused: isRefusal(state.error),
          ...typeof exit === "number" && { exitCode: exit },
        };
      }
      if (part.type !== "text" && part.type !== "reasoning") return undefined;
      const text = textPart.parse(part);
      if (!text.time || text.synthetic || text.ignored) return undefined;
      const done = text.time.end != null;
      if (done) openParts.delete(text.id);
      else openParts.set(text.id, text.type);
      return {
        type: "text",
        sessionId: text.sessionID,
        messageId: text.messageID,
        partId: text.id,
        delta: delta ?? undefined,
        text: text.text,
        done,
        kind: text.type,
      };
    },

    piece(properties: unknown): AgentEvent | undefined {
      const raw = textDelta.parse(properties);
      const kind = openParts.get(raw.partID);
      if (kind === undefined || raw.field !== "text") return undefined;
      return {
        type: "text",
        sessionId: raw.sessionID,
        messageId: raw.messageID,
        partId: raw.partID,
        delta: raw.delta,
        done: false,
        kind,
      };
    },
  };
}
