import assert from "node:assert/strict";
import fc from "fast-check";
import { changes } from "../../../../src/cli/watch/changes.ts";
import { glyphsFor } from "../../../../src/cli/watch/glyphs.ts";
import { lineText } from "../../../../src/cli/watch/lines.ts";
import {
  type Details,
  inOrder,
  type Model,
  type Round,
  storyViews,
  type TaskView,
} from "../../../../src/cli/watch/model.ts";
import { createPainter } from "../../../../src/cli/watch/paint.ts";
import { screen } from "../../../../src/cli/watch/screen.ts";
import { FIRST_VIEW, TASK_COMMANDS, type View } from "../../../../src/cli/watch/view.ts";
import type { Session } from "../../../../src/store/model.ts";
import { parsePrd } from "../../../../src/task/prd.ts";
import { UNSEEN } from "../../../../src/terminal/plain.ts";
import { width } from "../../../../src/terminal/table.ts";
import { VERSION } from "../../../../src/version.ts";

// Times of day are told as they are here.
Deno.env.set("TZ", "Europe/Berlin");

const NOON = Date.UTC(2026, 10, 20, 12);
const ago = (ms: number) => new Date(NOON - ms).toISOString();
const MINUTE = 60_000;
const UNICODE = glyphsFor((name) => name === "LANG" ? "de_DE.UTF-8" : undefined);
const URL = "http://127.0.0.1:14096";

const SESSION: Session = {
  ...{ id: 4, taskName: "checkout", taskDir: "/shop/tasks/checkout", projectRoot: "/shop" },
  ...{ status: "running", reason: null, detail: null, currentStory: "US-003", epoch: 1 },
  ...{
    activity: "agent working",
    activityKind: null,
    activitySince: ago(MINUTE),
    iterations: 3,
    maxIterations: 10,
  },
  ...{ model: "anthropic/claude", agent: null, serverUrl: URL, serverPort: 14096 },
  ...{ openCodeSessionId: "ses_1", workerPid: 4711, workerVersion: VERSION, workerBoot: null },
  ...{ workerUnit: null, workerStartedAt: ago(12 * MINUTE), logPath: null, said: null },
  ...{
    accepted: false,
    onlyStory: null,
    resumedAfter: 0,
    earlier: null,
    startedAt: ago(12 * MINUTE),
    updatedAt: ago(0),
    endedAt: null,
  },
};

const PRD = `# Checkout
### US-001: The cart
- [x] done
### US-002: The address
- [x] done
### US-003: Pay by card
- [ ] open
### US-004: A receipt
**Depends on:** US-003
- [ ] open
### US-005: Vouchers
- [ ] open
### US-006: Gift wrap
**Status:** Cancelled
- [ ] open
`;
const prd = parsePrd({ path: "/shop/prd.md", bytes: new TextEncoder().encode(PRD) });

const USAGE = {
  ...{ inputTokens: 8_000, outputTokens: 400, reasoningTokens: 0, cacheReadTokens: 0 },
  ...{
    cacheWriteTokens: 0,
    costUsd: 1.25,
    derivedCostUsd: 0,
    modelCalls: 9,
    unpricedCalls: 0,
    uncountedCalls: 0,
    unknownParts: 0,
  },
};

const RUNNING: TaskView = {
  ...{ taskDir: SESSION.taskDir, name: "checkout", projectRoot: "/shop", session: SESSION },
  ...{ live: true, usage: USAGE, budgetUsd: 5, stories: storyViews(prd, "US-003") },
  last: { at: NOON - 95_000, text: "bash   npm test" },
};
const STOPPED: TaskView = {
  ...{ taskDir: "/shop/tasks/search", name: "search", projectRoot: "/shop", live: false },
  session: {
    ...{ ...SESSION, id: 3, taskName: "search", taskDir: "/shop/tasks/search", status: "stopped" },
    ...{ reason: "no_progress", detail: "three iterations changed nothing", activity: null },
    ...{ startedAt: ago(190 * MINUTE), endedAt: ago(180 * MINUTE) },
  },
  stories: storyViews(prd, null),
};
const NEW: TaskView = {
  ...{ taskDir: "/shop/tasks/new", name: "new", projectRoot: "/shop", live: false },
  problem: "cannot read the PRD tasks/new/prd.json: line 3",
};
const MODEL: Model = {
  tasks: [RUNNING, STOPPED, NEW],
  health: new Map([[URL, { state: "well", version: "1.18.33" }]]),
};
const ITERATION: Round = {
  ...{ sessionId: 4, number: 3, storyId: "US-003", storyTitle: "Pay by card", openCodeTitle: "t" },
  ...{ openCodeSessionId: null, outcome: null, detail: null, storiesPassed: [], headBefore: null },
  ...{ headAfter: null, commits: null, filesChanged: null, usage: null, blocked: null },
  ...{ failure: null, failureKey: null, retryAt: null, counts: true, abortConfirmed: null },
  ...{ startedAt: ago(4 * MINUTE), promptedAt: null, durationMs: null, endedAt: null },
  standing: { sign: "…", word: "under way", tone: "open" },
};
const DETAILS: Details = {
  iterations: [
    ITERATION,
    {
      ...{ ...ITERATION, number: 2, storyId: "US-002", outcome: "advanced", usage: USAGE },
      ...{ commits: 1, durationMs: 185_000, endedAt: ago(5 * MINUTE), detail: "US-002 passes" },
      standing: { sign: "✓", word: "advanced", tone: "good" },
    },
  ],
  output: Array.from({ length: 60 }, (_, i) => `2026-11-20T11:58:${10 + i % 50}.123Z   line ${i}`),
  diff: ["iteration 2: aaaa..bbbb", "+++ b/x", "+\tnew", "-old"],
};

function shown(
  view: Partial<View> = {},
  { columns = 100, rows = 24, model = MODEL, message = undefined as string | undefined } = {},
) {
  const { lines, ...rest } = screen(model, DETAILS, {
    ...{ columns, rows, now: NOON, glyphs: UNICODE, message },
    view: { ...FIRST_VIEW, ...view },
  });
  return { ...rest, text: lines.map(lineText).map((line) => line.trimEnd()).join("\n") };
}

Deno.test("the screen has all tasks, and of the chosen one what it is at", () => {
  const { text } = shown();
  assert.equal(
    text.replaceAll(/─+$/gm, "─").trimEnd(),
    `ralph watch  1 running · 3 in all · 127.0.0.1:14096 well (1.18.33)
  TASK        STORIES           STORY     NOW                          TIME  SILENT             COST
▸ ● checkout  ███▓▓░░░·· 2/5    US-003    agent working                 12m      1m      $1.25/$5.00
  ■ search    ███░░░░░·· 2/5    -         stopped 3h ago: no_prog…   10m 0s       -          unknown
    new       -                 -         not readable: cannot re…        -       -                -
── checkout ─ [stories]  iterations   output  ─
agent working
session 4 · iteration 3/10 · story US-003 · time 12m · silent 1m · cost $1.25 (limit $5.00)
model anthropic/claude · worker 4711 alive · server 127.0.0.1:14096 well (1.18.33)
last: bash   npm test
  ✓ done      US-001  The cart
  ✓ done      US-002  The address
  ▶ in hand   US-003  Pay by card
  ◌ waits     US-004  A receipt  (for US-003)
  ○ open      US-005  Vouchers
  – left out  US-006  (its status is Cancelled)







? help  q leave  Enter open  Tab view  / filter  a attach  s stop  c checkpoint  r run  n say  l log`,
  );
  const narrow = shown({}, { columns: 60 }).text;
  assert.match(narrow, /^▸ ● checkout {2}███▓░░░· 2\/5 {4}US-003 {4}agent working$/m);
  assert.match(narrow, /silent 1m/);
  assert.match(shown({}, { columns: 180 }).text, /anthropic\/claude +bash {3}npm test/);
});

Deno.test("tasks at work come first, then this project's; namesakes have their project's name", () => {
  const named = { ...STOPPED, name: "checkout", taskDir: "/site/x", projectRoot: "/site" };
  const first: TaskView = { ...RUNNING, session: { ...SESSION, id: 2 }, taskDir: "/a", name: "a" };
  const tasks = inOrder([named, NEW, STOPPED, RUNNING, first], "/shop");
  assert.deepEqual(tasks.map(({ taskDir }) => taskDir), [
    "/a",
    ...[RUNNING.taskDir, STOPPED.taskDir, NEW.taskDir, "/site/x"],
  ]);
  const { text } = shown({}, { model: { ...MODEL, tasks } });
  assert.match(text, /● shop\/checkout [^]*■ site\/checkout /);
});

Deno.test("each view, question and message has its place", () => {
  const views: readonly (readonly [Partial<View>, RegExp])[] = [
    [
      { shows: "iterations" },
      /▸ 3 {2}US-003 {2}under way {2}4m +- [^]* 2 {2}US-002 {2}advanced {3}3m 5s {2}8,400 tokens/,
    ],
    [{ shows: "iterations", iteration: 2 }, /▸ 2 {2}US-002/],
    [{ shows: "output" }, /12:58:19 {3}line 59\n\? help/],
    [{ shows: "output", scroll: 10 }, /line 49\n\? help/],
    [{ shows: "diff", whole: true }, /\[diff\][^]*\n\+ {4}new\n-old/],
    [{ whole: true }, /^ralph watch.*\n── checkout/],
    [{ helps: true }, /^Keys of ralph watch/],
    [{ asks: "filter", filter: "che" }, /\n\/che_\nEnter show these {2}Esc show all/],
    [{ filter: "xyz" }, /No task has `xyz`/],
    [
      { asks: { command: TASK_COMMANDS[1], taskDir: STOPPED.taskDir } },
      /\nstop search: abort .*\? y \/ n\ny yes {2}any other key: no/,
    ],
    [{ task: STOPPED.taskDir }, /▸ ■ search[^]*three iterations changed nothing/],
    [{ task: NEW.taskDir }, /cannot read the PRD tasks\/new\/prd\.json: line 3/],
  ];
  for (const [view, what] of views) assert.match(shown(view).text, what);
  assert.match(shown({}, { message: "stopped `x`" }).text, /\nstopped `x`\n\? help/);
  const trouble = { ...MODEL, trouble: "the database is locked" };
  assert.match(shown({}, { model: trouble }).text, /\nthe database is locked\n\? help/);
  const away = new Map([[URL, { state: "not well", why: "connection refused" } as const]]);
  assert.match(
    shown({}, { model: { ...MODEL, health: away } }).text,
    /not well: connection refused/,
  );
  const none = { tasks: [], health: new Map() };
  assert.match(shown({}, { model: none }).text, /No task yet\. `ralph new <name>` makes one/);
  assert.match(shown({}, { columns: 12, rows: 3 }).text, /^too small/);
});

Deno.test("over the whole screen no line is cut, and what is told stands there to its last word", () => {
  const [narrow, low] = [60, 20];
  const of = (
    view: Partial<View>,
    task: Partial<TaskView> = {},
    details: Partial<Details> = {},
  ) => {
    const model = { ...MODEL, tasks: [{ ...RUNNING, ...task }, STOPPED] };
    const pages: string[] = [];
    let scrollMax = Infinity;
    for (let scroll = 0; scroll <= scrollMax; scroll++) {
      const shown = screen(model, { ...DETAILS, ...details }, {
        ...{ columns: narrow, rows: low, now: NOON, glyphs: UNICODE },
        view: { ...FIRST_VIEW, ...view, scroll },
      });
      scrollMax = shown.scrollMax;
      pages.push(...shown.lines.map((line) => lineText(line).trim()));
    }
    return pages.join(" ");
  };
  const long = Array.from({ length: 40 }, (_, i) => `word${i}`).join(" ");
  const wide = "日本語の出力は全部読める🎉".repeat(8);
  const story = { id: "US-1", title: `${long} end`, state: "open", why: "" } as const;
  assert.match(of({ whole: true }, { stories: [story] }), /word20[^…]*word39 end/);
  assert.match(of({}, { stories: [story] }), /word1[^]*…/);
  const round = { ...ITERATION, detail: `${long} end` };
  const view = { whole: true, shows: "iterations" } as const;
  assert.match(of(view, {}, { iterations: [round] }), /word39 end/);
  const output = [
    `2026-11-20T11:58:10.123Z   bash   ${long} end`,
    `2026-11-20T11:58:11.123Z ${wide}.`,
  ];
  const said = of({ whole: true, shows: "output" }, {}, { output });
  assert.match(said, /12:58:10 {3}bash {3}word0[^…]*word39 end/);
  assert.equal(said.replaceAll(/[^日本語の出力は全部読める🎉]/gu, "").length % wide.length, 0);
  assert.match(of({ whole: true, shows: "diff" }, {}, { diff: [`+${long} end`] }), /word39 end/);
  assert.match(of({ helps: true }), /agent's conversation in OpenCode; leaving it comes back here/);
  assert.match(of({ helps: true }), /everything goes on running/);
});

Deno.test("of sixty stories the one in hand is seen at first, and all others by scrolling", () => {
  const stories = Array.from({ length: 60 }, (_, i) => ({
    ...{ id: `US-${i + 1}`, title: `Story ${i + 1}.`, why: "" },
    state: i < 39 ? "done" as const : i === 39 ? "in hand" as const : "open" as const,
  }));
  for (const whole of [false, true]) {
    const at = (scroll: number, task: Partial<TaskView> = {}) => {
      const model = { ...MODEL, tasks: [{ ...RUNNING, stories, ...task }] };
      const shown = screen(model, DETAILS, {
        ...{ columns: 60, rows: 20, now: NOON, glyphs: UNICODE },
        view: { ...FIRST_VIEW, whole, scroll },
      });
      return { ...shown, text: shown.lines.map(lineText).join("\n") };
    };
    const { text, scrollMin, scrollMax } = at(0);
    assert.match(text, /Story 40\./);
    assert.match(text, /Story 39\.[^]*Story 41\./);
    assert.match(at(scrollMin).text, /Story 1\./);
    assert.match(at(scrollMax).text, /Story 60\./);
    assert.equal(at(scrollMin - 9).text, at(scrollMin).text);
    const ended = stories.map((one) => ({ ...one, state: "done" as const }));
    assert.match(at(0, { stories: ended }).text, /Story 1\./, "of what is done the beginning");
  }
});

Deno.test("of a long log the rows that are shown are the right ones, at any place", () => {
  const output = Array.from(
    { length: 300 },
    (_, i) => `2026-11-20T11:58:10.123Z ${"x".repeat(i % 7 * 15)} line ${i}.`,
  );
  for (const columns of [60, 40]) {
    const at = (scroll: number) =>
      screen(MODEL, { ...DETAILS, output }, {
        ...{ columns, rows: 20, now: NOON, glyphs: UNICODE },
        view: { ...FIRST_VIEW, shows: "output", whole: true, scroll },
      });
    const { scrollMax, page } = at(0);
    const seen = new Set<string>();
    for (let scroll = 0; scroll < scrollMax + page; scroll += page - 2) {
      const text = at(Math.min(scroll, scrollMax)).lines.map(lineText).join("\n");
      for (const [, number] of text.matchAll(/line\s+(\d+)\./g)) seen.add(number);
    }
    assert.equal(seen.size, 300, `${columns} columns`);
    assert.match(at(0).lines.map(lineText).join("\n"), /line\s+299\.\s*\n\? help/);
    assert.match(at(scrollMax).lines.map(lineText).join("\n"), /\sline 0\./);
  }
});

Deno.test("a filter and how a task ended can be read at 60 columns", () => {
  const narrow = { columns: 60, rows: 20 };
  const filtered = shown({ filter: "nothing like that at all" }, narrow).text;
  assert.match(filtered, /^ralph watch {2}0 with `nothing like that a…` · 1 running/);
  assert.match(filtered.replaceAll(/ *\n/g, " "), /name, project or status; Esc shows all\./);
  const detail = `${"the gate fails, as it did before; ".repeat(8)}end`;
  const session = STOPPED.session && { ...STOPPED.session, detail };
  const model = { ...MODEL, tasks: [{ ...STOPPED, session }] };
  const whole = shown({ whole: true }, { ...narrow, model }).text.replaceAll(/ *\n/g, " ");
  assert(whole.includes(detail), whole);
  const message =
    "error: `checkout` is running already (session 4, iteration 3 of 10, worker 4711)";
  assert.match(
    shown({}, { ...narrow, message }).text.replaceAll(/ *\n/g, " "),
    /worker 4711\) \? help/,
  );
  const usage = { ...USAGE, unknownParts: 1, costUsd: 0.1012 };
  const cost = { ...MODEL, tasks: [{ ...RUNNING, usage }] };
  assert.match(
    shown({}, { model: cost }).text,
    / ≥\$0\.10\/\$5\.00\n[^]*cost \$0\.1012 \+ 1 iteration of unknown cost \(limit \$5\.00\)/,
  );
});

Deno.test("whatever is foreign, and however small the terminal, no line breaks out", () => {
  const foreign = fc.string({ unit: "binary", maxLength: 60 });
  const session = fc.record({
    activity: foreign,
    currentStory: foreign,
    model: foreign,
    taskName: foreign,
  });
  fc.assert(
    fc.property(
      ...[
        session,
        foreign,
        foreign,
        fc.integer({ min: 1, max: 220 }),
        fc.integer({ min: 1, max: 70 }),
      ] as const,
      fc.constantFrom("stories", "iterations", "output", "diff"),
      fc.boolean(),
      (session, name, text, columns, rows, shows, whole) => {
        const task: TaskView = {
          ...{ ...RUNNING, name, problem: text, session: { ...SESSION, ...session } },
          last: { at: NOON, text },
          stories: [{ id: name, title: text, state: "waits", why: text }],
        };
        const { lines } = screen({ ...MODEL, tasks: [task], trouble: text }, {
          ...{ diff: [text], output: [text] },
          iterations: [{ ...ITERATION, storyId: name, detail: text }],
        }, {
          ...{ columns, rows, now: NOON, glyphs: UNICODE, message: text },
          view: { ...FIRST_VIEW, shows, whole, filter: "" },
        });
        assert.equal(lines.length, rows);
        for (const line of lines.map(lineText)) {
          assert(width(line) <= columns, JSON.stringify(line));
          // An emoji keeps its joiners.
          assert.doesNotMatch(line.replaceAll(/[\u200d\ufe0f\u20e3]/g, ""), UNSEEN);
        }
      },
    ),
    { numRuns: 40 },
  );
});

Deno.test("a bar is as long as it says, and shows each state that there is", () => {
  fc.assert(fc.property(
    fc.array(fc.constantFrom("done", "in hand", "open", "waits", "left out"), {
      minLength: 1,
      maxLength: 90,
    }),
    (states) => {
      const stories = states.map((
        state,
        i,
      ) => ({ id: `${i}`, title: "", state, why: "" } as const));
      const { lines } = screen({ ...MODEL, tasks: [{ ...RUNNING, stories }] }, DETAILS, {
        ...{ columns: 100, rows: 24, now: NOON, glyphs: UNICODE, view: FIRST_VIEW },
      });
      const [, bar] = /checkout {2}([█▓░·]+) /.exec(lineText(lines[2])) ?? [];
      assert.equal(bar?.length, 10);
      for (const state of ["done", "in hand", "open", "left out"] as const) {
        const shown = stories.some((one) =>
          one.state === state || one.state === "waits" && state === "open"
        );
        assert.equal(bar.includes(UNICODE.bar[state]), shown, bar);
      }
    },
  ));
});

Deno.test("only what differs is sent, as one update", () => {
  let sent = "";
  const { show, forget } = createPainter((text) => sent += text);
  const after = (lines: readonly string[]) => {
    sent = "";
    show(lines, 4);
    return sent;
  };
  const all = "\x1b[?2026h\x1b[2J\x1b[1;1Ha\x1b[K\x1b[2;1Hfull\x1b[?2026l";
  assert.equal(after(["a", "full"]), all);
  assert.equal(after(["a", "full"]), "");
  assert.equal(after(["b", "full"]), "\x1b[?2026h\x1b[1;1Hb\x1b[K\x1b[?2026l");
  forget();
  assert.equal(after(["a", "full"]), all);
  assert(after(["a", "full", ""]).includes("\x1b[2J"), "another size");
});

Deno.test("changes between two looks are told once each", () => {
  const at = (task: Partial<TaskView>, session: Partial<Session> = {}): Model => ({
    ...MODEL,
    tasks: [{ ...RUNNING, ...task, session: { ...SESSION, ...session } }],
  });
  const told = (before: Model | undefined, after: Model) =>
    changes(before, after).map(({ what }) => what);
  assert.deepEqual(told(undefined, MODEL), [
    "session 4 is running",
    "iteration 3/10, US-003",
    "agent working",
    "server 127.0.0.1:14096 well (1.18.33)",
  ]);
  assert.deepEqual(told(MODEL, MODEL), []);
  const passed = storyViews({
    ...prd,
    stories: prd.stories.map((story) => ({ ...story, passes: story.id !== "US-005" })),
  }, null);
  assert.deepEqual(
    told(at({}), at({ stories: passed }, { iterations: 4, activity: "running gates" })),
    [
      "story US-003 done (4/5)",
      "story US-004 done (4/5)",
      "iteration 4/10, US-003",
      "running gates",
    ],
  );
  assert.deepEqual(told(at({ stories: passed }), at({})), [
    "story US-003 open again (2/5)",
    "story US-004 open again (2/5)",
  ]);
  assert.deepEqual(told(at({}), at({ live: false })), ["its worker is gone"]);
  const end = { status: "failed", reason: "worker_died", detail: "without a word" } as const;
  assert.deepEqual(told(at({}), at({ live: false }, end)), ["failed: worker_died: without a word"]);
  assert.deepEqual(told(undefined, { ...MODEL, tasks: [STOPPED], health: new Map() }), []);
  assert.deepEqual(told(MODEL, { ...MODEL, trouble: "locked" }), ["locked"]);
});
