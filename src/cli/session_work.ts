/** What a session works on and is judged by, put together for the loop. */
import * as path from "node:path";
import { runBounded } from "../host/bounded_process.ts";
import { textOf } from "../host/files.ts";
import { treeChange, treeState } from "../host/git.ts";
import { judgeTools } from "../host/judge_tools.ts";
import { type SessionFolder, sessionFolder } from "../host/session_folder.ts";
import { systemTree } from "../host/tree.ts";
import type { Emit } from "../loop/event.ts";
import { createGateRunner } from "../loop/gate_runner.ts";
import type { Begun } from "../loop/session.ts";
import { storeTree } from "../loop/stored_tree.ts";
import type { Recorder } from "../loop/recorder.ts";
import { keepTests } from "../loop/tests_kept.ts";
import { createVerification, type Verification } from "../loop/verification.ts";
import { prdWork, promptWork, type Work } from "../loop/work.ts";
import { StoreError } from "../registry/database.ts";
import type { Registry } from "../registry/registry.ts";
import type { Task } from "../task/find.ts";
import { shellWord } from "../terminal/shell_word.ts";
import { gateEnvironment } from "../verify/gate_environment.ts";
import { removeHalfWritten } from "../verify/prd_keeper.ts";
import { suggestGates } from "../verify/suggest_gates.ts";
import type { Context } from "./context.ts";

/** Names in the session's folder. */
const KEPT_PRD = "prd";
const KEPT_TESTS = "tests.json";

/** The stories of the task, or its prompt; of a turn that broke off, as they were before it. */
export function workOf(
  task: Task,
  { begun, folder, registry }: { begun: Begun; folder: SessionFolder; registry: Registry },
): Work {
  if (!task.prdPath) {
    const { claims } = registry.findings(begun.lease.sessionId);
    return promptWork({ task, promised: begun.accepted || claims.some(({ held }) => held) });
  }
  const { prdPath } = task;
  removeHalfWritten(Deno, prdPath);
  const kept = begun.underWay && folder.read(KEPT_PRD);
  const mode = (Deno.statSync(prdPath).mode ?? 0o644) & 0o777;
  return prdWork({
    files: Deno,
    task,
    prdPath,
    keep: ({ bytes }) => folder.write(KEPT_PRD, bytes),
    keptAs: path.join(folder.path, KEPT_PRD),
    interrupted: kept && { path: prdPath, bytes: kept, mode },
  });
}

/** What cannot be kept because the disk is full is trouble that may pass, as in the database. */
export function keptFolder(folder: string): SessionFolder {
  const files = sessionFolder(folder);
  return {
    ...files,
    write(name, bytes) {
      try {
        files.write(name, bytes);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        throw new StoreError(`cannot write in ${folder}: ${why}`, {
          passing: true,
          hints: [{ text: "see how much room there is", command: `df -h ${shellWord(folder)}` }],
          cause: error,
        });
      }
    },
  };
}

/** The judge of the session: its gates, its tests, and what git shows. */
export function verificationOf(
  context: Context,
  { task, begun, folder, registry, recorder, work, tell }: {
    task: Task;
    begun: Begun;
    folder: SessionFolder;
    registry: Registry;
    recorder: Recorder;
    work: Work;
    tell: Emit;
  },
): Verification {
  const { clock } = context;
  const { lease, settings } = begun;
  const tools = judgeTools(clock);
  const root = task.projectRoot;
  const taskFolder = path.relative(root, task.dir);
  const { gates, claims } = registry.findings(lease.sessionId);
  const counted = folder.read(KEPT_TESTS);
  return createVerification({
    runner: createGateRunner({
      order: {
        root,
        folder: path.join(folder.path, "judge"),
        session: `${lease.sessionId}-${registry.session(lease.sessionId)?.startedAt}`,
        protect: settings.protect,
        agentFiles: [taskFile(task), path.join(task.dir, "progress.txt")]
          .map((file) => path.relative(root, file)),
      },
      judgeTools: tools,
      env: gateEnvironment(context.environment),
      run: runBounded,
      clock,
      defaultTimeoutMs: settings.limits.gateMs,
      onStart({ name }) {
        recorder.note((registry) => registry.setActivity(lease, `running gate ${name}`));
        tell({ type: "writing", line: `running gate ${name}` });
      },
    }),
    tests: keepTests({
      root,
      tools,
      stored: counted && new TextDecoder().decode(counted),
      store: (text) =>
        recorder.write(() => folder.write(KEPT_TESTS, new TextEncoder().encode(text))),
    }),
    testsCount: settings.tests === "counted",
    work: { takeBack: (storyIds) => recorder.write(() => work.takeBack(storyIds)) },
    gates: settings.verify,
    tree: {
      state: (known) => treeState(root, known),
      change: (between) => treeChange(root, { ...between, ignore: taskFolder }),
      start: begun.startTree,
      onStartMoved: (start) =>
        recorder.write((registry) => registry.setStartTree(lease, storeTree(start))),
    },
    claims: claims.filter(({ held }) => held !== false),
    passedBefore: gates.filter(({ passed }) => passed).map(({ gate }) => gate),
    accepted: begun.accepted,
    owesEvidence: begun.owesEvidence,
    taskFolder,
    acceptCommand: `ralph run ${shellWord(task.name)} --accept`,
  });
}

/** Said once, at the start: without gates only the agent's word says that something is done. */
export function missingGates(
  { task, begun, work }: { task: Task; begun: Begun; work: Work },
): readonly string[] {
  const { gates, stories } = work.recall();
  const all = [...begun.settings.verify, ...gates, ...stories.flatMap(({ verify = [] }) => verify)];
  if (all.length > 0) return [];
  const root = task.projectRoot;
  const suggestion = suggestGates({
    names: systemTree.list(root),
    text: (name) => textOf(path.join(root, name)),
  });
  return [
    "no gates are configured: the agent's word decides what is done" +
    (suggestion ? `; for \`ralph.json\` this project suggests ${suggestion}` : ""),
  ];
}

/** What makes the folder a task: its PRD, or else its prompt. */
export function taskFile({ prdPath, promptPath, dir }: Task): string {
  return prdPath ?? promptPath ?? dir;
}
