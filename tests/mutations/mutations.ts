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

export const MUTATIONS: readonly Mutation[] = [
  {
    name: "an absent status counts as the end of a turn",
    file: "src/loop/settle.ts",
    edits: [{
      old: `if (last && isFinished(last)) return { kind: "settled", last };`,
      new: `if (last) return { kind: "settled", last };`,
    }],
    tests: ["tests/unit/loop/settle_test.ts"],
  },
  {
    name: "an OpenCode session is made before its iteration is on record",
    file: "src/loop/iteration.ts",
    edits: [
      {
        old: `  await recorder.write((registry) => {
    order.treeBefore.keep(before);`,
        new: `  const made = await tools.client.createSession({ title: openCodeTitle });
  await recorder.write((registry) => {
    order.treeBefore.keep(before);`,
      },
      {
        old: `runTurn(tools, order, { openCodeTitle, signal });`,
        new: `runTurn(tools, order, { openCodeTitle, signal, made });`,
      },
      {
        old: `  { openCodeTitle, signal }: { openCodeTitle: string; signal: AbortSignal },`,
        new:
          `  { signal, made }: { openCodeTitle: string; signal: AbortSignal; made: { id: string } },`,
      },
      {
        old:
          `    const made = await createSessionPatiently(client, { title: openCodeTitle, ...patience });
`,
        new: "",
      },
    ],
    tests: ["tests/reliability/crash_points_test.ts"],
    only: "and another at once",
  },
  {
    name: "a task's lock that another worker holds is no hindrance",
    file: "src/host/lock.ts",
    edits: [{ old: "if (file.tryLockSync(true)) return", new: "return" }],
    tests: ["tests/unit/host/host_test.ts"],
  },
  {
    name: "a commit does not wait for the disk",
    file: "src/registry/database.ts",
    edits: [{ old: `PRAGMA synchronous = FULL`, new: `PRAGMA synchronous = NORMAL` }],
    tests: ["tests/unit/registry/durable_test.ts"],
  },
  {
    name: "what sub-agents use is not counted",
    file: "src/loop/usage.ts",
    edits: [{ old: "orElse(client.children(id)),", new: "[] as { id: string }[]," }],
    tests: ["tests/soak/soak_test.ts"],
    only: "nothing is lost",
  },
  {
    name: "a worker that was replaced goes on writing",
    file: "src/registry/registry.ts",
    edits: [{
      old: `        WHERE id = @sessionId AND epoch = @epoch AND status = 'running'\`,
      { ...values, now`,
      new: `        WHERE id = @sessionId AND @epoch > 0 AND status = 'running'\`,
      { ...values, now`,
    }],
    tests: ["tests/unit/registry/registry_test.ts"],
  },
  {
    name: "outcome, usage and findings of an iteration are not one transaction",
    file: "src/registry/registry.ts",
    edits: [{
      old: "translate(() => transaction(database, work))",
      new: "translate(() => work())",
    }],
    tests: ["tests/reliability/crash_points_test.ts"],
    only: "and another at once",
  },
  {
    name: "a turn that finished while no worker was there is thrown away",
    file: "src/loop/recovery.ts",
    edits: [{
      old: `return follow("its turn finished on the server while no worker was there");`,
      new: `return record("its turn finished on the server while no worker was there");`,
    }],
    tests: ["tests/unit/loop/recovery_test.ts"],
  },
  {
    name: "a turn that outlived its worker is given up",
    file: "src/loop/recovery.ts",
    edits: [{
      old: `return follow("its worker died, and its turn still goes on");`,
      new: `return record("its worker died, and its turn still goes on");`,
    }],
    tests: ["tests/unit/loop/recovery_test.ts"],
  },
  {
    name: "a prompt that may have arrived is sent again",
    file: "src/loop/iteration.ts",
    edits: [{ old: "=> mayPass && !mayHaveArrived", new: "=> mayPass || mayHaveArrived" }],
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
    file: "src/loop/work.ts",
    edits: [{ old: `["ENOSPC", "EDQUOT"]`, new: `[""]` }],
    tests: ["tests/unit/loop/work_test.ts"],
  },
  {
    name: "the last copy of a PRD is removed although the PRD is gone",
    file: "src/cli/worker.ts",
    edits: [{
      old: `if (!goesOn && end.reason !== "task_unreadable") folder`,
      new: "if (!goesOn) folder",
    }],
    tests: ["tests/reliability/prd_gone_test.ts"],
  },
  {
    name: "a turn that an abort did not end works beside the next one",
    file: "src/loop/stray_turns.ts",
    edits: [{
      old: "registry.sessionOfOpenCode(id)?.taskDir === taskDir",
      new: "registry.sessionOfOpenCode(id)?.taskDir === undefined",
    }],
    tests: ["tests/unit/loop/stray_turns_test.ts"],
  },
  {
    name: "a database that is replaced while it is open is written to",
    file: "src/loop/recorder.ts",
    edits: [{ old: "          registry.requireSame();\n", new: "" }],
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
