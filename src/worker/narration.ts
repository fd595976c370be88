/** The loop's events as lines for people. Values in, strings out. */
import type { LoopEvent } from "../loop/event.ts";
import { type Outcome, type Spent, tokensOf, type Usage } from "../store/model.ts";
import { storiesOpen } from "../task/stories_open.ts";
import { duration, plural } from "../terminal/format.ts";
import { flakyWords } from "../terminal/flaky_words.ts";
import { plain } from "../terminal/plain.ts";
import { costWords, tokenWords } from "../terminal/cost.ts";
import { commandAfter } from "../control/next_command.ts";
import { findingWords, isTold, withoutFindings } from "../terminal/finding_words.ts";
import { protectionLines } from "../verify/protected/protection_words.ts";
import type { Colors } from "../terminal/colors.ts";

const TITLE_MAX = 200;

/** The lines that stay for an event; none for what only a live view shows. */
export function eventLines(event: LoopEvent, colors: Colors): string[] {
  switch (event.type) {
    case "session_started":
      return sessionStart(event, colors);
    case "iteration_started":
      return iterationStart(event, colors);
    case "opencode_session":
      return [colors.dim(`  OpenCode session ${plain(event.id)}`)];
    case "activity":
      return [colors.yellow(`  ${plain(event.text, 300)}`)];
    case "warning":
      return [warning(event.text, colors)];
    case "protected":
      return protectionLines(event).map((line) => colors.dim(`  ${line}`));
    case "gate":
      return [gateLine(event, colors)];
    case "review_started":
      return [colors.dim(`  review of ${plain(event.stories.join(", "), 200)}`)];
    case "review":
      return reviewLines(event, colors);
    case "claim":
      return event.held ? whyHeld(event) : [fallenClaim(event, colors)];
    case "note":
      return [colors.yellow(`  ${plain(event.text, 1_000)}`)];
    case "tool": {
      if (event.status === "running") return [];
      const how = toolFailure(event);
      const failed = how === undefined ? "" : colors.red(` ✗ ${how}`);
      return [`${indent(event)}${toolLine(event, colors)}${failed}`];
    }
    case "text":
      return event.text.trim().split("\n").map((line) => `${indent(event)}${plain(line, 2_000)}`);
    case "said": {
      const whom = event.to === "turn" ? "the turn at work" : "the agent, with its prompt";
      return [colors.yellow(`  a person says to ${whom}: ${plain(event.text, 1_000)}`)];
    }
    case "answered":
      return [
        colors.yellow(`  asked: ${plain(event.asked, TITLE_MAX)}`),
        colors.yellow(`  answered: ${plain(event.answer, TITLE_MAX)}`),
      ];
    case "iteration_ended":
      return iterationEnd(event, colors);
    case "session_ended":
      return sessionEnd(event, colors);
    case "writing":
    case "used":
      return [];
    default:
      return event satisfies never;
  }
}

type Of<Type extends LoopEvent["type"]> = Extract<LoopEvent, { type: Type }>;

function sessionStart(event: Of<"session_started">, colors: Colors): string[] {
  const iterations = plural(event.maxIterations, "iteration");
  return [
    `${
      colors.bold(plain(event.task))
    }  session ${event.session}, at most ${iterations}, ${event.server}`,
    ...event.continues ? [event.continues] : [],
    ...event.only === undefined ? [] : [`only ${plain(event.only, 60)} is worked on`],
    ...event.changes.map((change) => colors.yellow(changeLine(change))),
    ...event.warnings.map((text) => warning(text, colors)),
  ];
}

/** Of one value. */
const VALUE_MAX = 120;

/** Each value in the words of ralph.json; of a list what came and what went. */
function changeLine({ setting, before, now, from }: Of<"session_started">["changes"][number]) {
  const what = Array.isArray(before) && Array.isArray(now)
    ? listChange(before, now)
    : `${valueWords(before)} -> ${valueWords(now)}`;
  return `changed since the last session: ${plain(setting, 60)} ${what} (${from})`;
}

function listChange(before: readonly unknown[], now: readonly unknown[]): string {
  const [was, is] = [before, now].map((list) => list.map((one) => JSON.stringify(one)));
  const gone = was.filter((one) => !is.includes(one));
  const come = is.filter((one) => !was.includes(one));
  const words = [
    ...gone.length > 0 ? [`without ${plain(gone.join(", "), VALUE_MAX)}`] : [],
    ...come.length > 0 ? [`with ${plain(come.join(", "), VALUE_MAX)}`] : [],
  ];
  return words.join(", ") || "in another order";
}

function valueWords(value: unknown): string {
  if (value === null || value === undefined) return "not set";
  // Eight seconds are a long fraction of a minute.
  if (typeof value === "number") return String(Number(value.toFixed(3)));
  if (typeof value !== "object") return plain(String(value), VALUE_MAX);
  if ("file" in value && "sha256" in value) {
    return `${plain(String(value.file), VALUE_MAX)} (sha256 ${String(value.sha256).slice(0, 12)})`;
  }
  return plain(JSON.stringify(value), VALUE_MAX);
}

function iterationStart(event: Of<"iteration_started">, colors: Colors): string[] {
  return [
    "",
    colors.bold(`iteration ${event.number}/${event.maxIterations}`) +
    `  ${plain(event.story)} ${plain(event.title, TITLE_MAX)}` +
    colors.dim(`  (${storiesOpen(event.storiesOpen, event.storiesTotal)})`),
  ];
}

function gateLine({ name, durationMs, ...ran }: Of<"gate">, colors: Colors): string {
  const mark = ran.passed ? colors.green("✓") : colors.red("✗");
  const words = ran.flaky ? flakyWords(ran.why) : ran.why;
  const told = ran.passed && !ran.flaky ? "" : `: ${plain(words, 300)}`;
  return `  ${mark} gate ${name}${told}${colors.dim(` (${duration(durationMs)})`)}`;
}

/** The verdict, and what was found with its places. */
function reviewLines(event: Of<"review">, colors: Colors): string[] {
  const { outcome, findings, durationMs, usage } = event;
  const mark = outcome === "passed" ? colors.green("✓") : colors.red("✗");
  const facts = [duration(durationMs), ...usage ? [costWords(usage)] : []].join(", ");
  const told = findings.filter(isTold);
  const why = outcome === "passed" || told.length > 0 ? "" : `: ${plain(event.detail, 500)}`;
  return [
    `  ${mark} review of ${plain(event.stories.join(", "), 200)}: ${outcome}${why}` +
    colors.dim(` (${facts})`),
    ...told.map((one) => `    ${plain(one.storyId, 60)}: ${findingWords(one)}`),
  ];
}

/** What is to be known of a claim that holds, such as that nobody reviewed it. */
const whyHeld = ({ story, why }: Of<"claim">): string[] =>
  why === null ? [] : [`  ${plain(story, 60)} holds: ${plain(why, 500)}`];

function fallenClaim({ story, held, why }: Of<"claim">, colors: Colors): string {
  const fate = held === null ? "not judged" : "taken back";
  return colors.yellow(
    `  ${plain(story, 60)} was claimed and ${fate}: ${plain(withoutFindings(why ?? ""), 500)}`,
  );
}

function iterationEnd(event: Of<"iteration_ended">, colors: Colors): string[] {
  const facts = [
    ...event.commits === null ? [] : [plural(event.commits, "commit")],
    ...event.filesChanged === null ? [] : [`${plural(event.filesChanged, "file")} changed`],
    duration(event.durationMs),
    ...used(event.usage),
  ];
  return [
    `  ${outcomeWords(event.outcome, colors)}: ${plain(event.detail, 500)}`,
    colors.dim(`  ${facts.join(" · ")}`),
  ];
}

/** With the signs of the history. What made no story pass is no failure, and no success either. */
function outcomeWords(outcome: Outcome, colors: Colors): string {
  switch (outcome) {
    case "advanced":
      return colors.green(`✓ ${outcome}`);
    case "worked":
    case "nothing":
      return colors.yellow(`• ${outcome}`);
    case "interrupted":
    case "stopped":
      return colors.dim(`– ${outcome}`);
    default:
      return colors.red(`✗ ${outcome}`);
  }
}

function sessionEnd(event: Of<"session_ended">, colors: Colors): string[] {
  const color = event.status === "completed" ? colors.green : colors.red;
  const facts = [
    plural(event.iterations, "iteration"),
    timeWords(event),
    ...used(event.usage ?? event.spent ?? null),
    ...gateFacts(event),
  ];
  return [
    "",
    `${color(colors.bold(event.status))}: ${plain(event.detail, 1_000)}`,
    colors.dim(facts.join(" · ")),
    ...event.left.map((text) => colors.yellow(plain(text, 1_000))),
    ...event.status === "completed" ? [] : [commandAfter(event, event.task)],
  ];
}

/** Of a session that went on, all that it worked, and what of it was the last part. */
function timeWords({ workedMs, durationMs }: Of<"session_ended">): string {
  const [all, last] = [duration(workedMs), duration(durationMs)];
  return all === last ? all : `${all} in all, ${last} of it now`;
}

/** One line on a tool call. */
export function toolLine(
  { tool, title }: { tool: string; title: string },
  colors: Colors,
): string {
  return `${colors.cyan(plain(tool, 40).padEnd(6))} ${plain(title, TITLE_MAX)}`.trimEnd();
}

/** How a tool call failed; undefined when it did not. A command that fails is a call that is completed. */
function toolFailure({ status, refused, exitCode }: Of<"tool">): string | undefined {
  if (refused) return "refused by your rules";
  if (exitCode !== undefined && exitCode !== 0) return `exit code ${exitCode}`;
  return status === "error" ? "failed" : undefined;
}

function warning(text: string, colors: Colors): string {
  return colors.yellow(`warning: ${plain(text, 1_000)}`);
}

function indent({ subagent }: { subagent: boolean }): string {
  return subagent ? "    " : "  ";
}

function gateFacts(
  { gates, claimsTakenBack }: Of<"session_ended">,
): string[] {
  const passed = gates.filter((gate) => gate.passed).length;
  return [
    ...gates.length > 0
      ? [`${passed} of ${plural(gates.length, "gate")} ${passed === 1 ? "passes" : "pass"}`]
      : [],
    ...claimsTakenBack > 0 ? [`${plural(claimsTakenBack, "claim")} taken back`] : [],
  ];
}

function used(usage: Usage | Spent | null): string[] {
  if (!usage) return ["tokens unknown", "cost unknown"];
  return [
    plural(usage.modelCalls, "model call"),
    tokenWords(tokensOf(usage), usage),
    costWords(usage),
  ];
}
