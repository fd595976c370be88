/** Whom an event of the loop is told to, and in which words. Values in, values out. */
import type { LoopEvent } from "../loop/event.ts";
import type { HOOK_VARIABLES } from "../settings/variables.ts";
import type { Settings } from "../settings/settings.ts";
import { rounded } from "../terminal/json_text.ts";
import { plain } from "../terminal/plain.ts";

type Told = Extract<LoopEvent, { type: "iteration_ended" | "session_ended" }>;

type HookSettings = Pick<Settings, "onEnd" | "onBlocked" | "onIteration" | "notify">;

/** The session that the events are of. */
export interface HookSession {
  readonly task: string;
  readonly projectRoot: string;
  readonly session: number;
}

/** One command, and what it gets. */
export interface HookCall {
  readonly name: "onEnd" | "onBlocked" | "onIteration" | "notify";
  readonly command: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
  /** The event as one line of JSON. */
  readonly input: string;
}

/** Bounds of what a hook gets, in UTF-16 units and entries: all goes through a variable of 128 KiB. */
const TEXT_MAX = 500;
const LIST_MAX = 20;

/** The calls for an event; none for what no hook is told of. */
export function hookCalls(
  event: LoopEvent,
  about: HookSession,
  { settings, os }: { settings: HookSettings; os: typeof Deno.build.os },
): readonly HookCall[] {
  if (event.type !== "session_ended" && event.type !== "iteration_ended") return [];
  const call = (name: HookCall["name"], command: readonly string[] | undefined) => {
    if (command === undefined) return [];
    const input = JSON.stringify(bounded({ hook: name, ...about, ...event }));
    return [{ name, command, input, variables: variablesOf(event, { ...about, name }) }];
  };
  if (event.type === "iteration_ended") return call("onIteration", settings.onIteration);
  const needsPerson = event.reason === "blocked_on_human";
  return [
    ...needsPerson ? call("onBlocked", settings.onBlocked) : [],
    ...call("onEnd", settings.onEnd),
    ...settings.notify ? call("notify", notification(event, os)) : [],
  ];
}

function variablesOf(
  event: Told,
  { name, task, projectRoot, session }: HookSession & { name: string },
) {
  const ended = event.type === "session_ended";
  const variables: Record<typeof HOOK_VARIABLES[number], string> = {
    RALPH_HOOK: name,
    RALPH_MESSAGE: messageOf(event, task),
    RALPH_TASK: task,
    RALPH_PROJECT: projectRoot,
    RALPH_SESSION: String(session),
    RALPH_STATUS: ended ? event.status : "running",
    RALPH_REASON: ended ? event.reason : "",
    RALPH_OUTCOME: ended ? "" : event.outcome,
    RALPH_ITERATION: String(ended ? event.iterations : event.number),
    RALPH_DETAIL: plain(event.detail, TEXT_MAX),
  };
  return variables;
}

/** One line that can be sent as it is. */
function messageOf(event: Told, task: string): string {
  const what = event.type === "session_ended"
    ? event.status
    : `iteration ${event.number} ${event.outcome}`;
  return plain(`${task}: ${what}, ${event.detail}`, TEXT_MAX);
}

function bounded(value: unknown): unknown {
  if (typeof value === "string") return plain(value, TEXT_MAX);
  if (Array.isArray(value)) return value.slice(0, LIST_MAX).map(bounded);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, of]) => [key, bounded(rounded(key, of))]),
  );
}

/** The system's own program for that; what it shows is data, and never read as an option or a script. */
function notification(
  { task, status, detail }: Extract<LoopEvent, { type: "session_ended" }>,
  os: typeof Deno.build.os,
): readonly string[] {
  const title = plain(`ralph: ${task} ${status}`, 100);
  const body = plain(detail, 300);
  if (os === "darwin") {
    const script = [
      "on run argv",
      "display notification (item 2 of argv) with title (item 1 of argv)",
    ];
    return ["osascript", ...[...script, "end run"].flatMap((line) => ["-e", line]), title, body];
  }
  // Desktop Notifications Specification 1.3: the body is read as markup.
  const escaped = body.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const urgency = status === "completed" ? "normal" : "critical";
  return ["notify-send", "--app-name=ralph", `--urgency=${urgency}`, "--", title, escaped];
}
