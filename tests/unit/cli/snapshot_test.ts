/**
 * The text of every command in its main states: arguments, exit code, stdout and stderr. Hermetic:
 * its own folders, a clock that stands still, sessions made for it.
 */
import assert from "node:assert/strict";
import * as path from "node:path";
import picocolors from "picocolors";
import { commandContext } from "../../../src/cli/command_context.ts";
import { execute } from "../../../src/cli/main.ts";
import type { Stream } from "../../../src/cli/output/streams.ts";
import { openUserStore } from "../../../src/app/store.ts";
import { takeLock } from "../../../src/host/lock/lock.ts";
import { makePrivateFolder, taskKey } from "../../../src/host/files/paths.ts";
import type { Usage, WorkerSettings } from "../../../src/store/model.ts";
import { width } from "../../../src/terminal/table.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { checkPrinted } from "../../support/printed_json.ts";
import { assertSnapshot } from "../../support/snapshot.ts";

// Times are told as they are here, which must be the same everywhere.
Deno.env.set("TZ", "Europe/Berlin");

const NOON = Date.UTC(2026, 10, 20, 12);
const MINUTE = 60_000;

const usage: Usage = {
  inputTokens: 8_000,
  outputTokens: 400,
  reasoningTokens: 100,
  cacheReadTokens: 2_000,
  cacheWriteTokens: 0,
  costUsd: 0.0321,
  derivedCostUsd: 0,
  modelCalls: 10,
  unpricedCalls: 0,
  uncountedCalls: 0,
};

/** What the loop found in the two iterations of the task `done`. */
const findings = [
  {
    gates: [
      {
        gate: "deno test",
        passed: false,
        flaky: false,
        why: "exit code 1",
        output: "1 failed",
        durationMs: 800,
      },
      {
        gate: "deno lint",
        passed: true,
        flaky: false,
        why: "exit code 0",
        output: "",
        durationMs: 90,
      },
    ],
    claims: [{ storyId: "US-001", held: false, why: "the gate `deno test` fails: exit code 1" }],
    notes: [{ about: "tests", text: "1 test deleted: a_test.ts: adds \x1b[31m" } as const],
    failureKey: "US-001",
  },
  {
    gates: [
      {
        gate: "deno test",
        passed: true,
        flaky: false,
        why: "exit code 0",
        output: "ok",
        durationMs: 700,
      },
      {
        gate: "deno lint",
        passed: true,
        flaky: false,
        why: "exit code 0",
        output: "",
        durationMs: 90,
      },
    ],
    claims: [{ storyId: "US-002", held: true, why: null }],
    usage: { ...usage, derivedCostUsd: 0.5, unpricedCalls: 2, uncountedCalls: 1 },
  },
];

const LOG = `2026-11-19T12:07:00.000Z iteration 1/10  US-001 Story 1  (2 of 2 stories open)
2026-11-20T12:07:30.000Z   bash   deno test ✗ exit code 1
2026-11-20T12:07:40.000Z   a text that is long enough to be broken in a terminal that is narrow: \x1b[31m
2026-11-20T12:08:00.000Z iteration 2/10  US-002 Story 2  (1 of 2 stories open)
2026-11-20T12:08:10.000Z   bash   deno test
`;

const PRD = `# PRD

### US-001: First

- [x] done

### US-002: Second

- [ ] done
`;

/** A home and a project with one session in each state. */
async function world() {
  const folder = temporaryFolder("ralph-snapshot-");
  const home = path.join(folder.path, "home");
  const project = path.join(folder.path, "project");
  let now = NOON;
  const written = { out: "", err: "" };
  const stream = (name: keyof typeof written, columns?: number): Stream => ({
    write: (text) => written[name] += text,
    line: (text = "") => written[name] += `${text}\n`,
    isTerminal: columns !== undefined,
    width: () => columns ?? 100,
    colors: picocolors.createColors(false),
  });
  /** `columns`: of a terminal. */
  const context = (columns?: number) =>
    commandContext({
      output: {
        out: stream("out", columns),
        err: stream("err", columns),
        inputIsTerminal: false,
      },
      clock: { now: () => now, monotonic: () => now, after: () => () => {} },
      environment: (name) => name === "HOME" ? home : undefined,
      mainUrl: new URL("../../../main.ts", import.meta.url).href,
      cwd: () => project,
    });

  Deno.mkdirSync(path.join(project, ".git"), { recursive: true });
  Deno.writeTextFileSync(path.join(project, ".git/HEAD"), "ref: refs/heads/main\n");
  const dir = (name: string) => path.join(project, "tasks", name);
  for (const name of ["paused", "done", "halted", "lost", "busy", "fresh"]) {
    Deno.mkdirSync(dir(name), { recursive: true });
    Deno.writeTextFileSync(path.join(dir(name), "prd.md"), PRD);
  }
  Deno.mkdirSync(dir("broken"));
  Deno.writeTextFileSync(path.join(dir("broken"), "prd.json"), '{"userStories": [}');

  const store = openUserStore(context());
  const worker: WorkerSettings = {
    maxIterations: 10,
    serverUrl: "http://127.0.0.1:14096",
    serverPort: 14096,
    workerPid: 4242,
    workerVersion: "0.1.0",
    accepted: false,
  };
  const session = (name: string, iterations: number) => {
    const lease = store.startSession(
      { taskName: name, taskDir: dir(name), projectRoot: project },
      { ...worker, model: name === "done" ? "anthropic/large" : undefined },
      {
        settings: name === "done" ? '{"limits":{"costUsd":5}}' : "{}",
        tree: null,
        choices: null,
      },
    );
    for (let number = 1; number <= iterations; number++) {
      store.beginIteration(lease, {
        number,
        storyId: `US-00${number}`,
        storyTitle: `Story ${number}`,
        openCodeTitle: `${name} ${number}`,
        headBefore: "a".repeat(40),
      });
      const prompt = `Do story ${number}.\n\nWell: \x1b[31m\u202e.\n`;
      store.setOpenCodeSession(lease, number, `ses_${name}_${number}`, { prompt });
      store.setPrompted(lease, number);
      if (name === "busy" && number === iterations) break;
      now += MINUTE;
      store.endIteration(lease, {
        number,
        outcome: name === "lost" ? "error" : "advanced",
        detail: name === "lost" ? "APIError: no credits \x1b[31mleft" : `US-00${number} passes`,
        storiesPassed: [],
        commits: 1,
        filesChanged: 3,
        usage: name === "lost" ? undefined : usage,
        ...name === "done" && findings[number - 1],
      });
    }
    return lease;
  };
  store.endSession(session("paused", 1), {
    status: "checkpointed",
    reason: "checkpoint",
    detail: "paused by a person",
  });
  const done = session("done", 2);
  store.recordFinalRun(done, {
    iteration: 2,
    gates: findings[1].gates,
    notes: [],
    takenBack: [],
  });
  store.endSession(done, {
    status: "completed",
    reason: "all_stories_pass",
    detail: "all 2 stories pass",
  });
  store.endSession(session("halted", 1), {
    status: "stopped",
    reason: "max_iterations",
    detail: "the limit of 10 iterations is reached with 1 of 2 stories open",
  });
  store.endSession(session("lost", 3), {
    status: "failed",
    reason: "provider_error",
    detail:
      "3 iterations in a row ended in an error, the last with: APIError: no credits \x1b[31mleft",
  });
  const busy = session("busy", 2);
  const key = taskKey({ name: "busy", dir: dir("busy") });
  const log = path.join(home, `.local/state/ralph/logs/${key}/session-${busy.sessionId}.log`);
  Deno.mkdirSync(path.dirname(log), { recursive: true });
  Deno.writeTextFileSync(log, LOG);
  store.setLogPath(busy, log);
  store.close();
  now += 3 * MINUTE;

  makePrivateFolder(path.join(home, ".local/share/ralph/locks"));
  const lock = await takeLock(path.join(home, `.local/share/ralph/locks/${key}.lock`), {
    now: () => now,
    monotonic: () => now,
    after: () => () => {},
  });

  /** What the command prints, with this run's folders by name. */
  async function transcript(args: readonly string[], columns?: number): Promise<string> {
    written.out = written.err = "";
    const code = await execute(args, context(columns));
    checkPrinted(args, { stdout: written.out, stderr: written.err });
    const shown = args.map((arg) => /^[\w./=-]+$/.test(arg) ? arg : JSON.stringify(arg)).join(" ");
    const where = columns === undefined ? "" : `  # in a terminal of ${columns} columns`;
    if (columns !== undefined) assertFits(written.out, columns);
    const text = `$ ralph ${shown}${where}\nexit: ${code}\n` +
      (written.out && `--- stdout\n${written.out}`) + (written.err && `--- stderr\n${written.err}`);
    return text.replaceAll(project, "<project>").replaceAll(home, "<home>")
      .replaceAll(folder.path, "<folder>").replaceAll(key, "<key>");
  }
  return {
    transcript,
    [Symbol.dispose]() {
      lock?.release();
      folder[Symbol.dispose]();
    },
  };
}

/** In a terminal no line is broken by the terminal itself, but for paths. */
function assertFits(text: string, columns: number): void {
  for (const line of text.split("\n")) {
    if (!/[\w.-]+\/[\w.-]+\//.test(line)) assert(width(line) <= columns, `${columns}: ${line}`);
  }
}

type Case = readonly string[] | { terminal: readonly string[]; columns?: number };

const SNAPSHOTS: Record<string, readonly Case[]> = {
  help: [
    ["--help"],
    ...[
      "run",
      "status",
      "history",
      "show",
      "report",
      "logs",
      "attach",
      "wait",
      "say",
      "edit",
      "stop",
      "checkpoint",
      "tasks",
      "new",
    ]
      .map((command) => [command, "--help"]),
    ["clean", "--help"],
  ],
  status: [
    { terminal: ["status"] },
    { terminal: ["status"], columns: 60 },
    { terminal: ["status"], columns: 160 },
    ["status"],
    { terminal: ["status", "--sessions"] },
    { terminal: ["status", "--sessions"], columns: 60 },
    ["status", "--sessions"],
    ["status", "busy", "--sessions"],
    ["status", "--json"],
    { terminal: ["status", "busy"] },
    { terminal: ["status", "lost"], columns: 60 },
    ["status", "paused"],
    ["status", "done"],
    ["status", "halted"],
    ["status", "lost"],
    ["status", "done", "--json"],
    ["status", "fresh"],
    ["status", "fresch"],
    ["status", "nowhere"],
  ],
  history: [
    { terminal: ["history", "done"] },
    { terminal: ["history", "done", "-v"], columns: 60 },
    { terminal: ["history", "lost"], columns: 160 },
    ["history", "lost"],
    ["history", "busy", "--json"],
  ],
  logs: [
    ["logs", "busy"],
    ["logs", "busy", "-n", "1"],
    ["logs", "done"],
    { terminal: ["logs", "busy"], columns: 60 },
    ["logs", "busy", "--iteration", "2"],
    ["logs", "busy", "--since", "13:07:35"],
    ["logs", "--session", "5", "--grep", "EXIT CODE"],
    ["logs", "--session", "5", "--grep", "exit code", "--json"],
    ["logs", "busy", "--session", "1"],
    ["logs", "busy", "--grep", "("],
    ["logs", "busy", "--since", "soon"],
  ],
  show: [
    { terminal: ["show", "done", "1"] },
    ["show", "done"],
    ["show", "busy", "2"],
    ["show", "lost", "3", "--json"],
    ["show", "busy", "7"],
    ["show", "--session", "99"],
    ["show", "done", "--session", "1"],
    ["show", "fresh"],
  ],
  ended: [
    ["stop", "done"],
    ["stop", "done", "--json"],
    ["stop", "paused"],
    ["checkpoint", "done"],
    ["checkpoint", "paused"],
    ["wait", "done"],
    ["wait", "halted", "--json"],
    { terminal: ["wait", "halted"], columns: 60 },
    ["wait", "paused"],
    ["wait", "busy", "--timeout", "0"],
  ],
  tasks: [{ terminal: ["tasks"] }, ["tasks", "--json"], ["new", "made"], ["new", "made"]],
  clean: [["clean", "--dry-run"], ["clean"], ["clean", "--json"], ["clean", "--yes"], ["status"]],
  errors: [
    ["run", "broken"],
    ["run", "broken", "--json"],
    ["run", "busy"],
    ["run", "fresh", "--server", "http://example.com"],
    ["run", "bad\nname\x1b[31m"],
    ["runn"],
    ["run"],
    ["run", "fresh", "-n", "none"],
    ["attach", "fresh"],
    ["history", "tasks/fresh"],
    ["status", "--jsno"],
  ],
};

for (const [name, cases] of Object.entries(SNAPSHOTS)) {
  Deno.test(`what is printed: ${name}`, async () => {
    using here = await world();
    const transcripts: string[] = [];
    for (const one of cases) {
      transcripts.push(
        "terminal" in one
          ? await here.transcript(one.terminal, one.columns ?? 100)
          : await here.transcript(one),
      );
    }
    assertSnapshot(
      transcripts.join("\n"),
      new URL(`./snapshots/${name}.txt`, import.meta.url),
    );
  });
}
