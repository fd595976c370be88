/** The tool calls in a turn of the fake OpenCode 2: what they ask first, and what they leave running. */
import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import { sleep } from "../../src/clock.ts";
import type { Assistant, Rule, Shell, StructuredError } from "./fake_v2_state.ts";
import { Cut, startExecution, type TurnContext } from "./fake_v2_turn.ts";
import type { ToolCall } from "./scripted_model.ts";

/** From a command's own end to the turn that it begins (measured). */
const NOTICE_MS = 200;

/** How a call fails that the agent is told of. */
class ToolError extends Error {
  constructor(readonly error: StructuredError) {
    super(error.message);
  }
}

/** Runs one call and writes it into the message. Throws `Cut` where the turn ends with it. */
export async function runToolCall(
  turn: TurnContext,
  message: Assistant,
  { name, input }: ToolCall,
): Promise<void> {
  const { clock, id } = turn.world.host;
  const now = clock.now();
  const part = {
    type: "tool" as const,
    id: id("call"),
    name,
    state: { status: "running" as const, input, structured: {}, content: [] },
    time: { created: now, ran: now },
  };
  const written = { ...part } as Extract<Assistant["content"][number], { type: "tool" }>;
  message.content.push(written);
  const of = { assistantMessageID: message.id, callID: part.id };
  turn.emit("session.tool.input.started", { ...of, name });
  turn.emit("session.tool.called", { ...of, input, executed: false });

  function end(result: { output: string } | { error: StructuredError }): void {
    written.time.completed = clock.now();
    const content = "output" in result ? [{ type: "text" as const, text: result.output }] : [];
    const status = "output" in result ? "completed" : "error";
    written.state = { status, input, content, ...result };
    turn.emit(`session.tool.${"output" in result ? "success" : "failed"}`, {
      ...of,
      ...result,
      content,
    });
    turn.outputs.push("output" in result ? result.output : result.error.message);
  }

  try {
    end({ output: await work(turn, { message, callId: part.id }, { name, input }) });
  } catch (error) {
    if (error instanceof Cut) {
      for (const child of turn.children) child.abort();
      const isLost = error.reason === "lost";
      if (!isLost) end({ error: { type: "aborted", message: "Tool execution interrupted" } });
      throw error;
    }
    end({
      error: error instanceof ToolError
        ? error.error
        : { type: "tool.execution", message: error instanceof Error ? error.message : `${error}` },
    });
  }
}

interface Call {
  readonly message: Assistant;
  readonly callId: string;
}

async function work(turn: TurnContext, call: Call, { name, input }: ToolCall): Promise<string> {
  const { world: { host }, session, signal } = turn;
  if (name === "subagent") return await delegate(turn, input);
  if (name === "question") return await question(turn, call, input);
  const tool = host.tools[name === "shell" ? "bash" : name];
  if (!tool) throw new ToolError({ type: "tool.unknown", message: `Unknown tool: ${name}` });
  const file = String(input.path ?? input.filePath ?? "");
  await requireLeave(turn, call, { name, input, file });
  if (name === "shell" && input.background === true) {
    return inBackground(turn, String(input.command));
  }
  const own = input.path === undefined ? input : { ...input, filePath: input.path };
  return await turn.during(tool(own, { directory: session.directory, signal }));
}

async function requireLeave(
  turn: TurnContext,
  call: Call,
  { name, input, file }: ToolCall & { file: string },
): Promise<void> {
  const { directory } = turn.session;
  const inside = relative(directory, resolve(directory, file));
  const action = ["write", "edit"].includes(name) ? "edit" : name;
  const resource = name === "shell" ? String(input.command) : inside;
  const rule = ruleFor(turn, action, resource);
  if (rule?.effect === "deny") {
    const message = `Permission denied: ${action}`;
    throw new ToolError({ type: "permission.rejected", message });
  }
  if (rule?.effect === "ask") await askLeave(turn, call, { action, resources: [resource] });
  if (!isAbsolute(file) || !inside.startsWith("..")) return;
  const outside = `${dirname(file)}/*`;
  if (ruleFor(turn, "external_directory", outside)?.effect === "allow") return;
  await askLeave(turn, call, { action: "external_directory", resources: [outside] });
}

/** The last rule that matches: of the project's `opencode.json`, then of the session. */
function ruleFor({ session }: TurnContext, action: string, resource: string): Rule | undefined {
  let own: readonly Rule[] = [];
  try {
    own = JSON.parse(Deno.readTextFileSync(join(session.directory, "opencode.json"))).permissions;
  } catch {
    // there is none
  }
  return [...own ?? [], ...session.permissions].findLast((rule) =>
    matchesGlob(action, rule.action) && matchesGlob(resource, rule.resource)
  );
}

const matchesGlob = (text: string, glob: string) =>
  new RegExp(`^${glob.split("*").map((part) => RegExp.escape(part)).join(".*")}$`, "s").test(text);

/** Refused without a word, the turn ends; with one the tool fails, and its words are lost (measured). */
async function askLeave(
  turn: TurnContext,
  { message, callId }: Call,
  what: { action: string; resources: readonly string[] },
): Promise<void> {
  const { world: { host, moves }, life, session } = turn;
  const requestId = host.id("per");
  const source = { type: "tool", messageID: message.id, callID: callId };
  const request = { id: requestId, sessionID: session.id, ...what, source };
  const answering = Promise.withResolvers<Record<string, unknown>>();
  life.permissions.set(requestId, {
    request,
    directory: session.directory,
    reply: answering.resolve,
  });
  host.note({ type: "asked", requestId, sessionId: session.id });
  turn.emit(moves().permissionAsked, request);
  let answer: Record<string, unknown>;
  try {
    answer = await turn.during(answering.promise);
  } finally {
    life.permissions.delete(requestId); // nothing stale is left (measured)
  }
  host.note({ type: "answered", requestId, sessionId: session.id });
  if (answer[moves().permissionKey] !== "reject") return;
  if (answer.message === undefined) throw new Cut("shutdown");
  throw new ToolError({ type: "unknown", message: "" });
}

async function question(
  turn: TurnContext,
  { message, callId }: Call,
  input: ToolCall["input"],
): Promise<string> {
  const { world: { host }, life, session } = turn;
  if (ruleFor(turn, "question", "*")?.effect === "deny") {
    throw new ToolError({ type: "tool.unknown", message: "Unknown tool: question" });
  }
  const asked = input.questions as {
    question: string;
    header: string;
    options?: { label: string }[];
  }[];
  const form = {
    id: host.id("frm"),
    sessionID: session.id,
    title: "Questions",
    metadata: { kind: "question", tool: { messageID: message.id, callID: callId } },
    fields: asked.map(({ question, header, options = [] }, at) => ({
      key: `q${at}`,
      type: "string",
      title: header,
      description: question,
      custom: true,
      options: options.map(({ label }) => ({ value: label, label })),
    })),
  };
  const answering = Promise.withResolvers<Record<string, unknown>>();
  life.forms.set(form.id, {
    request: form,
    directory: session.directory,
    reply: answering.resolve,
  });
  host.note({ type: "asked", requestId: form.id, sessionId: session.id });
  turn.world.emit("form.created", { form }, session.directory);
  try {
    const { answer } = await turn.during(answering.promise);
    host.note({ type: "answered", requestId: form.id, sessionId: session.id });
    return `User has answered your questions: ${JSON.stringify(answer)}`;
  } finally {
    life.forms.delete(form.id);
  }
}

/** A sub-agent's session has none of its parent's rules. */
async function delegate(turn: TurnContext, input: ToolCall["input"]): Promise<string> {
  const { world, life, session, rootSessionId } = turn;
  const child = world.createSession({
    directory: session.directory,
    title: String(input.description),
    parentID: session.id,
    agent: String(input.agent ?? "general"),
    model: session.model,
  });
  child.inbox.push({ id: world.host.id("msg"), type: "user", text: String(input.prompt) });
  const running = startExecution(world, life, { session: child, rootSessionId });
  const said = () => {
    const last = child.messages.findLast(({ type }) => type === "assistant") as
      | Assistant
      | undefined;
    return last?.content.flatMap((part) => part.type === "text" ? [part.text] : []).join("\n") ??
      "";
  };
  if (input.background === true) {
    running.done.then(() => {
      const text = `<subagent id="${child.id}" state="completed">\n${said()}`;
      notify(turn, text, 0);
    });
    return "Started in the background.";
  }
  turn.children.add(running);
  await turn.during(running.done);
  turn.children.delete(running);
  return said();
}

/** Its end, whatever ended it, begins a turn of its session (measured). */
function inBackground(turn: TurnContext, command: string): string {
  const { world: { host, emit }, life, session } = turn;
  const killed = new AbortController();
  const shell: Shell = {
    id: host.id("sh"),
    sessionId: session.id,
    directory: session.directory,
    command,
    kill() {
      life.shells.delete(shell.id);
      killed.abort();
      emit("shell.deleted", { id: shell.id }, session.directory);
      notify(turn, `<shell state="error" command="${command}">`, 0);
    },
  };
  life.shells.set(shell.id, shell);
  const { directory } = session;
  const working = host.tools.bash({ command }, { directory, signal: killed.signal });
  Promise.resolve(working).then(() => "completed", () => "error").then((state) => {
    life.shells.delete(shell.id);
    if (life.ended.signal.aborted || killed.signal.aborted) return;
    emit("shell.exited", { id: shell.id }, directory);
    notify(turn, `<shell state="${state}" command="${command}">`, NOTICE_MS);
  });
  return "The command was moved to the background.";
}

async function notify(turn: TurnContext, text: string, afterMs: number): Promise<void> {
  const { world, life, session, rootSessionId } = turn;
  if (afterMs > 0) await sleep(world.host.clock, afterMs, life.ended.signal);
  if (life.ended.signal.aborted || !world.isThere(session.id)) return;
  session.inbox.push({ id: world.host.id("msg"), type: "synthetic", text });
  startExecution(world, life, { session, rootSessionId });
}
