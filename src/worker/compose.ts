/**
 * The one place that puts a worker together: what the loop works with, from what its host has. The
 * crash tests, the soak and the demo run this, with other hosts.
 */
import * as path from "node:path";
import { RalphError } from "../error.ts";
import { checkedFolder } from "../host/files/checked_folder.ts";
import type { CleanStart } from "../host/git/clean_checkout.ts";
import { textOf } from "../host/files/read_file.ts";
import { pruneFolder, type SessionFolder } from "../host/files/session_folder.ts";
import { systemTree } from "../host/files/system_tree.ts";
import { type Activity, activityTeller } from "../loop/activity.ts";
import type { Emit } from "../loop/event.ts";
import { type Backlog, prdBacklog, promptBacklog } from "../loop/iteration/backlog.ts";
import type { LoopTools } from "../loop/context.ts";
import {
  NOTHING,
  type Ownership,
  ownershipAtStart,
  readOwnership,
} from "../loop/iteration/ownership.ts";
import { createDelivery, type Delivery } from "../loop/iteration/delivery.ts";
import type { LoopOrder } from "../loop/loop.ts";
import { SharedLimit } from "../loop/provider/shared_limit.ts";
import { createRecorder, type Recorder } from "../loop/recorder.ts";
import type { Begun } from "../loop/session/begin.ts";
import { parseCleanStart, serializeCleanStart } from "../loop/session/kept_clean_start.ts";
import { KEPT_PRD } from "../control/session_prd.ts";
import { KEPT_TREES, keptTree, serializeTree } from "../loop/session/tree_snapshot.ts";
import { createTurnPlace, turnsByDefault } from "../loop/server/turn_place.ts";
import { createTurns } from "../loop/turn/turn.ts";
import type { OpenCode } from "../opencode/client.ts";
import { StoreError } from "../store/database.ts";
import type { Store } from "../store/store.ts";
import {
  agentFiles,
  besidePrd,
  isOfTask,
  ownPlaces,
  type Task,
  taskFile,
} from "../task/task_files.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";
import { allGates } from "../verify/claims.ts";
import { createTestBaseline } from "../verify/census/baseline.ts";
import { createGateRunner } from "../verify/gates/gate_runner.ts";
import { offeredWords, suggestGates } from "../verify/gates/suggest_gates.ts";
import { COMPANIONS, type Companions, keepCompanions } from "../verify/prd/companions.ts";
import { type PrdFiles, removeHalfWritten } from "../verify/prd/prd_files.ts";
import { createVerification, type Verification } from "../verify/verification.ts";
import type { WorkerHost } from "./host.ts";
import { patientDelivery } from "./patient_delivery.ts";
import { patientTree } from "./patient_tree.ts";

/** Names in the session's folder. */
const KEPT = {
  prd: KEPT_PRD,
  tests: "tests.json",
  protected: "protected/kept.json",
  ownership: "ownership.json",
  cleanStart: "clean_start.json",
};
const KEPT_ALL = [...Object.values(KEPT), ...Object.values(KEPT_TREES), ...COMPANIONS];
/** What the task's next session has to know. */
export const KEPT_FOR_THE_NEXT: readonly string[] = [KEPT.ownership];
/** Without these nobody can say any more what the agent has changed of what judges it. */
const KEPT_TO_JUDGE: readonly string[] = [KEPT.prd, KEPT.tests, KEPT.protected, KEPT.cleanStart];
/** Files that are put aside for a person: those of the last sessions. */
const ASIDE_MAX = 50;

/** A session that has begun, and what its worker has for it. */
interface Begin {
  task: Task;
  begun: Begun;
  template: string | undefined;
  store: Store;
  client: OpenCode;
  emit: Emit;
  /** Aborts when the worker is to end. */
  signal: AbortSignal;
  /** Ends the event stream. */
  streamEnd: AbortSignal;
}

interface Composed {
  tools: LoopTools;
  order: Omit<LoopOrder, "checkpointAsked">;
  /** What the session's workers keep beside the database, as it is. */
  folder: SessionFolder;
  /** What a person should know before the work begins. */
  warnings: readonly string[];
}

/** A folder whose files are known to be ralph's. */
type CheckedFolder = ReturnType<typeof checkedFolder>;

/**
 * Puts together what `runLoop` gets. A new session begins with an empty folder. Throws `StoreError`,
 * `LostSession`, and `RalphError` (`state`) when what the session has kept is not as ralph left it.
 */
export function compose(host: WorkerHost, begin: Begin): Composed {
  const { task, begun, template, store, client, emit, signal, streamEnd } = begin;
  const { clock } = host;
  const recorder = createRecorder({ store, clock, emit, signal });
  const kept = waitingFolder(host.keptFolder(task));
  if (!begun.continues || begun.isResumed) {
    kept.clear(KEPT_FOR_THE_NEXT);
    pruneFolder(asideOf(kept), ASIDE_MAX);
  }
  const folder = checked(kept, { task, begun, store, emit });
  const backlog = backlogOf(host, { task, begun, store, folder });
  const turns = createTurns({ client, clock, signal: streamEnd });
  const tell = activityTeller({ recorder, emit }, begun.lease);
  const tree = patientTree(host.tree, { clock, signal, tell });
  return {
    tools: {
      client,
      turns,
      place: createTurnPlace(host.serverPlaces(task, begun.settings.server), {
        limit: begun.settings.turnsAtOnce ?? turnsByDefault(),
        clock,
        tell,
        emit,
      }),
      limit: new SharedLimit({
        store,
        recorder,
        clock,
        lease: begun.lease,
        tell,
        maxMs: begun.settings.limits.rateLimitMs,
      }),
      recorder,
      store,
      tree,
      changes: host.changes,
      linesOf: host.linesOf,
      readText: host.readText,
      leftRunning: host.leftRunning,
      clock,
      emit,
    },
    order: {
      lease: begun.lease,
      task,
      settings: begun.settings,
      backlog,
      verification: verificationOf(host, { ...begin, recorder, folder, backlog, tree }),
      delivery: deliveryOf(host, { task, begun, signal, recorder, folder, tell }),
      treeBefore: keptTree(folder, KEPT_TREES.turn),
      treeReviewed: keptTree(folder, KEPT_TREES.review),
      template,
      said: begun.said,
      only: begun.only,
      begun,
    },
    folder: kept,
    warnings: missingGates({ task, begun, backlog }),
  };
}

/** Where the session's work has to end up: the PRD's branch, or the one that it began on. */
function deliveryOf(
  host: WorkerHost,
  { task, begun, signal, recorder, folder, tell }: Pick<Begin, "task" | "begun" | "signal"> & {
    recorder: Recorder;
    folder: CheckedFolder;
    tell: (activity: Activity) => void;
  },
): Delivery {
  const { startTree, settings } = begun;
  const keep = (now: Ownership) =>
    folder.write(KEPT.ownership, new TextEncoder().encode(JSON.stringify(now)));
  const kept = keptOwnership(folder);
  let ownership = kept && begun.continues && !begun.isResumed
    ? kept
    : ownershipAtStart(startTree, kept ?? NOTHING);
  if (ownership !== kept) keep(ownership);
  const git = host.deliveryGit(signal, { server: settings.server, handOn: settings.gateEnv });
  return createDelivery({
    git: patientDelivery(git, { clock: host.clock, tell }),
    root: task.projectRoot,
    isOfTask: isOfTask(task),
    prd: path.relative(task.projectRoot, taskFile(task)),
    branch: host.branchOf(task) ?? startTree?.branch,
    commits: settings.commit === "ralph",
    start: startTree,
    ownership: {
      read: () => ownership,
      write: (now) =>
        recorder.write(() => {
          keep(now);
          ownership = now;
        }),
    },
  });
}

function keptOwnership(folder: CheckedFolder): Ownership | undefined {
  const bytes = folder.read(KEPT.ownership);
  const place = path.join(folder.path, KEPT.ownership);
  return bytes && readOwnership(new TextDecoder().decode(bytes), place);
}

/** The stories of the task, or its prompt; of a turn that broke off, as they were before it. */
function backlogOf(
  { prdFiles }: WorkerHost,
  { task, begun, store, folder }: Pick<Begin, "task" | "begun" | "store"> & {
    folder: CheckedFolder;
  },
): Backlog {
  const companions = companionsOf(prdFiles, { task, begun, folder });
  if (!task.prdPath) {
    const { claims } = store.findings(begun.lease.sessionId);
    const promised = begun.accepted || claims.some(({ held }) => held);
    return promptBacklog({ task, promised, companions });
  }
  const { prdPath } = task;
  removeHalfWritten(prdFiles, prdPath);
  const kept = begun.underWay && folder.read(KEPT.prd);
  return prdBacklog({
    files: prdFiles,
    task,
    prdPath,
    aside: asideOf(folder),
    companions,
    keep: ({ bytes }) => folder.write(KEPT.prd, bytes),
    keptAs: path.join(folder.path, KEPT.prd),
    interrupted: kept && { path: prdPath, bytes: kept, mode: modeOf(prdPath) },
  });
}

/** Beside the session's folder: it outlives the session. */
const asideOf = ({ path }: Pick<SessionFolder, "path">) => `${path}.aside`;

function companionsOf(
  files: PrdFiles,
  { task, begun, folder }: Pick<Begin, "task" | "begun"> & { folder: CheckedFolder },
): Companions {
  for (const name of COMPANIONS) removeHalfWritten(files, besidePrd(task, name));
  return keepCompanions({
    files,
    task,
    copies: folder,
    interrupted: begun.underWay !== undefined,
  });
}

/** That of a file that is gone is that of a new one. */
function modeOf(file: string): number {
  try {
    return (Deno.statSync(file).mode ?? 0o644) & 0o777;
  } catch {
    return 0o644;
  }
}

/**
 * Only what ralph wrote counts. Where the judge cannot do without a file the session ends; any other is
 * told, and what is in none counts as unknown, or as a person's.
 */
function checked(
  folder: SessionFolder,
  { task, begun: { lease, continues }, store, emit }: Pick<
    Begin,
    "task" | "begun" | "store" | "emit"
  >,
): CheckedFolder {
  return checkedFolder(folder, {
    hashes: {
      all: () => store.keptHashes(lease, KEPT_FOR_THE_NEXT),
      put: (hashes) => store.putKeptHashes(lease, hashes),
    },
    adopted: continues ? KEPT_ALL : KEPT_FOR_THE_NEXT,
    onLost(name, how) {
      const place = path.join(folder.path, name);
      const text = `${
        plain(place)
      }, which ralph has kept, was ${how} by something other than ralph`;
      if (KEPT_TO_JUDGE.includes(name)) {
        throw new RalphError("state", `${text}: what the agent's work is judged by is not known`, [{
          text: "see what was changed before the next session takes all as it is",
          command: `git -C ${shellWord(task.projectRoot)} diff`,
        }]);
      }
      const iteration = store.session(lease.sessionId)?.iterations ?? 0;
      const note = { about: "protected", text } as const;
      store.recordNotes(lease, { iteration, notes: [note] });
      emit({ type: "note", ...note });
    },
  });
}

/** What cannot be kept because the disk is full is trouble that may pass, as in the database. */
function waitingFolder(folder: SessionFolder): SessionFolder {
  return {
    ...folder,
    write(name, bytes) {
      try {
        folder.write(name, bytes);
      } catch (error) {
        if (!isOfFileSystem(error)) throw error;
        throw new StoreError(`cannot write in ${folder.path}: ${error.message}`, {
          passing: true,
          hints: [{
            text: "see how much room there is",
            command: `df -h ${shellWord(folder.path)}`,
          }],
          cause: error,
        });
      }
    },
  };
}

/** Whether it is the file system that refuses something, and not a bug. */
export function isOfFileSystem(error: unknown): error is Error {
  return error instanceof RalphError || (error instanceof Error && "code" in error);
}

/** The session's verification: its gates, its tests, and what git shows. */
function verificationOf(
  host: WorkerHost,
  { task, begun, store, emit, recorder, folder, backlog, tree }:
    & Pick<Begin, "task" | "begun" | "store" | "emit">
    & { recorder: Recorder; folder: CheckedFolder; backlog: Backlog; tree: LoopTools["tree"] },
): Verification {
  const { lease, settings } = begun;
  const root = task.projectRoot;
  const finishClean = settings.finish === "commit";
  const ignore = ownPlaces(task);
  const { gates, claims } = store.findings(lease.sessionId);
  const environment = host.gateEnvironment(settings.gateEnv);
  return createVerification({
    runner: createGateRunner({
      order: {
        root,
        folder: path.join(folder.path, path.dirname(KEPT.protected)),
        index: {
          path: path.join(folder.path, KEPT.protected),
          read: () => folder.read(KEPT.protected),
          write: (bytes) => folder.write(KEPT.protected, bytes),
        },
        session: `${lease.sessionId}-${store.session(lease.sessionId)?.startedAt}`,
        protect: settings.protect,
        agentFiles: agentFiles(task),
      },
      projectFiles: host.projectFiles,
      onFound(protection) {
        emit({ type: "protected", ...protection });
        for (const text of protection.faults) emit({ type: "warning", text });
      },
      cleanStart: finishClean ? cleanStartOf(host, { root, recorder, folder }) : undefined,
      env: environment.variables,
      run: host.runGate(settings.server),
      clock: host.clock,
      defaultTimeoutMs: settings.limits.gateMs,
      onStart({ name }) {
        recorder.note((store) =>
          store.setActivity(lease, { kind: "working", text: `running gate ${name}` })
        );
        emit({ type: "writing", line: `running gate ${name}` });
      },
    }),
    tests: testsOf(host, { root, recorder, folder }),
    finishClean,
    testsCount: settings.tests === "counted",
    backlog: { takeBack: (storyIds) => recorder.write(() => backlog.takeBack(storyIds)) },
    gates: settings.verify,
    withheld: environment.withheld,
    tree: {
      state: (known) => tree.state(root, known),
      change: (between) => tree.change(root, { ...between, ignore }),
      start: begun.startTree,
      onStartMoved: (start) =>
        recorder.write((store) => store.setStartTree(lease, serializeTree(start))),
    },
    claims: claims.filter(({ held }) => held !== false),
    passedBefore: gates.filter(({ passed }) => passed).map(({ gate }) => gate),
    accepted: begun.accepted,
    owesEvidence: begun.owesEvidence,
    leftRunning: () => host.leftRunning(root),
    taskPlace: path.relative(root, task.dir) || path.relative(root, taskFile(task)),
    acceptCommand: `ralph run ${shellWord(task.name)} --accept`,
  });
}

/** What git ignored before the first turn, and its setup: kept once, for all workers of the session. */
function cleanStartOf(
  { projectFiles }: WorkerHost,
  { root, recorder, folder }: { root: string; recorder: Recorder; folder: CheckedFolder },
) {
  let start: CleanStart | undefined;
  return {
    async begin() {
      if (start) return;
      const bytes = folder.read(KEPT.cleanStart);
      if (bytes) {
        const place = path.join(folder.path, KEPT.cleanStart);
        start = parseCleanStart(new TextDecoder().decode(bytes), place);
        return;
      }
      const now = await projectFiles.cleanStart(root);
      const text = new TextEncoder().encode(serializeCleanStart(now));
      await recorder.write(() => folder.write(KEPT.cleanStart, text));
      start = now;
    },
    kept: () => start ?? { ignored: [] },
  };
}

function testsOf(
  { projectFiles }: WorkerHost,
  { root, recorder, folder }: { root: string; recorder: Recorder; folder: CheckedFolder },
) {
  const counted = folder.read(KEPT.tests);
  return createTestBaseline({
    root,
    tools: projectFiles,
    stored: counted && new TextDecoder().decode(counted),
    place: path.join(folder.path, KEPT.tests),
    store: (text) => recorder.write(() => folder.write(KEPT.tests, new TextEncoder().encode(text))),
  });
}

/** Said once, at the start: without gates only the agent's word says that something is done. */
function missingGates(
  { task, begun, backlog }: { task: Task; begun: Begun; backlog: Backlog },
): readonly string[] {
  const agenda = backlog.recall();
  const gates = allGates(begun.settings.verify, agenda);
  const offered = offeredWords(agenda.offers ?? [], gates);
  if (offered !== undefined) return [offered];
  if (gates.length > 0) return [];
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
