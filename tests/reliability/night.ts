/** A session that runs through some trouble, to be looked at afterwards. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { sleep } from "../../src/clock.ts";
import type { SessionEnd } from "../../src/loop/loop.ts";
import type { Fault, FaultHandle } from "../support/fake_faults.ts";
import type { Reply } from "../support/scripted_model.ts";
import { assertNothingLost, type Records } from "./nothing_lost.ts";
import { createWorld, type Worker, type World, type WorldOptions } from "./world.ts";

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export interface Night extends AsyncDisposable {
  readonly world: World;
  /** How long the session took. */
  readonly seconds: number;
  readonly records: Records;
  warnings(): readonly string[];
  /** Checks how it ended. */
  ended(status: string, reason: string): Records;
}

export interface Scene extends World {
  /** As that of the fake server, until the session has ended. */
  fault(fault: Fault): FaultHandle;
}

/** What the trouble can do, and see, while the session runs. */
export interface Meanwhile extends Scene {
  readonly worker: Worker & { hasEnded(): boolean };
  pass(ms: number): Promise<void>;
  /** Until the agent of the n-th turn asks its model. Default: the first. */
  working(turn?: number): Promise<void>;
  /** Until the server has a prompt. */
  prompted(): Promise<void>;
  iterationEnded(number: number): Promise<void>;
  /** What `ralph status` shows that the session does. */
  status(): string;
}

/**
 * Runs a session to its end, with `meanwhile` beside it, and checks that nothing was lost. `before`
 * sets the scene. Throws when it has not ended after `hours` of its clock (default: 3).
 */
export async function night(
  { hours = 3, ...options }: WorldOptions & { hours?: number },
  meanwhile: (night: Meanwhile) => Promise<void> = () => Promise.resolve(),
  before: (scene: Scene) => void = () => {},
): Promise<Night> {
  await using stack = new AsyncDisposableStack();
  const world = stack.use(await createWorld({ stories: 1, ...options }));
  const { clock, fake } = world;
  const faults: FaultHandle[] = [];
  function fault(fault: Fault): FaultHandle {
    const handle = fake.fault(fault);
    faults.push(handle);
    return handle;
  }
  const scene = { ...world, fault };
  before(scene);
  const startedAt = clock.monotonic();
  const worker = world.work();
  let end: SessionEnd | undefined;
  let seconds = 0;
  const working = worker.end.then((how) => {
    end = how;
    seconds = (clock.monotonic() - startedAt) / SECOND;
  });

  async function until(what: string, condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (end) throw new Error(`the session ended before ${what}: ${end.detail}`);
      await sleep(clock, 10);
    }
  }
  const count = (type: string) => fake.ledger.filter((entry) => entry.type === type).length;
  const status = () => activityIn(world);
  const tooLong = Promise.withResolvers<never>();
  const cancel = clock.after(hours * 60 * MINUTE, () => {
    tooLong.reject(new Error(`no end after ${hours} hours of: ${status()}`));
  });
  const all = Promise.all([
    working,
    meanwhile({
      ...scene,
      worker: { ...worker, hasEnded: () => end !== undefined },
      status,
      pass: (ms) => sleep(clock, ms),
      working: (turn = 1) =>
        until("an agent worked", () =>
          new Set(
            fake.ledger.flatMap((one) => one.type === "model_call" ? [one.sessionId] : []),
          ).size >= turn),
      prompted: () => until("a prompt was sent", () => count("prompt") > 0),
      iterationEnded: (number) =>
        until(
          `iteration ${number} ended`,
          () =>
            worker.events.some((event) =>
              event.type === "iteration_ended" && event.number === number
            ),
        ),
    }),
  ]);
  await clock.run(Promise.race([all, tooLong.promise]));
  cancel();
  for (const fault of faults) fault.remove();
  fake.start();
  const records = await assertNothingLost(world);
  const owned = stack.move();
  return {
    world,
    seconds,
    records,
    warnings: () => worker.events.flatMap((one) => one.type === "warning" ? [one.text] : []),
    ended(status, reason) {
      assert.deepEqual(
        [end?.status, end?.reason],
        [status, reason],
        `${end?.detail}; ${records.iterations.map(({ detail }) => detail)}`,
      );
      return records;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The agent takes that long to think before it answers. */
export function after(ms: number, reply: Reply): Reply {
  if (reply.kind !== "stream") return reply;
  return { ...reply, steps: [{ waitMs: ms }, ...reply.steps] };
}

/** As `ralph status` reads it: from the file. */
function activityIn({ database }: World): string {
  using db = new DatabaseSync(database, { readOnly: true });
  return String(db.prepare("SELECT activity FROM sessions ORDER BY id DESC").get()?.activity);
}
