/** The lines of a log: what each is, which are wanted, and how they look in a terminal. */
import assert from "node:assert/strict";
import { eventLines } from "../../../src/worker/narration.ts";
import type { LoopEvent } from "../../../src/loop/event.ts";
import { PLAIN } from "../../../src/terminal/colors.ts";
import { width } from "../../../src/terminal/table.ts";
import { parseSince } from "../../../src/cli/since.ts";
import {
  entryPrinter,
  failedWith,
  isWanted,
  type LogEntry,
  logReader,
} from "../../../src/cli/output/log_entry.ts";

Deno.env.set("TZ", "Europe/Berlin");
const NOON = Date.UTC(2026, 10, 20, 12);

const tool = { type: "tool", tool: "bash", refused: false, subagent: false } as const;
const EVENTS: readonly LoopEvent[] = [
  { type: "warning", text: "first" },
  {
    type: "iteration_started",
    number: 3,
    maxIterations: 10,
    story: "US-001",
    title: "iteration 9/9 of it",
    storiesOpen: 1,
    storiesTotal: 2,
  },
  { type: "text", text: "iteration 7/10 is what I say\ncompleted: all", subagent: false },
  { ...tool, title: "npm test", status: "completed", exitCode: 2 },
  { ...tool, title: "ls", status: "completed", exitCode: 0 },
  { ...tool, title: "grep x", status: "completed", exitCode: 1, subagent: true },
  {
    type: "session_ended",
    session: 1,
    task: "t",
    status: "completed",
    reason: "all_stories_pass",
    detail: "all pass",
    iterations: 3,
    usage: null,
    durationMs: 1,
    workedMs: 1,
    gates: [],
    claimsTakenBack: 0,
    left: [],
  },
];

/** As the worker logs them, a minute apart. */
const LINES = EVENTS.flatMap((event, i) =>
  eventLines(event, PLAIN).filter((line) => line.trim() !== "")
    .map((line) => `${new Date(NOON + i * 60_000).toISOString()} ${line}`)
);
const entries = (): LogEntry[] => LINES.map(logReader());

Deno.test("each line is of the iteration that the loop was in, whatever an agent writes", () => {
  assert.deepEqual(
    entries().map(({ iteration, text }) => `${iteration} ${text.trim().split(/ {2}|\n/)[0]}`),
    [
      "null warning: first",
      "3 iteration 3/10",
      "3 iteration 7/10 is what I say",
      "3 completed: all",
      "3 bash",
      "3 bash",
      "3 bash",
      "null completed: all pass",
      "null 3 iterations · 0.0s · tokens unknown · cost unknown",
    ],
  );
});

Deno.test("a command that failed is marked with its exit code", () => {
  assert.deepEqual(entries().map(failedWith).filter((code) => code !== undefined), [2, 1]);
  assert(LINES.some((line) => line.endsWith("  bash   npm test ✗ exit code 2")));
});

Deno.test("lines are wanted by iteration, time and pattern, all of them together", () => {
  const texts = (filter: Parameters<typeof isWanted>[1]) =>
    entries().filter((entry) => isWanted(entry, filter)).length;
  assert.equal(texts({}), 9);
  assert.equal(texts({ iteration: 3 }), 6);
  assert.equal(texts({ since: NOON + 3 * 60_000 }), 5);
  assert.equal(texts({ iteration: 3, since: NOON + 3 * 60_000, grep: /exit code/ }), 2);
  const untimed = logReader();
  assert(!isWanted(untimed("    at file.ts:1"), { since: 0 }), "its time is not known");
});

Deno.test("in a terminal a line has the time of day here, a new day is told, and long lines go on below", () => {
  const read = logReader();
  const print = entryPrinter({ columns: 30, colors: PLAIN, today: NOON });
  const shown = [
    "2026-11-19T22:59:59.000Z   one two three four five six",
    "2026-11-19T23:00:01.000Z   bash   🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀",
    "    at \x1b[2J",
  ].flatMap((line) => print(read(line)));
  assert.deepEqual(shown, [
    "2026-11-19",
    "23:59:59    one two three four",
    "            five six",
    "2026-11-20",
    "00:00:01    bash",
    "            🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀",
    "              at \\x1b[2J",
  ]);
  assert.deepEqual(shown.filter((line) => width(line) > 32), []);
});

Deno.test("since: so long ago, the last such time of day here, or a date", () => {
  const at = (text: string) => {
    const parsed = parseSince(text, NOON);
    return "value" in parsed ? new Date(parsed.value).toISOString() : "refused";
  };
  const cases: [string, string][] = [
    ["90m", "2026-11-20T10:30:00.000Z"],
    ["12:59", "2026-11-20T11:59:00.000Z"],
    ["13:00:00", "2026-11-20T12:00:00.000Z"],
    ["13:01", "2026-11-19T12:01:00.000Z"],
    ["2026-11-20", "2026-11-19T23:00:00.000Z"],
    ["2026-11-20 09:30", "2026-11-20T08:30:00.000Z"],
    ["2026-11-20T09:30:00Z", "2026-11-20T09:30:00.000Z"],
    ["25:00", "refused"],
    ["2026-13-01", "refused"],
    ["yesterday", "refused"],
    ["10", "refused"],
  ];
  for (const [text, expected] of cases) assert.equal(at(text), expected, text);
});
