/** Turns the server's event stream into what the loop tells: each tool call and each text once. */
import * as path from "node:path";
import type { AgentEvent } from "../../opencode/model.ts";
import type { Emit } from "../event.ts";
import { createBill } from "./bill.ts";

/** The tool's argument that says best what it works on. */
const TELLING = ["command", "filePath", "path", "pattern", "url", "description", "query", "name"];

/**
 * Tells of one turn, given the events of its OpenCode session and of its sub-agents', which are
 * marked as theirs.
 */
export function narrator(
  { sessionId, projectRoot, emit }: { sessionId: string; projectRoot: string; emit: Emit },
): (event: AgentEvent) => void {
  const told = new Set<string>();
  const growing = new Map<string, string>();
  const bill = createBill();
  const calls: { modelCalls: number; model?: string } = { modelCalls: 0 };
  const once = (key: string) => !told.has(key) && told.add(key);

  return (event) => {
    switch (event.type) {
      case "tool":
        if (event.status === "pending" || !once(`${event.callId} ${event.status}`)) return;
        emit({
          type: "tool",
          tool: event.tool,
          title: toolTitle(event, projectRoot),
          status: event.status,
          refused: event.refused,
          ...event.exitCode !== undefined && { exitCode: event.exitCode },
          subagent: event.sessionId !== sessionId,
        });
        return;
      case "text": {
        if (event.kind !== "text" || told.has(event.partId)) return;
        const text = event.text ?? (growing.get(event.partId) ?? "") + (event.delta ?? "");
        growing.set(event.partId, text);
        if (!event.done) {
          emit({ type: "writing", line: text.trimEnd().split("\n").at(-1) ?? "" });
          return;
        }
        growing.delete(event.partId);
        told.add(event.partId);
        if (text.trim() === "") return;
        emit({ type: "text", text, subagent: event.sessionId !== sessionId });
        return;
      }
      case "message": {
        const { role, completedAt, id, costUsd, model } = event.message;
        if (role !== "assistant" || completedAt === undefined || !once(id)) return;
        calls.modelCalls += 1;
        if (model !== undefined) calls.model = model;
        bill.message(event.message, costUsd);
        emit({ type: "used", ...calls, ...bill.sum });
        return;
      }
      case "use":
        bill.counted(event.sessionId, event.use);
        emit({ type: "used", ...calls, ...bill.sum });
    }
  };
}

/** What a call works on; `title` where its input does not say. */
export function toolTitle(
  { title, input }: { title: string; input: Record<string, unknown> },
  projectRoot: string,
): string {
  for (const key of TELLING) {
    const value = input[key];
    if (typeof value !== "string" || value === "") continue;
    if (!path.isAbsolute(value)) return value;
    const inside = path.relative(projectRoot, value);
    return inside.startsWith("..") ? value : inside || ".";
  }
  return title;
}
