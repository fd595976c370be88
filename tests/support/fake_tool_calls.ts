/** The tool calls of one message in a turn of the fake server, and what they have to ask first. */
import { dirname, isAbsolute, relative } from "node:path";
import type { Message, ToolPart } from "./fake_state.ts";
import { Cut, type TurnContext, TurnError } from "./fake_turn_context.ts";
import type { ToolCall } from "./scripted_model.ts";

const ABORTED = "Tool execution aborted";

/** Runs a sub-agent to its end and hands back what it said. */
export type Delegate = (input: ToolCall["input"]) => Promise<string>;

function isDenied({ request }: TurnContext, permission: string): boolean {
  const rules = request.session.info.permission ?? [];
  const rule = rules.findLast((rule) => [permission, "*"].includes(rule.permission));
  return rule?.action === "deny";
}

/**
 * The names of the tools that the model is offered: the test's, `task` for whoever is no sub-agent,
 * and `question`; 1.1.53 offers that whatever the session's rules say (measured).
 */
export function offeredTools(turn: TurnContext): string[] {
  const names = Object.keys(turn.world.tools);
  if (turn.rootSessionId === turn.sessionID) names.push("task");
  if (turn.old || !isDenied(turn, "question")) names.push("question");
  return names;
}

/**
 * Tells all calls, the third of its kind in a row after asking, and then runs them: one after the
 * other, where real ones work at the same time.
 */
export async function runToolCalls(
  turn: TurnContext,
  { message, calls, delegate }: {
    message: Message;
    calls: readonly ToolCall[];
    delegate: Delegate;
  },
): Promise<void> {
  const parts: ToolPart[] = [];
  for (const [index, { name, input }] of calls.entries()) {
    const isOffered = offeredTools(turn).includes(name);
    const part: ToolPart = {
      ...turn.partOf(message),
      type: "tool",
      tool: isOffered ? name : "invalid",
      callID: turn.world.id("call"),
      state: {
        status: "running",
        input: isOffered ? input : { tool: name },
        title: String(input.description ?? input.filePath ?? name),
        time: { start: turn.world.clock.now() },
      },
    };
    parts.push(part);
    message.parts.push(part);
    turn.tell("message.part.updated", { part });
    if (isThirdOfItsKind(calls.slice(0, index + 1))) await askToGoOn(turn, parts);
  }
  for (const part of parts) await runToolCall(turn, { part, delegate });
}

function isThirdOfItsKind(calls: readonly ToolCall[]): boolean {
  const last = calls.slice(-3).map((call) => JSON.stringify(call));
  return last.length === 3 && last.every((call) => call === last[0]);
}

/** A refusal ends the turn, and cuts the calls short that are at work meanwhile (measured). */
async function askToGoOn(turn: TurnContext, parts: readonly ToolPart[]): Promise<void> {
  turn.closePart = () => {
    for (const part of parts) end(turn, part, turn.old ? { error: ABORTED } : { output: "" });
  };
  const patterns = [parts[0].tool];
  const refused = await askLeave(turn, parts[0], { permission: "doom_loop", patterns });
  if (refused === undefined) return;
  const message = turn.old ? `Error: ${refused}` : refused;
  throw new TurnError({ name: "UnknownError", data: { message } });
}

function end(
  { world, tell, outputs }: TurnContext,
  part: ToolPart,
  result: { output: string } | { error: string },
): void {
  const failed = "error" in result;
  Object.assign(part.state, { status: failed ? "error" : "completed", ...result });
  part.state.time.end = world.clock.now();
  tell("message.part.updated", { part });
  outputs.push(failed ? result.error : result.output);
}

async function runToolCall(
  turn: TurnContext,
  { part, delegate }: { part: ToolPart; delegate: Delegate },
): Promise<void> {
  const { input } = part.state;
  const outside = outsideOf(turn.directory, input.filePath);
  // A sub-agent's session has no rules, those of its parent neither (measured).
  const mayLeave = turn.request.session.info.permission && !isDenied(turn, "external_directory");
  try {
    if (outside && !mayLeave) {
      const what = { permission: "external_directory", patterns: [outside] };
      const refused = await askLeave(turn, part, what);
      if (refused !== undefined) throw new Error(refused);
    }
    end(turn, part, { output: await work() });
  } catch (error) {
    if (error instanceof Cut) {
      const result = turn.old || turn.asking ? { error: ABORTED } : { output: "" };
      turn.closePart = () => end(turn, part, result);
      throw error;
    }
    end(turn, part, { error: error instanceof Error ? error.message : String(error) });
  }

  async function work(): Promise<string> {
    if (part.tool === "invalid") return `Model tried to call unavailable tool '${input.tool}'.`;
    if (part.tool === "task") return await delegate(input);
    if (part.tool === "question") {
      const { answers } = await ask(turn, part, {
        kind: "question",
        what: { questions: input.questions },
      });
      return `User has answered your questions: ${JSON.stringify(answers)}`;
    }
    const { directory, signal } = turn;
    return await turn.during(turn.world.tools[part.tool](input, { directory, signal }));
  }
}

/** Hands back the words of a refusal. */
async function askLeave(
  turn: TurnContext,
  part: ToolPart,
  what: { permission: string; patterns: readonly string[] },
): Promise<string | undefined> {
  const { reply, message } = await ask(turn, part, { kind: "permission", what });
  if (reply !== "reject") return undefined;
  return "The user rejected permission to use this specific tool call with the following " +
    `feedback: ${message}`;
}

/** Asks, and waits for the reply. After an abort the request stays listed for ever (measured). */
async function ask(
  turn: TurnContext,
  part: ToolPart,
  { kind, what }: { kind: "permission" | "question"; what: object },
): Promise<Record<string, unknown>> {
  const { world, instance, sessionID } = turn;
  const requestId = world.id(kind === "permission" ? "per" : "que");
  const tool = { messageID: part.messageID, callID: part.callID };
  const request = { id: requestId, sessionID, ...what, tool };
  const answering = Promise.withResolvers<Record<string, unknown>>();
  instance[`${kind}s`].set(requestId, { request, reply: answering.resolve });
  world.note({ type: "asked", requestId, sessionId: sessionID });
  turn.emit(`${kind}.asked`, request);
  turn.asking = answering.promise;
  const reply = await turn.during(answering.promise);
  turn.asking = undefined;
  world.note({ type: "answered", requestId, sessionId: sessionID });
  turn.emit(`${kind}.replied`, { sessionID, requestID: requestId, ...reply });
  return reply;
}

/** The pattern of a file that lies outside of `directory`. */
function outsideOf(directory: string, file: unknown): string | undefined {
  if (typeof file !== "string" || !isAbsolute(file)) return undefined;
  return relative(directory, file).startsWith("..") ? `${dirname(file)}/*` : undefined;
}
