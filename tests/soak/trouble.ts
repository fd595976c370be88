/** What happens in a simulated night beside the work: to the server, the worker, the machine. */
import { sleep } from "../../src/clock.ts";
import { SHUTDOWN } from "../../src/loop/shutdown.ts";
import type { VirtualClock } from "../support/fake_clock.ts";
import type { EditEvent } from "../support/fake_events.ts";
import { afterEffect, answer, cutAfter, edit, late } from "../support/fake_faults.ts";
import type { FakeOpenCode } from "../support/fake_opencode.ts";
import { drop, type Intercept, withhold } from "../support/recording_proxy.ts";
import type { Life } from "../reliability/life.ts";
import { type NightProject, PRD } from "./project.ts";
import type { Random } from "./random.ts";
import type { Stopping } from "./stopping.ts";
import { VERSIONS } from "../support/install.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** How likely each is, when something happens at all. */
export const TROUBLES = {
  server_restarts: 12,
  network_gone: 5,
  streams_close: 6,
  events_spoilt: 8,
  worker_killed: 10,
  worker_stopped: 6,
  machine_clock_jumps: 4,
  database_locked: 6,
  disk_full: 4,
  stop: 3,
  checkpoint: 3,
  leave: 3,
  person_edits: 4,
};

/** SQLite's result codes and texts (sqlite.org/rescode.html). */
const LOCKED = { errcode: 5, message: "database is locked" };
const FULL = { errcode: 13, message: "database or disk is full" };
/** Where they come: what begins, makes and commits a change. */
const CHANGES = /^before (BEGIN|INSERT|UPDATE|DELETE|COMMIT)/;
const FILES = /^before (keeping|creating a file)/;

const sqliteError = ({ errcode, message }: typeof FULL) =>
  Object.assign(new Error(message), { code: "ERR_SQLITE_ERROR", errcode });

/**
 * A turn that goes on while its server cannot be reached is given up after 10 min; what its agent
 * ticks in the PRD after that looks like a person's tick. That is not mended, and so not drawn.
 */
const NETWORK_GONE_MAX_S = 500;

const ROUTES = [
  "POST /session",
  "POST /session/:id/prompt_async",
  "POST /session/:id/abort",
  "GET /session/status",
  "GET /session/:id/message",
  "GET /session/:id/children",
  "GET /session",
  "GET /session/:id",
  "GET /event",
  "GET /global/health",
  "GET /permission",
  "POST /permission/:id/reply",
  "GET /config/providers",
];

export interface Trouble {
  readonly serverIsUp: boolean;
  /** Begins with a worker's life. Resolves when `signal` aborts. */
  accompany(worker: NightWorker, signal: AbortSignal): Promise<void>;
  /** To be told each step of a worker, before it is taken. Throws what SQLite would throw there. */
  onStep(name: string): void;
  /** Everything works again. */
  end(): void;
}

export interface NightWorker {
  readonly life: Life;
  readonly stopping: Stopping;
  readonly stop: AbortController;
  readonly askCheckpoint: () => void;
}

export function createTrouble(
  { random, clock, fake, project, note, troubles = TROUBLES }: {
    random: Random;
    clock: VirtualClock;
    fake: FakeOpenCode;
    project: NightProject;
    note: (text: string) => void;
    /** Weights; default: `TROUBLES`. */
    troubles?: typeof TROUBLES;
  },
): Trouble {
  /** Some nights are calm. */
  const everyMs = random.pick([30 * SECOND, 2 * MINUTE, 8 * MINUTE, 40 * MINUTE]);
  let serverIsUp = true;
  /** What SQLite reports. */
  let databaseFault: { errcode: number; message: string } | undefined;

  /** Undone after `ms`, and at the end of the night at the latest. */
  const undo = new Set<() => void>();
  function until(ms: number, act: () => void): void {
    const once = () => {
      if (!undo.delete(once)) return;
      cancel();
      act();
    };
    undo.add(once);
    const cancel = clock.after(ms, once);
  }

  function killServer(turns: "lost" | "go_on"): void {
    if (!serverIsUp) return;
    serverIsUp = false;
    fake.kill({ turns });
    const ms = turns === "lost"
      ? random.pick([2 * SECOND, 20 * SECOND, 3 * MINUTE, 20 * MINUTE, 45 * MINUTE])
      : random.between(1, NETWORK_GONE_MAX_S) * SECOND;
    const version = random.chance(0.2) ? random.pick(VERSIONS) : undefined;
    note(`  the server is back in ${ms / SECOND} s${version ? ` as ${version}` : ""}`);
    until(ms, () => {
      serverIsUp = true;
      fake.start(turns === "lost" ? { version } : {});
      note("the server is back");
    });
  }

  function spoilDatabase(fault: { errcode: number; message: string }, ms: number): void {
    note(`  for ${ms / SECOND} s`);
    databaseFault = fault;
    until(ms, () => {
      databaseFault = undefined;
      note("the database works again");
    });
  }

  function spoilEvents(): void {
    const how = random.pick(["dropped", "repeated", "malformed", "late", "silent"] as const);
    note(`  ${how}`);
    fake.editEvents(spoiler(how, random));
    until(random.between(1, 40) * MINUTE, () => fake.editEvents());
  }

  function strike({ life, stopping, stop, askCheckpoint }: NightWorker): void {
    const what = random.weighted(troubles);
    note(`trouble: ${what}`);
    switch (what) {
      case "server_restarts":
        return killServer("lost");
      case "network_gone":
        return killServer("go_on");
      case "streams_close":
        return fake.closeStreams();
      case "events_spoilt":
        return spoilEvents();
      case "worker_killed":
        return life.end();
      case "worker_stopped":
        return stopping.stopFor(random.between(1, 90) * MINUTE);
      case "machine_clock_jumps":
        return clock.setWall(clock.now() + random.pick([-60, -10, 10, 60, 24 * 60]) * MINUTE);
      case "database_locked":
        return spoilDatabase(LOCKED, random.pick([2, 30, 240]) * SECOND);
      case "disk_full":
        return spoilDatabase(FULL, random.pick([10, 120, 600]) * SECOND);
      case "stop":
        return stop.abort();
      case "checkpoint":
        return askCheckpoint();
      case "leave":
        return stop.abort(SHUTDOWN);
      case "person_edits":
        return personEdits(project);
    }
  }

  return {
    get serverIsUp() {
      return serverIsUp;
    },

    async accompany(worker, signal) {
      const faults = Array.from({ length: random.between(0, 5) }, () => {
        const on = random.pick(ROUTES);
        const [name, act] = drawFault(on, { random, clock });
        const skip = random.between(0, on.startsWith("POST") ? 4 : 40);
        const times = random.pick([1, 1, 1, 3, 12]);
        note(`fault: ${name} on ${on} from the ${skip + 1}. on, ${times} times`);
        return fake.fault({ on, skip, times, act });
      });
      while (!signal.aborted) {
        await sleep(clock, random.between(1, 2 * everyMs), signal);
        if (!signal.aborted) strike(worker);
      }
      for (const fault of faults) fault.remove();
    },
    onStep(name) {
      if (!databaseFault) return;
      if (CHANGES.test(name)) throw sqliteError(databaseFault);
      if (databaseFault === FULL && FILES.test(name)) {
        throw Object.assign(new Error("No space left on device (os error 28)"), { code: "ENOSPC" });
      }
    },
    end() {
      for (const act of [...undo]) act();
    },
  };
}

/**
 * How late a request may take effect, in seconds. A server that takes one up long after its client
 * has given up, and answers all others meanwhile, is not met: of a session there would be two, and a
 * prompt would be worked on beside the next turn for some seconds (see `server_prompt_test.ts`).
 */
const LATE_MAX_S: Readonly<Record<string, number>> = {
  "POST /session": 9,
  "POST /session/:id/prompt_async": 20,
};
const LATE_MAX_OTHERS_S = 90;

function drawFault(
  on: string,
  { random, clock }: { random: Random; clock: VirtualClock },
): [string, Intercept] {
  const lateMaxSeconds = LATE_MAX_S[on] ?? LATE_MAX_OTHERS_S;
  const acts: Record<string, Intercept> = {
    dropped: drop,
    "dropped after its effect": afterEffect(drop),
    late: late(clock, random.between(1, lateMaxSeconds) * SECOND),
    unanswered: withhold,
    "unanswered after its effect": afterEffect(withhold),
    "500": answer(500, `{"message":"broken"}`),
    "503": answer(503, "busy", "text/plain"),
    "429": answer(429, `{"message":"slow down"}`),
    html: answer(200, "<!doctype html>", "text/html"),
    garbage: edit((text) => text.slice(0, text.length / 2) + "\u0000{"),
    truncated: cutAfter(random.between(0, 40)),
    "empty object": edit(() => "{}"),
    null: edit(() => "null"),
  };
  const name = random.pick(Object.keys(acts));
  return [name, acts[name]];
}

function spoiler(how: string, random: Random): EditEvent {
  let held: string[] = [];
  return (data) => {
    switch (how) {
      case "dropped":
        return random.chance(0.4) ? [] : [data];
      case "repeated":
        return [data, data];
      case "malformed":
        return random.chance(0.3) ? [data.slice(0, data.length / 2)] : [data];
      case "late": {
        const now = held;
        held = random.chance(0.3) ? [data] : [];
        return held.length > 0 ? now : [data, ...now];
      }
      default:
        return [];
    }
  };
}

/** Someone who looks in adds to the PRD, if there is one to add to. */
function personEdits(project: NightProject): void {
  const text = project.read(PRD);
  try {
    const prd = JSON.parse(text ?? "");
    prd.userStories[0].description += " And well.";
    project.write(PRD, JSON.stringify(prd, null, 2));
  } catch {
    // the agent has broken it just now
  }
}
