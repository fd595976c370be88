/** A worker of a simulated night: the real loop, put together as `src/cli/worker.ts` does. */
import { join } from "node:path";
import { systemClock } from "../../src/host/clock.ts";
import { takeLock } from "../../src/host/lock.ts";
import { openLogFile } from "../../src/host/log_file.ts";
import { type SessionFolder, sessionFolder } from "../../src/host/session_folder.ts";
import type { LoopEvent } from "../../src/loop/event.ts";
import { eventLines } from "../../src/cli/narration.ts";
import { PLAIN } from "../../src/cli/output.ts";
import { createGateRunner } from "../../src/loop/gate_runner.ts";
import { beginSession } from "../../src/loop/session.ts";
import { createRecorder } from "../../src/loop/recorder.ts";
import { keptTree, storeTree } from "../../src/loop/stored_tree.ts";
import { keepTests } from "../../src/loop/tests_kept.ts";
import { createTurns } from "../../src/loop/turn.ts";
import { createVerification } from "../../src/loop/verification.ts";
import { prdWork } from "../../src/loop/work.ts";
import { runLoop, type SessionEnd } from "../../src/loop/worker.ts";
import { StoreError } from "../../src/registry/database.ts";
import { createClient } from "../../src/opencode/client.ts";
import { removeHalfWritten } from "../../src/verify/prd_keeper.ts";
import type { Settings } from "../../src/settings/settings.ts";
import type { VirtualClock } from "../support/fake_clock.ts";
import type { FakeOpenCode } from "../support/fake_opencode.ts";
import {
  Killed,
  type Life,
  mortalClock,
  mortalFiles,
  mortalTransport,
} from "../reliability/life.ts";
import { mortalFolder, openAsItWasLeft } from "../reliability/world.ts";
import type { NightProject } from "./project.ts";
import type { Stopping } from "./stopping.ts";

/** Where a night's files are, as `pathsFrom` would say. */
export interface Places {
  readonly database: string;
  readonly lock: string;
  readonly log: string;
  readonly kept: string;
}

export interface WorkerOrder {
  readonly life: Life;
  readonly stopping: Stopping;
  readonly clock: VirtualClock;
  /** Aborting it stops or, with `LEAVE`, ends the worker. */
  readonly signal: AbortSignal;
  readonly checkpointAsked: () => boolean;
  readonly settings: Settings;
  readonly said?: string;
  readonly accepted: boolean;
  readonly project: NightProject;
  readonly places: Places;
  readonly fake: Pick<FakeOpenCode, "fetch" | "url">;
  readonly emit: (event: LoopEvent) => void;
}

/** Works until the session ends; of a worker that is killed nothing is heard any more. */
export async function work(
  { life, stopping, signal, settings, said, accepted, project, places, fake, ...order }:
    WorkerOrder,
): Promise<SessionEnd> {
  const clock = stopping.clock(mortalClock(order.clock, life));
  const { task } = project;
  // As in `world.ts`: in real time.
  const lock = await order.clock.during(takeLock(places.lock, systemClock));
  if (!lock) throw new Error("the lock of a dead worker is held");
  life.atEnd(lock.release);
  const registry = openAsItWasLeft({ database: places.database, life }, clock);
  const log = openLogFile(places.log);
  life.atEnd(log.close);
  const streamEnd = new AbortController();
  const client = createClient({
    url: fake.url,
    directory: task.projectRoot,
    clock,
    transport: stopping.transport(mortalTransport(fake.fetch, life)),
  });
  const turns = createTurns({ client, clock, signal: streamEnd.signal });
  turns.closed.catch((error) => {
    if (!life.isOver) throw error;
  });
  const { state, change } = project.tree;
  try {
    const begun = await beginSession({ registry, client, clock, treeState: state }, {
      task,
      worker: {
        serverUrl: fake.url,
        serverPort: 80,
        workerPid: 1,
        workerVersion: "0",
        said,
        accepted,
      },
      settings,
      flags: {},
    });
    const { lease } = begun;
    const emit = (event: LoopEvent) => {
      if (life.isOver) return;
      const time = new Date(clock.now()).toISOString();
      for (const line of eventLines(event, PLAIN)) if (line.trim()) log.write(`${time} ${line}`);
      order.emit(event);
    };
    const recorder = createRecorder({ registry, clock, emit, signal });
    const folder = waitingFolder(mortalFolder(sessionFolder(places.kept), life));
    if (!begun.continues) folder.clear();
    const kept = begun.underWay && folder.read("prd");
    const files = mortalFiles(project.files, life);
    removeHalfWritten(files, task.prdPath);
    const prdWorking = prdWork({
      files,
      task,
      prdPath: task.prdPath,
      keep: ({ bytes }) => folder.write("prd", bytes),
      keptAs: join(folder.path, "prd"),
      interrupted: kept && { path: task.prdPath, bytes: kept, mode: 0o644 },
    });
    const { gates, claims } = registry.findings(lease.sessionId);
    const counted = folder.read("tests.json");
    emit({
      type: "session_started",
      session: lease.sessionId,
      task: task.name,
      server: fake.url,
      maxIterations: begun.settings.limits.iterations,
      continues: begun.continues,
      warnings: begun.warnings,
      log: places.log,
    });
    const end = await runLoop(
      {
        client,
        turns,
        recorder,
        registry,
        tree: { state, change },
        readText: () => undefined,
        clock,
        emit,
      },
      {
        lease,
        task,
        settings: begun.settings,
        work: prdWorking,
        verification: createVerification({
          runner: createGateRunner({
            order: {
              root: task.projectRoot,
              folder: join(places.kept, "judge"),
              session: `${lease.sessionId}`,
              protect: [],
              agentFiles: ["tasks/night/prd.json", "tasks/night/progress.txt"],
            },
            judgeTools: project.judgeTools,
            env: {},
            run: project.runGate,
            clock,
            defaultTimeoutMs: begun.settings.limits.gateMs,
            onStart: ({ name }) =>
              recorder.note((registry) => registry.setActivity(lease, `running gate ${name}`)),
          }),
          tests: keepTests({
            root: task.projectRoot,
            tools: project.judgeTools,
            stored: counted && decode(counted),
            store: (text) => folder.write("tests.json", encode(text)),
          }),
          testsCount: true,
          work: { takeBack: (ids) => recorder.write(() => prdWorking.takeBack(ids)) },
          gates: [],
          tree: {
            state,
            change: (between) => change(task.projectRoot, { ...between, ignore: "tasks/night" }),
            start: begun.startTree,
            onStartMoved: (start) =>
              recorder.write((registry) => registry.setStartTree(lease, storeTree(start))),
          },
          claims: claims.filter(({ held }) => held !== false),
          passedBefore: gates.filter(({ passed }) => passed).map(({ gate }) => gate),
          accepted: begun.accepted,
          owesEvidence: begun.owesEvidence,
          taskFolder: "tasks/night",
          acceptCommand: "ralph run night --accept",
        }),
        treeBefore: keptTree(folder),
        said: begun.said,
        begun,
        checkpointAsked: order.checkpointAsked,
      },
      signal,
    );
    if (end.status !== "checkpointed" && end.reason !== "worker_ended") folder.clear();
    return end;
  } finally {
    if (!life.isOver) {
      streamEnd.abort();
      registry.close();
      log.close();
      lock.release();
    }
  }
}

/** As the worker has it: a file that cannot be kept is trouble that may pass. */
function waitingFolder(folder: SessionFolder): SessionFolder {
  return {
    ...folder,
    write(name, bytes) {
      try {
        folder.write(name, bytes);
      } catch (cause) {
        if (cause instanceof Killed) throw cause;
        throw new StoreError(`cannot keep ${name}`, { passing: true, hints: [], cause });
      }
    },
  };
}

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);
