/** The tool calls of one message in a turn of the fake server, and what they have to ask first. */
import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import type { Message, Rule, ToolPart } from "./fake_state.ts";
import { Cut, type TurnContext, TurnError } from "./fake_turn_context.ts";
import type { ToolCall } from "./scripted_model.ts";

const ABORTED = "Tool execution aborted";

/** Runs a sub-agent to its end and hands back what it said. */
export type Delegate = (input: ToolCall["input"]) => Promise<string>;

/** Which permission a tool's call needs, and for what. */
function needOf({ directory }: TurnContext, { tool, input }: ToolUse): [string, string] {
  if (tool === "bash") return ["bash", String(input.command)];
  const file = relative(directory, resolve(directory, String(input.filePath ?? "")));
  return [["write", "edit"].includes(tool) ? "edit" : tool, file];
}

interface ToolUse {
  readonly tool: string;
  readonly input: ToolCall["input"];
}

/** The last rule that matches: of the server's own, of the project's, then of the session. */
function ruleFor(turn: TurnContext, permission: string, pattern: string): Rule | undefined {
  const rules = [
    ...OWN_RULES,
    ...rulesIn(turn.directory),
    ...turn.request.session.info.permission ?? [],
  ];
  return rules.findLast((rule) =>
    matchesGlob(permission, rule.permission) && matchesGlob(pattern, rule.pattern)
  );
}

const OWN_RULES: readonly Rule[] = [
  { permission: "external_directory", pattern: "*", action: "ask" },
];

const matchesGlob = (text: string, glob: string) =>
  new RegExp(`^${glob.split("*").map((part) => RegExp.escape(part)).join(".*")}$`, "s").test(text);

/** Those of the project's `opencode.json`, as real servers read them (measured). */
function rulesIn(directory: string): readonly Rule[] {
  let text: string;
  try {
    text = Deno.readTextFileSync(join(directory, "opencode.json"));
  } catch {
    return [];
  }
  const { permission = {} } = JSON.parse(text);
  return Object.entries<Rule["action"] | Record<string, Rule["action"]>>(permission).flatMap(
    ([permission, value]) =>
      typeof value === "string"
        ? [{ permission, pattern: "*", action: value }]
        : Object.entries(value).map(([pattern, action]) => ({ permission, pattern, action })),
  );
}

/** Words of 1.1.53 and 1.18.33 (measured); a question is asked in spite of all rules, if it is offered. */
function refuseDenied(turn: TurnContext, use: ToolUse): void {
  if (use.tool === "question") return;
  const [permission, pattern] = needOf(turn, use);
  if (ruleFor(turn, permission, pattern)?.action !== "deny") return;
  throw new Error(
    `${
      turn.old ? "Error: " : ""
    }The user has specified a rule which prevents you from using this ` +
      "specific tool call. Here are some of the relevant rules []",
  );
}

/**
 * The names of the tools that the model is offered: the test's, `task` for whoever is no sub-agent,
 * and `question`; 1.1.53 offers that whatever the session's rules say (measured).
 */
export function offeredTools(turn: TurnContext): string[] {
  const names = Object.keys(turn.world.tools);
  if (turn.rootSessionId === turn.sessionID) names.push("task");
  const isDenied = ruleFor(turn, "question", "*")?.action === "deny";
  if (turn.old || !isDenied) names.push("question");
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
  try {
    refuseDenied(turn, { tool: part.tool, input });
    // A sub-agent's session has none of its parent's rules (measured).
    if (outside && ruleFor(turn, "external_directory", outside)?.action === "ask") {
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

/** Asks, and waits for the reply. After an abort the request stays listed forever (measured). */
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
