/** A worker of a simulated night: the real one, with a host of the night. */
import { openLogFile } from "../../src/host/files/log_file.ts";
import { sessionFolder } from "../../src/host/files/session_folder.ts";
import type { LoopEvent } from "../../src/loop/event.ts";
import type { SessionEnd } from "../../src/loop/loop.ts";
import { createClient } from "../../src/opencode/connect.ts";
import type { Settings } from "../../src/settings/settings.ts";
import type { WorkerHost } from "../../src/worker/host.ts";
import { work as runWorker } from "../../src/worker/worker.ts";
import { type Life, mortalClock, mortalFiles, mortalTransport } from "../reliability/life.ts";
import { withoutGit } from "../reliability/no_processes.ts";
import {
  mortalFolder,
  mortalLock,
  mortalLog,
  mortalPlaces,
  openAsItWasLeft,
} from "../reliability/world.ts";
import type { VirtualClock } from "../support/fake_clock.ts";
import type { FakeOpenCode } from "../support/fake_opencode.ts";
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
  /** Aborting it stops or, with `SHUTDOWN`, ends the worker. */
  readonly signal: AbortSignal;
  /** Gets what asks the worker to pause after its iteration, once it can be asked. */
  readonly onWatch: (askCheckpoint: () => void) => void;
  readonly settings: Settings;
  readonly said?: string;
  readonly accepted: boolean;
  readonly project: NightProject;
  readonly places: Places;
  readonly fake: Pick<FakeOpenCode, "fetch" | "url">;
  readonly emit: (event: LoopEvent) => void;
}

/** Works until the session ends; of a worker that is killed nothing is heard any more. */
export function work(order: WorkerOrder): Promise<SessionEnd> {
  const { life, signal, said, accepted, project: { task } } = order;
  return runWorker(hostOf(order), { taskDir: task.dir, flags: {}, said, accepted }, {
    signal,
    emit: (event) => life.isOver || order.emit(event),
  });
}

function hostOf(
  { life, stopping, settings, project, places, fake, onWatch, ...order }: WorkerOrder,
): WorkerHost {
  const clock = stopping.clock(mortalClock(order.clock, life));
  const { lock, database } = places;
  return {
    clock,
    process: { pid: 1, version: "0" },
    bootId: () => Promise.resolve(undefined),
    telemetry: () => Promise.resolve(undefined),
    findTask: () => project.task,
    configure: () => Promise.resolve({ settings, sources: {}, template: undefined }),
    prepareBranch: () => Promise.resolve(undefined),
    takeLock: () => mortalLock({ clock: order.clock, lock, life }),
    serverPlaces: () => mortalPlaces({ folder: `${lock}.places`, clock, life }),
    openStore: () => openAsItWasLeft({ database, life }, clock),
    openLog: () => mortalLog(openLogFile(places.log), life),
    keptFolder: () => mortalFolder(sessionFolder(places.kept), life),
    watchRequests(_task, { onRequest }) {
      onWatch(() => onRequest("checkpoint"));
      return () => {};
    },
    openCode: (server) =>
      createClient({
        ...server,
        clock,
        transport: stopping.transport(mortalTransport(fake.fetch, life)),
      }),
    prdFiles: mortalFiles(project.files, life),
    projectFiles: project.projectFiles,
    tree: project.tree,
    changes: () => Promise.resolve([]),
    linesOf: () => () => undefined,
    leftBranchAt: () => Promise.resolve(undefined),
    branchOf: () => undefined,
    deliveryGit: () => withoutGit,
    readText: () => undefined,
    leftRunning: () => Promise.resolve([]),
    runHook: () => Promise.resolve(undefined),
    runGate: () => project.runGate,
    whyOutsideSandbox: () => Promise.resolve(undefined),
    missingFilters: () => Promise.resolve([]),
    gateEnvironment: () => ({ variables: {}, withheld: [] }),
  };
}
