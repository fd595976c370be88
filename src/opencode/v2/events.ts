/** Decodes the event stream of OpenCode 2: all of the server's, of whatever directory. */
import { z } from "zod";
import type { AgentEvent, MessageHead, ToolStatus } from "../model.ts";
import {
  error,
  errorOf,
  form,
  id,
  isRefusal,
  model,
  modelOf,
  permission,
  retryOf,
  tokens,
  tokensOf,
  toolOf,
  use,
} from "./schema.ts";

const envelope = z.object({
  id: z.string().nullish(),
  type: z.string(),
  created: z.number().nullish(),
  location: z.object({ directory: z.string() }).nullish().catch(undefined),
  data: z.unknown().optional(),
});
type Envelope = z.infer<typeof envelope>;

const ofSession = z.object({ sessionID: id });
const failed = ofSession.extend({ error: error.nullish() });
const retry = ofSession.extend({ attempt: z.number(), at: z.number(), error });
const ofMessage = ofSession.extend({ assistantMessageID: id });
const step = ofMessage.extend({
  model: model.nullish(),
  finish: z.string().nullish(),
  error: error.nullish(),
  cost: z.number().nullish(),
  tokens: tokens.nullish(),
});
const text = ofMessage.extend({
  ordinal: z.number().nullish(),
  delta: z.string().nullish(),
  text: z.string().nullish(),
});
const call = ofSession.extend({
  callID: id,
  name: z.string().nullish(),
  input: z.record(z.string(), z.unknown()).nullish().catch(undefined),
  error: error.nullish(),
});
const shortening = ofSession.extend({ inputID: id.nullish(), error: error.nullish() });
/** Up to the build of 2026-07 what OpenCode 1 sends is in `info`; the releases send it flat. */
const created = ofSession.extend({
  info: z.object({
    title: z.string().nullish(),
    directory: z.string().nullish(),
    parentID: id.nullish(),
  }).nullish(),
  title: z.string().nullish(),
  parentID: id.nullish(),
  location: z.object({ directory: z.string() }).nullish(),
});

/**
 * Makes a decoder for the `data` of one event stream. It hands back nothing for what ralph does not
 * use, and throws for what it cannot read. A tool's events name it but once, and a message's model, so
 * that the decoder remembers which are open.
 */
export function createEventDecoder(): (data: string) => readonly AgentEvent[] {
  const steps = createStepDecoder();
  const tools = createToolDecoder();
  const compactions = createCompactionDecoder();
  return (data) => {
    const event = envelope.parse(JSON.parse(data));
    return ofServer(event) ?? steps(event) ?? tools(event) ?? compactions(event) ?? [];
  };
}

/** Of sessions, their turns as a whole, and what they ask. */
function ofServer(event: Envelope): readonly AgentEvent[] | undefined {
  const { type, data } = event;
  switch (type) {
    case "server.connected":
      return [{ type: "connected" }];
    case "session.created":
      return [sessionOf(event)];
    case "session.usage.updated": {
      const { sessionID: sessionId } = ofSession.parse(data);
      return [{ type: "use", sessionId, use: use.parse(data) }];
    }
    case "session.execution.started":
      return [{ type: "busy", sessionId: ofSession.parse(data).sessionID, busy: { type: "busy" } }];
    case "session.execution.succeeded":
    // Of whatever reason: a refused permission ends a turn as `shutdown` (measured, 2026-07).
    case "session.execution.interrupted":
      return [{ type: "idle", sessionId: ofSession.parse(data).sessionID }];
    case "session.execution.failed": {
      const { sessionID: sessionId, error } = failed.parse(data);
      const idle: AgentEvent = { type: "idle", sessionId };
      return error ? [{ type: "error", sessionId, error: errorOf(error) }, idle] : [idle];
    }
    case "session.retry.scheduled": {
      const waiting = retry.parse(data);
      return [{ type: "busy", sessionId: waiting.sessionID, busy: retryOf(waiting) }];
    }
    case "permission.asked":
    case "permission.v2.asked": // up to the build of 2026-07
      return [{ type: "permission", request: permission.parse(data) }];
    case "form.created":
      return [{ type: "question", request: z.object({ form }).parse(data).form }];
    default:
      return undefined;
  }
}

function sessionOf({ data, created: createdAt, location }: Envelope): AgentEvent {
  const raw = created.parse(data);
  return {
    type: "session",
    session: {
      id: raw.sessionID,
      title: raw.title ?? raw.info?.title ?? "",
      directory: raw.location?.directory ?? raw.info?.directory ?? location?.directory ?? "",
      parentId: raw.parentID ?? raw.info?.parentID ?? undefined,
      createdAt: createdAt ?? 0,
    },
  };
}

/** Of the agent's messages, one for each call of the model. */
function createStepDecoder(): (event: Envelope) => readonly AgentEvent[] | undefined {
  const models = new Map<string, string | undefined>();

  function message(data: unknown, completedAt: number | undefined): readonly AgentEvent[] {
    const raw = step.parse(data);
    const messageId = raw.assistantMessageID;
    if (raw.model) models.set(messageId, modelOf(raw.model));
    const head: MessageHead = {
      id: messageId,
      sessionId: raw.sessionID,
      role: "assistant",
      completedAt,
      finish: raw.finish ?? (raw.error ? "error" : undefined),
      error: raw.error ? errorOf(raw.error) : undefined,
      model: models.get(messageId),
      tokens: tokensOf(raw.tokens),
      costUsd: raw.cost ?? 0,
    };
    if (completedAt !== undefined) models.delete(messageId);
    return [{ type: "message", message: head }];
  }

  return ({ type, data, created }) => {
    const [, kind, what] = /^session\.(text|reasoning|step)\.(\w+)$/.exec(type) ?? [];
    if (kind === "step") {
      if (what === "started") return message(data, undefined);
      return what === "ended" || what === "failed" ? message(data, created ?? 0) : [];
    }
    if (kind !== "text" && kind !== "reasoning") return undefined;
    const raw = text.parse(data);
    const done = what === "ended";
    return [{
      type: "text",
      sessionId: raw.sessionID,
      messageId: raw.assistantMessageID,
      partId: `${raw.assistantMessageID} ${kind} ${raw.ordinal ?? 0}`,
      delta: raw.delta ?? undefined,
      text: raw.text ?? (what === "started" ? "" : undefined),
      done,
      kind,
    }];
  };
}

const TOOL_EVENTS: Readonly<Record<string, ToolStatus>> = {
  "session.tool.input.started": "pending",
  "session.tool.called": "running",
  "session.tool.success": "completed",
  "session.tool.failed": "error",
};

function createToolDecoder(): (event: Envelope) => readonly AgentEvent[] | undefined {
  const calls = new Map<string, { tool: string; input: Record<string, unknown> }>();
  return ({ type, data }) => {
    const status = TOOL_EVENTS[type];
    if (status === undefined) return undefined;
    const raw = call.parse(data);
    const known = calls.get(raw.callID);
    const tool = raw.name ? toolOf(raw.name) : known?.tool ?? "";
    const input = raw.input ?? known?.input ?? {};
    if (status === "completed" || status === "error") calls.delete(raw.callID);
    else calls.set(raw.callID, { tool, input });
    return [{
      type: "tool",
      sessionId: raw.sessionID,
      callId: raw.callID,
      tool,
      status,
      title: "",
      input,
      error: raw.error?.message ?? undefined,
      refused: isRefusal(raw.error),
    }];
  };
}

/**
 * Of shortened conversations. Their message is named after the event that began it (read in the source
 * of July 2026), so that one that is seen as both counts once.
 */
function createCompactionDecoder(): (event: Envelope) => readonly AgentEvent[] | undefined {
  const running = new Map<string, string>();
  return ({ id: eventId, type, data, created }) => {
    const [, what] = /^session\.compaction\.(started|ended|failed)$/.exec(type) ?? [];
    if (what === undefined) return undefined;
    const { sessionID: sessionId, inputID, error } = shortening.parse(data);
    const begins = what === "started";
    const own = inputID ?? eventId?.replace(/^evt_/, "msg_") ?? "";
    const messageId = begins ? own : running.get(sessionId) ?? own;
    if (begins) running.set(sessionId, own);
    else running.delete(sessionId);
    const message: MessageHead = {
      id: messageId,
      sessionId,
      role: "assistant",
      compaction: true,
      completedAt: begins ? undefined : created ?? 0,
      error: error ? errorOf(error) : undefined,
      tokens: tokensOf(undefined),
      costUsd: 0,
    };
    return [{ type: "message", message }];
  };
}
