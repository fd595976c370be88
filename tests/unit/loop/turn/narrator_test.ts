import assert from "node:assert/strict";
import type { LoopEvent } from "../../../../src/loop/event.ts";
import { narrator } from "../../../../src/loop/turn/narrator.ts";
import type { AgentEvent } from "../../../../src/opencode/model.ts";

function told(events: readonly AgentEvent[]): LoopEvent[] {
  const seen: LoopEvent[] = [];
  const narrate = narrator({
    sessionId: "own",
    projectRoot: "/p",
    emit: (event) => seen.push(event),
  });
  for (const event of events) narrate(event);
  return seen;
}

const tool = (
  status: "pending" | "running" | "completed" | "error",
  input: Record<string, unknown>,
  sessionId = "own",
): AgentEvent => ({
  type: "tool",
  sessionId,
  callId: "c1",
  tool: "bash",
  status,
  title: "T",
  input,
  refused: false,
});

const text = (part: Partial<Extract<AgentEvent, { type: "text" }>>): AgentEvent => ({
  type: "text",
  sessionId: "own",
  messageId: "m",
  partId: "p",
  done: false,
  kind: "text",
  ...part,
});

Deno.test("a command that has ended is told with its exit code, where the server says it", () => {
  const ended = { ...tool("completed", { command: "false" }), exitCode: 1 } as AgentEvent;
  const [event] = told([ended]);
  assert.equal(event.type === "tool" && event.exitCode, 1);
});

Deno.test("each state of a tool call is told once, with what says most about it", () => {
  const input = { command: "deno test", description: "Run the tests" };
  const events = told([
    tool("pending", {}),
    tool("running", input),
    tool("running", input),
    tool("completed", input),
    tool("completed", input),
  ]);
  assert.deepEqual(events, [
    {
      type: "tool",
      tool: "bash",
      title: "deno test",
      status: "running",
      refused: false,
      subagent: false,
    },
    {
      type: "tool",
      tool: "bash",
      title: "deno test",
      status: "completed",
      refused: false,
      subagent: false,
    },
  ]);
});

Deno.test("paths in the project are shown from its root, others in full, and a sub-agent's are marked", () => {
  const titles = [{ filePath: "/p/src/a.ts" }, { filePath: "/etc/hosts" }, { path: "/p" }, { n: 1 }]
    .map((input) => told([tool("completed", input, "child")])[0]);
  assert.deepEqual(
    titles.map((event) => event.type === "tool" && [event.title, event.subagent]),
    [["src/a.ts", true], ["/etc/hosts", true], [".", true], ["T", true]],
  );
});

Deno.test("text that grows by pieces is told whole, once; thinking is not told", () => {
  const events = told([
    text({ delta: "Hello\nwor" }),
    text({ delta: "ld" }),
    text({ text: "Hello\nworld", done: true }),
    text({ text: "Hello\nworld", done: true }),
    text({ partId: "q", text: "hm", done: true, kind: "reasoning" }),
    text({ partId: "r", text: "  \n", done: true }),
  ]);
  assert.deepEqual(events, [
    { type: "writing", line: "wor" },
    { type: "writing", line: "world" },
    { type: "text", text: "Hello\nworld", subagent: false },
  ]);
});

Deno.test("what was used is summed up over finished messages, each once", () => {
  const message = (id: string, completedAt?: number): AgentEvent => ({
    type: "message",
    message: {
      id,
      sessionId: "own",
      role: "assistant",
      completedAt,
      costUsd: 0.5,
      tokens: {
        inputTokens: 1,
        outputTokens: 2,
        reasoningTokens: 3,
        cacheReadTokens: 4,
        cacheWriteTokens: 5,
      },
    },
  });
  assert.deepEqual(told([message("a"), message("a", 1), message("a", 1), message("b", 2)]), [
    { type: "used", modelCalls: 1, tokens: 15, costUsd: 0.5 },
    { type: "used", modelCalls: 2, tokens: 30, costUsd: 1 },
  ]);
});
