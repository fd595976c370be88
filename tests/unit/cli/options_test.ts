/**
 * What each option of each command does, by what the worker is given or the command then says: two
 * options that are swapped in the wiring, and one that nobody wires, are seen here.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { CommandContext } from "../../../src/cli/command_context.ts";
import { COMMANDS, program } from "../../../src/cli/program.ts";
import { taskKey } from "../../../src/host/files/paths.ts";
import { takeLock } from "../../../src/host/lock/lock.ts";
import { systemClock } from "../../../src/host/system/clock.ts";
import { makeRalph } from "../../support/ralph.ts";
import { type Home, makeHome, START, WORKER } from "../../reliability/home.ts";

/** Each with a value of its own, and the limit that it has to become. */
const LIMITS: readonly [option: string, value: string, limit: string, stored: number][] = [
  ["--max-iterations", "11", "iterations", 11],
  ["--max-cost", "12.5", "costUsd", 12.5],
  ["--max-tokens", "13", "tokens", 13],
  ["--max-duration", "14h", "durationMs", 14 * 3_600_000],
  ["--turn-time", "15m", "turnMs", 15 * 60_000],
  ["--silence-time", "16m", "silenceMs", 16 * 60_000],
  ["--gate-time", "17m", "gateMs", 17 * 60_000],
  ["--rate-limit-time", "18m", "rateLimitMs", 18 * 60_000],
  ["--server-away-time", "19m", "serverAwayMs", 19 * 60_000],
  ["--max-model-calls", "20", "modelCalls", 20],
  ["--max-broken-answers", "21", "brokenAnswers", 21],
  ["--max-compactions", "22", "compactions", 22],
  ["--max-errors", "23", "errors", 23],
  ["--max-no-progress", "24", "noProgress", 24],
];

type Look = (home: Home) => Promise<void>;

/** A test elsewhere that gives the option, where it takes more than a home to see what it does. */
interface Elsewhere {
  readonly file: string;
  readonly test: string;
}

const UPGRADE_CHECK: Elsewhere = {
  file: "e2e/upgrade_program_test.ts",
  test: "upgrade --check says whether there is a newer release, and changes nothing",
};

const NEW_BY_OPTIONS: Elsewhere = {
  file: "unit/cli/commands/new_test.ts",
  test: "new with options: the PRD says what they say, and has no fault",
};

const PLANNED: Elsewhere = {
  file: "e2e/plan_test.ts",
  test: "what is wanted comes from a file, and model, agent and name are those that are named",
};

const REVIEW: Elsewhere = {
  file: "unit/cli/commands/review_test.ts",
  test: "review asks now, of what is there, says where it sees it, and writes nothing down",
};

const CLEAN_SERVER: Elsewhere = {
  file: "e2e/clean_server_test.ts",
  test: "clean --server deletes what ralph has made and nobody needs (OpenCode 1)",
};

/** Every option of every command but `--help`. */
const OPTIONS: Readonly<Record<string, Readonly<Record<string, Look | Elsewhere>>>> = {
  run: {
    ...Object.fromEntries(LIMITS.map(([option]) => [option, limits])),
    "--all": {
      file: "e2e/queue_test.ts",
      test: "all open tasks run in their order, and a queue whose processes were killed goes on",
    },
    "--fail-fast": {
      file: "reliability/queue_test.ts",
      test: "with --fail-fast no other starts once one has failed",
    },
    "--parallel": {
      file: "e2e/parallel_test.ts",
      test:
        "three tasks at once, one worker killed and conflicts on the way: all are landed, nothing is lost",
    },
    async "--resume"(home) {
      assert.equal((await home.ralph("resume", "one")).code, 4, "there is no session yet");
      await ok(home, "run", "one", "--foreground");
      const { code, stderr } = await home.ralph("run", "one", "--resume");
      assert.equal(code, 2);
      assert.match(stderr, /cannot resume `one`: its last session has completed/);
    },
    async "--model"(home) {
      assert.equal((await lastSession(home, "--model", "some/model")).model, "some/model");
    },
    async "--agent"(home) {
      assert.equal((await lastSession(home, "--agent", "plan")).agent, "plan");
    },
    async "--server"(home) {
      const { serverUrl } = await lastSession(home, "--server", "http://127.0.0.1:4097");
      assert.equal(serverUrl, "http://127.0.0.1:4097");
    },
    async "--base-branch"(home) {
      const { project } = home;
      const prd = {
        branchName: "ralph/two",
        userStories: [{ id: "US-1", passes: true, verify: [["true"]] }],
      };
      await project.write("tasks/two/prd.json", JSON.stringify(prd));
      await project.git("add", "--all");
      await project.git("commit", "--quiet", "-m", "the base");
      await project.git("branch", "base");
      await project.git("commit", "--quiet", "--allow-empty", "-m", "later");
      await ok(home, "run", "two", "--foreground", "--base-branch", "base");
      assert.equal(
        await project.git("rev-parse", "ralph/two"),
        await project.git("rev-parse", "base"),
      );
    },
    "--worktree": {
      file: "unit/control/worktree/prepare_test.ts",
      test: "a task and settings in no commit are committed there; ignored ones are copied",
    },
    async "--say"(home) {
      assert.equal((await lastSession(home, "--say", "the key is here")).said, "the key is here");
    },
    "--only": {
      file: "e2e/only_test.ts",
      test: "one story is worked on, and its end is not taken for the task's",
    },
    async "--no-review"(home) {
      const ralphJson = join(home.task.projectRoot, "ralph.json");
      await Deno.writeTextFile(ralphJson, JSON.stringify({ verify: [["true"]], review: {} }));
      await ok(home, "run", "one", "--foreground");
      await ok(home, "run", "one", "--foreground", "--no-review");
      const database = new DatabaseSync(home.database, { readOnly: true });
      const rows = database.prepare("SELECT settings FROM session_starts ORDER BY session_id")
        .all();
      database.close();
      const kept = rows.map(({ settings }) => JSON.parse(String(settings)).review);
      assert.deepEqual(kept, [{ rounds: 2, when: "story" }, false]);
    },
    async "--accept"(home) {
      assert.equal((await lastSession(home)).accepted, false);
      assert.equal((await lastSession(home, "--accept")).accepted, true);
    },
    "--state": {
      file: "e2e/moved_state_test.ts",
      test: "a RALPH_STATE that is relative is refused, and a --state is not",
    },
    "--grace": {
      file: "e2e/moved_state_test.ts",
      test: "what is not recorded within --grace is found by the next run",
    },
    async "--print-prompt"(home) {
      await home.project.write("tasks/open/prd.md", "# PRD\n\n### US-007: Open\n\n- [ ] it is\n");
      assert.match(await ok(home, "run", "open", "--print-prompt"), /US-007/);
      const { type, task, story, prompt } = await json(home, "run", "open", "--print-prompt");
      assert.deepEqual([type, task, story], ["prompt", "open", "US-007"]);
      assert.match(String(prompt), /it is/);
      assert.equal((await home.ralph("history")).stdout, "", "nothing has begun");
    },
    async "--foreground"(home) {
      assert.match(await ok(home, "run", "one", "--foreground"), /completed: the story passes/);
    },
    async "--json"(home) {
      const lines = (await ok(home, "run", "one", "--foreground", "--json")).trim().split("\n");
      const seen = ["session_started", "protected", "gate", "session_ended"];
      assert.deepEqual(lines.map((line) => JSON.parse(line).type), seen);
    },
    async "--verbose"(home) {
      const args = ["run", "one", "--foreground", "--json", "--verbose"];
      const lines = (await ok(home, ...args)).trim().split("\n");
      assert(lines.some((line) => JSON.parse(line).type === "writing"));
    },
  },
  status: {
    async "--all"(home) {
      const store = home.open();
      for (let i = 0; i < 101; i++) {
        const { sessionId, epoch } = store.startSession(home.task, WORKER, START);
        store.endSession({ sessionId, epoch }, {
          status: "stopped",
          reason: "user_stop",
          detail: "by a test",
        });
      }
      store.close();
      assert.equal((await json(home, "status", "--sessions", "--all")).length, 101);
      assert.equal((await json(home, "status", "--sessions")).length, 100);
    },
    async "--sessions"(home) {
      await ok(home, "run", "one", "--foreground");
      await ok(home, "run", "one", "--foreground");
      const ids = async (...args: string[]) =>
        (await json(home, "status", ...args)).map(({ id }: { id: number }) => id);
      assert.deepEqual(await ids(), [2]);
      assert.deepEqual(await ids("--sessions"), [2, 1]);
      assert.deepEqual(await ids("one", "--sessions"), [2, 1]);
    },
    "--watch": {
      file: "e2e/watch_test.ts",
      test: "watch prints a line for each change in a pipe, and refuses a dumb terminal",
    },
    async "--json"(home) {
      await ok(home, "run", "one", "--foreground");
      assert.equal((await json(home, "status"))[0].task, "one");
    },
  },
  history: {
    async "--verbose"(home) {
      const store = home.open();
      const { sessionId, epoch } = store.startSession(home.task, WORKER, START);
      const lease = { sessionId, epoch };
      store.beginIteration(lease, {
        number: 1,
        storyId: "US-001",
        storyTitle: "Only",
        openCodeTitle: "one 1",
        headBefore: "a".repeat(40),
      });
      store.setOpenCodeSession(lease, 1, "ses_shown");
      store.endSession(lease, { status: "stopped", reason: "user_stop", detail: "by a test" });
      store.close();
      assert.doesNotMatch(await ok(home, "history"), /ses_shown/);
      assert.match(
        await ok(home, "history", "-v"),
        /1: OpenCode session ses_shown, at aaaaaaaaaaaa/,
      );
    },
    async "--json"(home) {
      await ok(home, "run", "one", "--foreground");
      assert.equal((await json(home, "history"))[0].task, "one");
    },
  },
  show: {
    async "--session"(home) {
      oneIteration(home);
      oneIteration(home);
      assert.match(await ok(home, "show", "one"), /iteration 1 of session 2, one/);
      assert.match(await ok(home, "show", "--session", "1"), /iteration 1 of session 1, one/);
      assert.match(await ok(home, "show", "one", "1", "--session", "1"), /of session 1, one/);
      const { code, stderr } = await home.ralph("show", "one", "2", "--session", "1");
      assert.equal(code, 4);
      assert.match(stderr, /session 1 has no iteration 2 on record; its last one is 1/);
    },
    async "--json"(home) {
      oneIteration(home);
      const shown = await json(home, "show", "one");
      assert.equal(shown.prompt, "do it");
      assert.equal(shown.standing, "taken back");
      assert.deepEqual(shown.answers, [{
        asked: "may I?",
        answer: "once",
        at: "1970-01-01T00:00:00.000Z",
      }]);
    },
  },
  logs: {
    "--follow": {
      file: "e2e/sessions_test.ts",
      test: "logs --follow tells all of a session and ends with it",
    },
    async "--lines"(home) {
      await ok(home, "run", "one", "--foreground");
      const lines = async (...args: string[]) =>
        (await ok(home, "logs", "one", ...args)).split("\n");
      assert.equal((await lines("--lines", "1")).length, 2);
      assert((await lines()).length > 3);
    },
    async "--session"(home) {
      await ok(home, "run", "one", "--foreground");
      await ok(home, "run", "one", "--foreground");
      assert.match(await ok(home, "logs", "one", "--session", "1"), /one {2}session 1,/);
      assert.match(await ok(home, "logs", "--session", "2"), /one {2}session 2,/);
      assert.equal((await home.ralph("logs", "one", "--session", "3")).code, 4);
    },
    async "--iteration"(home) {
      await ok(home, "run", "one", "--foreground");
      const { stdout, stderr } = await home.ralph("logs", "one", "--iteration", "1");
      assert.deepEqual([stdout, stderr], ["", "no line of the log of session 1 matches\n"]);
    },
    async "--since"(home) {
      await ok(home, "run", "one", "--foreground");
      assert.match(await ok(home, "logs", "one", "--since", "1h"), /completed: /);
      assert.equal(await ok(home, "logs", "one", "--since", "2999-01-01"), "");
    },
    async "--grep"(home) {
      for (const costly of ["(a+)+$", "((a|aa))+", "(.*)*x", "(?:a{2,})*b"]) {
        const { code, stderr } = await home.ralph("logs", "one", "--grep", costly);
        assert.equal(code, 2, costly);
        assert.match(stderr, /may take for ever/);
      }
      await ok(home, "run", "one", "--foreground");
      assert.match(
        await ok(home, "logs", "one", "--grep", "^COMPLETED|^completed"),
        /^\S+ completed: .*\n$/,
      );
    },
    async "--json"(home) {
      await ok(home, "run", "one", "--foreground");
      const lines = (await ok(home, "logs", "one", "--json")).trim().split("\n");
      const objects = lines.map((line) => JSON.parse(line));
      assert.deepEqual(Object.keys(objects[0]), [
        "schema",
        "session",
        "iteration",
        "at",
        "text",
        "exitCode",
      ]);
      assert(objects.some(({ text, session }) => session === 1 && text.startsWith("completed: ")));
    },
  },
  report: {
    async "--output"(home) {
      oneIteration(home);
      const file = join(home.state, "a.html");
      Deno.mkdirSync(home.state, { recursive: true });
      assert.equal((await ok(home, "report", "one", "--output", file)).trim(), file);
    },
    "--open": {
      file: "unit/cli/commands/report_test.ts",
      test: "--open hands the file to the desktop's program",
    },
    "--force": {
      file: "unit/cli/commands/report_test.ts",
      test: "what is no report of ralph's stays",
    },
  },
  attach: {
    "--session": {
      file: "e2e/sessions_test.ts",
      test: "US-010: attach finds the session: of a task, by id, and the last active one of all",
    },
    async "--server"(home) {
      await ok(home, "run", "one", "--foreground");
      const { code, stderr } = await home.ralph(
        ...["attach", "one", "--session", "ses_1", "--server", "http://127.0.0.1:4097"],
      );
      assert.equal(code, 6);
      assert.match(stderr, /cannot reach OpenCode at http:\/\/127\.0\.0\.1:4097/);
    },
    "--json": {
      file: "e2e/commands_test.ts",
      test: "each command once: from a new task to a session that is forgotten",
    },
  },
  wait: {
    async "--all"(home) {
      const nothing = await home.ralph("wait", "--all");
      assert.deepEqual([nothing.code, /nothing runs here/.test(nothing.stderr)], [4, true]);
      await using _running = await running(home);
      const all = await home.ralph("wait", "--all", "--timeout", "0");
      assert.equal(all.code, 8);
      assert.match(all.stdout, /^`one` is still running/);
    },
    async "--timeout"(home) {
      await using _running = await running(home);
      assert.equal((await home.ralph("wait", "one", "--timeout", "0")).code, 8);
    },
    async "--json"(home) {
      await ok(home, "run", "one", "--foreground");
      assert.equal((await json(home, "wait", "one")).status, "completed");
    },
  },
  stop: {
    "--force": {
      file: "reliability/stop_worker_test.ts",
      test: "stop --force ends a suspended worker and all that its gate has started",
    },
    async "--all"(home) {
      await ok(home, "run", "one", "--foreground");
      const left = new Deno.Command("setsid", {
        args: ["sleep", "307"],
        cwd: home.project.root,
        env: { OPENCODE: "1" },
        stdin: "null",
        stdout: "null",
        stderr: "null",
      }).spawn();
      const ended = new RegExp(`^  ended   process ${left.pid}: sleep 307$`, "m");
      assert.doesNotMatch(await ok(home, "stop", "one"), ended);
      assert.match(await ok(home, "stop", "one", "--all"), ended);
      assert.equal((await left.status).signal, "SIGTERM");
    },
    async "--json"(home) {
      await ok(home, "run", "one", "--foreground");
      assert.equal((await json(home, "stop", "one")).status, "completed");
    },
  },
  say: {
    async "--next"(home) {
      await ok(home, "say", "one", "at once");
      await ok(home, "say", "one", "later", "--next");
      const store = home.open();
      const words = store.waitingWords(home.task.taskDir);
      store.close();
      assert.deepEqual(words.map(({ forPrompt }) => forPrompt), [false, true]);
    },
    async "--json"(home) {
      const said = await json(home, "say", "one", "a word");
      assert.deepEqual(said, { schema: 1, task: "one", words: 1, running: false, told: null });
    },
  },
  edit: {
    async "--json"({ project }) {
      await using ralph = await makeRalph();
      const env = { EDITOR: "sed -i s/Only/Other/" };
      const { stdout } = await ralph(["edit", "one", "--json"], { cwd: project.root, env });
      assert.deepEqual(JSON.parse(stdout), {
        schema: 1,
        task: "one",
        changed: true,
        changes: ["US-001 changed"],
        told: null,
      });
    },
  },
  plan: {
    "--from": PLANNED,
    "--name": PLANNED,
    "--yes": PLANNED,
    "--json": PLANNED,
    "--model": PLANNED,
    "--agent": PLANNED,
    async "--server"({ ralph }) {
      const { code, stderr } = await ralph("plan", "x", "--server", "http://127.0.0.1:4097");
      assert.equal(code, 6);
      assert.match(stderr, /cannot reach OpenCode at http:\/\/127\.0\.0\.1:4097/);
    },
    async "--from-gh"({ ralph }) {
      const { code, stderr } = await ralph("plan", "x", "--from-gh", "12");
      assert.equal(code, 2);
      assert.match(stderr, /what you want is said twice/);
    },
    "--revise": {
      file: "e2e/plan_test.ts",
      test: "--revise changes open stories alone, also beside a session that runs",
    },
    "--check": {
      file: "e2e/plan_test.ts",
      test: "--check tells by rules what is wrong, and asks no server",
    },
    "--deep": {
      file: "e2e/plan_test.ts",
      test: "--check tells by rules what is wrong, and asks no server",
    },
    ...Object.fromEntries(
      ["--max-cost", "--max-tokens", "--max-duration", "--turn-time"].map((limit) => [limit, {
        file: "e2e/plan_test.ts",
        test: "a limit ends the draft, and says which",
      }]),
    ),
  },
  checkpoint: {
    async "--json"(home) {
      await ok(home, "run", "one", "--foreground");
      assert.equal((await json(home, "checkpoint", "one")).status, "completed");
    },
  },
  resume: {
    async "--interrupted"(home) {
      assert.equal((await home.ralph("resume")).code, 2);
      assert.equal((await home.ralph("resume", "--interrupted")).code, 0);
    },
    async "--json"({ project }) {
      // The worker that is started has the environment of this process: here it gets one of its own.
      await using ralph = await makeRalph();
      const run = async (...args: string[]) => await ralph(args, { cwd: project.root });
      await run("run", "one", "--foreground");
      const database = new DatabaseSync(join(ralph.home, ".local/share/ralph/sessions.db"));
      database.exec(
        "UPDATE sessions SET status = 'running', reason = NULL, ended_at = NULL, worker_boot = 'x'",
      );
      database.exec("DELETE FROM kept_files"); // it ended, so that nothing is kept
      database.close();
      const { stdout, stderr } = await run("resume", "--interrupted", "--json");
      assert.equal(stdout && JSON.parse(stdout).type, "session_started", stderr);
      assert.equal((await run("wait", "one")).code, 0);
    },
  },
  tasks: {
    async "--json"(home) {
      assert.equal((await json(home, "tasks"))[0].task, "one");
    },
  },
  new: {
    async "--json"(home) {
      assert.equal((await json(home, "new", "fresh")).task, "fresh");
    },
    "--title": NEW_BY_OPTIONS,
    "--story": NEW_BY_OPTIONS,
    "--criterion": NEW_BY_OPTIONS,
    "--verify": NEW_BY_OPTIONS,
  },
  review: {
    "--model": REVIEW,
    "--server": REVIEW,
    "--since": REVIEW,
    "--json": REVIEW,
  },
  verify: {
    "--json": {
      file: "unit/cli/commands/verify_test.ts",
      test: "verify runs the gates as they are now, shows what they print, and changes nothing",
    },
  },
  doctor: {
    "--deep": {
      file: "e2e/doctor_test.ts",
      test: "a provider that refuses is found by --deep alone",
    },
    async "--strict"(home) {
      await ok(home, "run", "one", "--foreground");
      Deno.chmodSync(home.data, 0o755); // which is a warning
      assert.equal((await home.ralph("doctor", "store.folders")).code, 0);
      assert.equal((await home.ralph("doctor", "store.folders", "--strict")).code, 1);
    },
    async "--list"(home) {
      assert.match(await ok(home, "doctor", "--list"), /^project\.git +git is ready$/m);
    },
    async "--verbose"(home) {
      assert.match(
        await ok(home, "doctor", "project.root", "--verbose"),
        /\(project\.root, \d+ ms\)/,
      );
      assert.doesNotMatch(await ok(home, "doctor", "project.root"), /project\.root/);
    },
    async "--server"(home) {
      const { stdout } = await home.ralph("doctor", "server", "--server", "http://127.0.0.1:4097");
      assert.match(stdout, /cannot reach OpenCode at http:\/\/127\.0\.0\.1:4097/);
    },
    async "--print-unit"(home) {
      assert.match(await ok(home, "doctor", "--print-unit", "hardening"), /NoNewPrivileges=yes/);
      assert.match(await ok(home, "doctor", "--print-unit"), /ExecStart=/);
    },
    async "--json"(home) {
      assert.equal((await json(home, "doctor", "project.root")).ok, true);
    },
  },
  init: {
    async "--json"(home) {
      const { verify, written } = await json(home, "init", "--yes");
      assert.deepEqual([verify, written], [null, false], "it is there");
      await Deno.remove(join(home.project.root, "ralph.json"));
      await home.project.write("go.mod", "module x");
      assert.equal((await home.ralph("init", "--json")).code, 2);
      const made = await json(home, "init", "--yes");
      assert(made.written && made.verify[0][0] === "go");
      assert.deepEqual(JSON.parse(await home.project.read("ralph.json")).verify, made.verify);
    },
    async "--yes"(home) {
      await Deno.remove(join(home.project.root, "ralph.json"));
      await home.project.write("go.mod", "module x");
      assert.equal((await home.ralph("init")).code, 2);
      await home.ralph("init", "--yes");
      assert.match(await home.project.read("ralph.json"), /\["go", "vet"/);
    },
  },
  land: {
    "--rebase": {
      file: "unit/control/worktree/land_test.ts",
      test: "--rebase puts the work on top of the base",
    },
    "--json": {
      file: "unit/control/worktree/land_test.ts",
      test: "where it has, the base gets a merge of its own, with what the gates have seen",
    },
  },
  clean: {
    "--server": CLEAN_SERVER,
    "--older-than": CLEAN_SERVER,
    async "--worktrees"(home) {
      await ok(home, "run", "one", "--foreground", "--worktree");
      assert.match(await ok(home, "clean", "--worktrees", "--yes"), /removed 1 worktree/);
      assert.equal((await json(home, "history")).length, 1, "its session stays");
    },
    async "--dry-run"(home) {
      await ok(home, "run", "one", "--foreground");
      await ok(home, "clean", "--dry-run");
      assert.equal((await json(home, "history")).length, 1);
    },
    async "--yes"(home) {
      await ok(home, "run", "one", "--foreground");
      assert.equal((await home.ralph("clean")).code, 2);
      await ok(home, "clean", "--yes");
      assert.equal((await home.ralph("history")).stdout, "");
    },
    async "--json"(home) {
      assert.deepEqual(await json(home, "clean", "--yes"), {
        schema: 1,
        found: [],
        forgotten: 0,
        dryRun: false,
      });
    },
  },
  upgrade: {
    "--check": UPGRADE_CHECK,
    "--json": UPGRADE_CHECK,
    "--to": {
      file: "e2e/upgrade_program_test.ts",
      test:
        "upgrade puts the release in place of the binary; a session that runs goes on to its end",
    },
  },
};

Deno.test("every option of every command is in the table", async () => {
  const context = { output: { out: { width: () => 80 } } } as unknown as CommandContext;
  const names = Object.keys(COMMANDS).filter((name) => !name.startsWith("_"));
  const found = await Promise.all(names.map(async (name): Promise<[string, string[]]> => {
    const tree = await program(context, () => {}, [name]);
    const options = tree.commands.find((command) => command.name() === name)?.options ?? [];
    return [name, options.map(({ long }) => long ?? "").toSorted()];
  }));
  const shown = found.filter(([, options]) => options.length > 0);
  const inTable = Object.entries(OPTIONS)
    .map(([name, options]): [string, string[]] => [name, Object.keys(options).toSorted()]);
  assert.deepEqual(Object.fromEntries(inTable), Object.fromEntries(shown));
});

for (const [command, options] of Object.entries(OPTIONS)) {
  for (const [option, look] of Object.entries(options)) {
    if (look === limits) continue; // all at once, below
    Deno.test(`${command} ${option} reaches what it is for`, async () => {
      if (typeof look === "function") {
        await using home = await makeHome();
        return await look(home);
      }
      const text = await Deno.readTextFile(new URL(`../../${look.file}`, import.meta.url));
      const test = text.split(/^(?=\w*[tT]est\(| +await t\.step\()/m)
        .find((part) => part.includes(look.test));
      assert(test?.includes(option), `${look.file} has no such test: ${look.test}`);
    });
  }
}

Deno.test("each limit of `run` is the limit of its name", async () => {
  await using home = await makeHome();
  await limits(home);
});

async function limits(home: Home): Promise<void> {
  const given = LIMITS.flatMap(([option, value]) => [option, value]);
  await ok(home, "run", "one", "--foreground", ...given);
  const database = new DatabaseSync(home.database, { readOnly: true });
  const row = database.prepare("SELECT settings FROM session_starts").get();
  database.close();
  const stored = LIMITS.map(([, , limit, value]) => [limit, value]);
  assert.deepEqual(JSON.parse(String(row?.settings)).limits, Object.fromEntries(stored));
}

async function ok(home: Home, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await home.ralph(...args);
  assert.equal(code, 0, `${args.join(" ")}: ${stdout}${stderr}`);
  return stdout;
}

// deno-lint-ignore no-explicit-any -- what a command prints as JSON
async function json(home: Home, ...args: string[]): Promise<any> {
  return JSON.parse((await home.ralph(...args, "--json")).stdout);
}

/** What is on record of a session that was started with these options. */
async function lastSession(home: Home, ...args: string[]) {
  await ok(home, "run", "one", "--foreground", ...args);
  return (await json(home, "history"))[0];
}

/** An ended session with an iteration whose claim was taken back. */
function oneIteration(home: Home): void {
  using stack = new DisposableStack();
  const store = home.open();
  stack.defer(() => store.close());
  const lease = store.startSession(home.task, WORKER, START);
  const openCodeTitle = `t ${lease.sessionId}`;
  store.beginIteration(lease, { number: 1, storyId: "US-1", storyTitle: "A", openCodeTitle });
  store.setOpenCodeSession(lease, 1, "ses_1", { prompt: "do it" });
  store.addAnswer(lease, 1, { asked: "may I?", answer: "once", at: 0 });
  const claims = [{ storyId: "US-1", held: false, why: "a gate fails" }];
  store.endIteration(lease, { number: 1, outcome: "worked", storiesPassed: [], claims });
  store.endSession(lease, { status: "stopped", reason: "user_stop", detail: "by a test" });
}

/** A session whose worker is this process, as it seems. */
async function running(home: Home): Promise<AsyncDisposable> {
  const store = home.open();
  store.startSession(home.task, { ...WORKER, workerPid: Deno.pid }, START);
  store.close();
  const locks = join(home.data, "locks");
  Deno.mkdirSync(locks, { recursive: true });
  const key = taskKey({ name: "one", dir: home.task.taskDir });
  const lock = await takeLock(join(locks, `${key}.lock`), systemClock);
  assert(lock);
  return { [Symbol.asyncDispose]: () => Promise.resolve(lock.release()) };
}
