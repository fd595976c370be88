/**
 * Faults that are put into the program one at a time, to see that the tests notice: each is what
 * somebody could write by mistake, and what a promise to users hangs on.
 */

export interface Mutation {
  /** What the program does wrong then. */
  readonly name: string;
  readonly file: string;
  readonly edits: readonly { readonly old: string; readonly new: string }[];
  /** Files with a test that must fail. */
  readonly tests: readonly string[];
  /** Words in the names of those that are run; default: all in the files. */
  readonly only?: string;
}

const CRASH_POINTS = ["crash_points_test.ts", "crash_points_even_test.ts"]
  .map((file) => `tests/reliability/${file}`);

export const MUTATIONS: readonly Mutation[] = [
  {
    name: "where protected files were changed, what is delivered need not pass",
    file: "src/verify/gates/both_results.ts",
    edits: [{ old: `result.passed && other.passed`, new: `other.passed` }],
    tests: ["tests/unit/verify/gates/gate_runner_test.ts"],
    only: "both ways",
  },
  {
    name: "a program that a gate merely runs is protected from those who are to mend it",
    file: "src/verify/protected/named_files.ts",
    edits: [{ old: `(checks ? files : work)`, new: `files` }],
    tests: ["tests/unit/verify/gates/gate_runner_test.ts"],
    only: "a program that a gate runs",
  },
  {
    name: "two options of `run` are taken for each other",
    file: "src/cli/limit_options.ts",
    edits: [
      { old: `"--max-model-calls <n>"`, new: `"--max-errors <n>"` },
      {
        old: `    "--max-errors <n>",
    "stop`,
        new: `    "--max-model-calls <n>",
    "stop`,
      },
    ],
    tests: ["tests/unit/cli/options_test.ts"],
    only: "limit",
  },
  {
    name: "what a person had not committed is committed with the agent's work",
    file: "src/loop/iteration/ownership.ts",
    edits: [{
      old: ".concat(touched.filter(([file]) => !theirs.has(file)))",
      new: ".concat(touched)",
    }],
    tests: ["tests/unit/loop/iteration/delivery_test.ts"],
    only: "dirty before",
  },
  {
    name: "a server that is busy starting is given up as one that is suspended",
    file: "src/loop/turn/abort.ts",
    edits: [{
      old: `this.#starting ? this.#begunAt + STARTING_MS : this.#heardAt + SILENT_MS`,
      new: `this.#heardAt + SILENT_MS`,
    }],
    tests: ["tests/unit/loop/turn/abort_test.ts"],
  },
  {
    name: "the time in which a starting server is silent counts as stillness",
    file: "src/loop/turn/abort.ts",
    edits: [{
      old: `Math.min(clock.monotonic() - this.#heardAt, STILL_LOOK_MS)`,
      new: `clock.monotonic() - this.#heardAt`,
    }],
    tests: ["tests/unit/loop/turn/abort_test.ts"],
  },
  {
    name: "an absent status counts as the end of a turn",
    file: "src/loop/turn/completion.ts",
    edits: [{
      old: `if (last && isFinished(last) && !isCutOff) {`,
      new: `if (last) {`,
    }],
    tests: ["tests/unit/loop/turn/completion_test.ts"],
  },
  {
    name: "a turn ends beside a sub-agent that is about to wake its agent up",
    file: "src/loop/turn/completion.ts",
    edits: [{ old: "progress.childQuietMs < WAKE_MS;", new: "progress.childQuietMs < 0;" }],
    tests: ["tests/unit/loop/turn/completion_test.ts"],
  },
  {
    name: "a sub-agent in the background works on beside the next turn",
    file: "src/loop/turn/orphaned_turns.ts",
    edits: [{ old: "isOfTask(id) ? id : rootOf(client, id)", new: "id" }],
    tests: ["tests/unit/loop/turn/orphaned_turns_test.ts"],
  },
  {
    name: "an OpenCode session is made before its iteration is on record",
    file: "src/loop/iteration/iteration.ts",
    edits: [
      {
        old: `  await recorder.write((store) => {
    order.treeBefore.keep(before);`,
        new: `  const made = await tools.client.createSession({ title: openCodeTitle });
  await recorder.write((store) => {
    order.treeBefore.keep(before);`,
      },
      {
        old: `runTurn(tools, told, { openCodeTitle, signal });`,
        new: `runTurn(tools, told, { openCodeTitle, signal, made });`,
      },
      {
        old: `  { openCodeTitle, signal }: { openCodeTitle: string; signal: AbortSignal },`,
        new:
          `  { signal, made }: { openCodeTitle: string; signal: AbortSignal; made: { id: string } },`,
      },
      {
        old: `    const session = { title: openCodeTitle, model, agent };
    const made = await createSessionPatiently(client, session, patience);
`,
        new: "",
      },
    ],
    tests: CRASH_POINTS,
    only: "and another at once",
  },
  {
    name: "a task's lock that another worker holds is no hindrance",
    file: "src/host/lock/lock.ts",
    edits: [{
      old: "if (file.tryLockSync(true)) return lockOf(file);\n    await",
      new: "return lockOf(file);\n    await",
    }],
    tests: ["tests/unit/host/lock/lock_test.ts"],
  },
  {
    name: "a commit does not wait for the disk",
    file: "src/store/database.ts",
    edits: [{ old: `PRAGMA synchronous = FULL`, new: `PRAGMA synchronous = NORMAL` }],
    tests: ["tests/unit/store/durable_test.ts"],
  },
  {
    name: "what sub-agents use is not counted",
    file: "src/loop/turn/usage.ts",
    edits: [{ old: "orElse([], client.children(id)),", new: "[] as { id: string }[]," }],
    tests: ["tests/soak/soak_test.ts"],
    only: "nothing is lost",
  },
  {
    name: "what the server counts beside the messages is not counted",
    file: "src/loop/turn/usage.ts",
    edits: [{ old: "atLeast(sum(own, prices), counted)", new: "sum(own, prices)" }],
    tests: ["tests/unit/loop/turn/usage_test.ts"],
    only: "what the server counted",
  },
  {
    name: "a worker that was replaced goes on writing",
    file: "src/store/leased_writes.ts",
    edits: [{
      old: `        WHERE id = @sessionId AND epoch = @epoch AND status = 'running'\``,
      new: `        WHERE id = @sessionId AND @epoch > 0 AND status = 'running'\``,
    }],
    tests: ["tests/unit/store/store_test.ts"],
  },
  {
    name: "outcome, usage and findings of an iteration are not one transaction",
    file: "src/store/store.ts",
    edits: [{
      old: "run.translate(() => transaction(database, work))",
      new: "run.translate(() => work())",
    }],
    tests: CRASH_POINTS,
    only: "and another at once",
  },
  {
    name: "a turn that finished while no worker was there is thrown away",
    file: "src/loop/session/recovery_policy.ts",
    edits: [{
      old: `return follow("its turn finished on the server while no worker was there");`,
      new: `return record("its turn finished on the server while no worker was there");`,
    }],
    tests: ["tests/unit/loop/session/recovery_policy_test.ts"],
  },
  {
    name: "a turn that outlived its worker is given up",
    file: "src/loop/session/recovery_policy.ts",
    edits: [{
      old: `return follow("its worker died, and its turn still goes on");`,
      new: `return record("its worker died, and its turn still goes on");`,
    }],
    tests: ["tests/unit/loop/session/recovery_policy_test.ts"],
  },
  {
    name: "a prompt that may have arrived is sent again",
    file: "src/loop/iteration/iteration.ts",
    edits: [{ old: "=> mayPass && repeatable", new: "=> mayPass" }],
    tests: ["tests/reliability/server_prompt_test.ts"],
    only: "took effect",
  },
  {
    name: "a full disk or a locked database ends the session at once",
    file: "src/loop/recorder.ts",
    edits: [{ old: "if (!mayPass(error) || leftMs <= 0) throw error;", new: "throw error;" }],
    tests: ["tests/unit/loop/recorder_test.ts"],
  },
  {
    name: "a PRD that cannot be put back for want of room is given up",
    file: "src/loop/iteration/backlog.ts",
    edits: [{ old: `["ENOSPC", "EDQUOT"]`, new: `[""]` }],
    tests: ["tests/unit/loop/iteration/backlog_test.ts"],
  },
  {
    name: "the last copy of a PRD is removed although the PRD is gone",
    file: "src/worker/worker.ts",
    edits: [{
      old: `if (!goesOn && end.reason !== "task_unreadable") folder`,
      new: "if (!goesOn) folder",
    }],
    tests: ["tests/reliability/prd_gone_test.ts"],
  },
  {
    name: "a turn that an abort did not end works beside the next one",
    file: "src/loop/turn/orphaned_turns.ts",
    edits: [{
      old: "store.sessionOfOpenCode(id)?.taskDir === taskDir",
      new: "store.sessionOfOpenCode(id)?.taskDir === undefined",
    }],
    tests: ["tests/unit/loop/turn/orphaned_turns_test.ts"],
  },
  {
    name: "a database that is replaced while it is open is written to",
    file: "src/loop/recorder.ts",
    edits: [{ old: "          store.requireSame();\n", new: "" }],
    tests: ["tests/unit/loop/recorder_test.ts"],
  },
  {
    name: "a session completes without a run of all gates",
    file: "src/loop/decide.ts",
    edits: [{
      old: `if (!proof) return ended ?? { kind: "prove" };
    if (proof.kind !== "proved") return`,
      new: `if (proof && proof.kind !== "proved") return`,
    }],
    tests: ["tests/unit/loop/decide_test.ts"],
  },
];
