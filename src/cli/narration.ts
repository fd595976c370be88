/** The loop's events as lines for people. Values in, strings out. */
import type { LoopEvent } from "../loop/event.ts";
import { type Outcome, tokensOf, type Usage } from "../registry/model.ts";
import { count, duration, plural } from "../terminal/format.ts";
import { plain } from "../terminal/plain.ts";
import { costWords } from "./cost.ts";
import { commandAfter } from "./next_command.ts";
import type { Colors } from "./output.ts";

const TITLE_MAX = 200;
const GOOD: readonly Outcome[] = ["advanced", "worked"];

/** The lines that stay for an event; none for what only a live view shows. */
export function eventLines(event: LoopEvent, colors: Colors): string[] {
  switch (event.type) {
    case "session_started":
      return [
        `${colors.bold(plain(event.task))}  session ${event.session}, at most ${
          plural(event.maxIterations, "iteration")
        }, ${event.server}`,
        ...(event.continues ? [event.continues] : []),
        ...event.warnings.map((text) => warning(text, colors)),
      ];
    case "iteration_started":
      return [
        "",
        colors.bold(`iteration ${event.number}/${event.maxIterations}`) +
        `  ${plain(event.story)} ${plain(event.title, TITLE_MAX)}` +
        colors.dim(`  (${event.storiesOpen} of ${event.storiesTotal} stories open)`),
      ];
    case "opencode_session":
      return [colors.dim(`  OpenCode session ${plain(event.id)}`)];
    case "activity":
      return [colors.yellow(`  ${plain(event.text, 300)}`)];
    case "warning":
      return [warning(event.text, colors)];
    case "gate": {
      const mark = event.passed ? colors.green("✓") : colors.red("✗");
      const why = event.passed ? "" : `: ${plain(event.why, 300)}`;
      return [
        `  ${mark} gate ${event.name}${why}${colors.dim(` (${duration(event.durationMs)})`)}`,
      ];
    }
    case "claim":
      if (event.held) return [];
      return [
        colors.yellow(
          `  ${plain(event.story, 60)} was claimed and ${
            event.held === null ? "not judged" : "taken back"
          }: ${plain(event.why ?? "", 500)}`,
        ),
      ];
    case "note":
      return [colors.yellow(`  ${plain(event.text, 1_000)}`)];
    case "tool": {
      if (event.status === "running") return [];
      const failed = event.status === "error" ? colors.red(" failed") : "";
      return [`${indent(event)}${toolLine(event, colors)}${failed}`];
    }
    case "text":
      return event.text.trim().split("\n").map((line) => `${indent(event)}${plain(line, 2_000)}`);
    case "answered":
      return [
        colors.yellow(`  asked: ${plain(event.asked, TITLE_MAX)}`),
        colors.yellow(`  answered: ${plain(event.answer, TITLE_MAX)}`),
      ];
    case "iteration_ended": {
      const good = GOOD.includes(event.outcome);
      const facts = [
        event.commits !== null && plural(event.commits, "commit"),
        event.filesChanged !== null && `${plural(event.filesChanged, "file")} changed`,
        duration(event.durationMs),
        ...used(event.usage),
      ].filter((fact) => fact !== false);
      const mark = good ? colors.green(`✓ ${event.outcome}`) : colors.red(`✗ ${event.outcome}`);
      return [
        `  ${mark}: ${plain(event.detail, 500)}`,
        colors.dim(`  ${facts.join(" · ")}`),
      ];
    }
    case "session_ended": {
      const word = event.status === "completed"
        ? colors.green(colors.bold(event.status))
        : colors.red(colors.bold(event.status));
      const facts = [
        plural(event.iterations, "iteration"),
        duration(event.durationMs),
        ...used(event.usage),
        ...gateFacts(event),
      ];
      return [
        "",
        `${word}: ${plain(event.detail, 1_000)}`,
        colors.dim(facts.join(" · ")),
        ...event.status === "completed" ? [] : [commandAfter(event, event.task)],
      ];
    }
    case "writing":
    case "used":
      return [];
    default:
      return event satisfies never;
  }
}

/** One line on a tool call. */
export function toolLine(
  { tool, title }: { tool: string; title: string },
  colors: Colors,
): string {
  return `${colors.cyan(plain(tool, 40).padEnd(6))} ${plain(title, TITLE_MAX)}`.trimEnd();
}

function warning(text: string, colors: Colors): string {
  return colors.yellow(`warning: ${plain(text, 1_000)}`);
}

function indent({ subagent }: { subagent: boolean }): string {
  return subagent ? "    " : "  ";
}

function gateFacts(
  { gates, claimsTakenBack }: Extract<LoopEvent, { type: "session_ended" }>,
): string[] {
  const passed = gates.filter((gate) => gate.passed).length;
  return [
    ...gates.length > 0 ? [`${passed} of ${plural(gates.length, "gate")} pass`] : [],
    ...claimsTakenBack > 0 ? [`${plural(claimsTakenBack, "claim")} taken back`] : [],
  ];
}

function used(usage: Usage | null): string[] {
  if (!usage) return ["tokens unknown", "cost unknown"];
  return [
    plural(usage.modelCalls, "model call"),
    `${count(tokensOf(usage))} tokens`,
    costWords(usage),
  ];
}
