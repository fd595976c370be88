/** An iteration that several workers were at: its time is all its parts, and the session's has them too. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { sleep } from "../../src/clock.ts";
import { answer, askedIn, isReview } from "../support/reviewer.ts";
import { say } from "../support/scripted_model.ts";
import { createWorld, honestAgent, type World } from "./world.ts";

/** What the agent needs for its first answer. */
const ANSWER_MS = 100_000;
/** A worker that is killed was seen so long before at most, and what git and gates take besides. */
const SLACK_MS = 11_000;

interface Case {
  what: string;
  /** When its worker is killed, and for how long nobody is there. */
  killedAtMs: number;
  goneMs: number;
  /** The server and its turn go with the worker. */
  serverDies?: boolean;
  wantMs: number;
}

const CASES: Case[] = [
  { what: "the turn goes on", killedAtMs: 20_000, goneMs: 60_000, wantMs: ANSWER_MS },
  { what: "it ends while nobody is there", killedAtMs: 20_000, goneMs: 600_000, wantMs: ANSWER_MS },
  { what: "it dies, too", killedAtMs: 65_000, goneMs: 600_000, serverDies: true, wantMs: 65_000 },
];

for (const { what, killedAtMs, goneMs, serverDies, wantMs } of CASES) {
  Deno.test(`a worker is killed in mid-turn and ${what}: its iteration took what was worked`, async () => {
    let calls = 0;
    await using world: World = await createWorld({
      stories: 1,
      processes: false,
      async script(request) {
        if (++calls === 1) await sleep(world.clock, ANSWER_MS);
        return serverDies && calls === 1 ? say("Too late.") : honestAgent(request);
      },
    });
    const { clock, fake } = world;
    const first = world.work();
    await clock.run(sleep(clock, killedAtMs));
    first.kill();
    if (serverDies) fake.kill();
    if (serverDies) fake.start();
    await clock.run(sleep(clock, goneMs));
    const second = world.work();
    assert.equal((await clock.run(second.end))?.status, "completed");

    const told = second.events.find(({ type }) => type === "iteration_ended");
    assert(told?.type === "iteration_ended");
    const db = new DatabaseSync(world.database, { readOnly: true });
    const [{ took }] = db.prepare("SELECT duration_ms AS took FROM iterations WHERE number = 1")
      .all();
    const [{ worked, sum }] = db.prepare(
      `SELECT ran_before_ms + (julianday(worker_seen_at) - julianday(worker_started_at)) * 86400000
        AS worked, (SELECT sum(duration_ms) FROM iterations) AS sum FROM sessions`,
    ).all();
    db.close();
    assert.equal(Math.round(told.durationMs), took);
    assert(Math.abs(Number(took) - wantMs) < SLACK_MS, `${took} of ${wantMs} ms`);
    assert(Number(worked) >= Number(sum) - 1, `session ${worked} ms, its iterations ${sum} ms`);
  });
}

const REVIEWS: Omit<Case, "serverDies">[] = [
  { what: "goes on", killedAtMs: 20_000, goneMs: 60_000, wantMs: ANSWER_MS },
  {
    what: "is answered while nobody is there",
    killedAtMs: 20_000,
    goneMs: 600_000,
    wantMs: ANSWER_MS,
  },
];

for (const { what, killedAtMs, goneMs, wantMs } of REVIEWS) {
  Deno.test(`a worker is killed in mid-review, which ${what}: it took what was worked`, async () => {
    let begun = () => {};
    const began = new Promise<void>((resolve) => begun = resolve);
    await using world: World = await createWorld({
      stories: 1,
      processes: false,
      review: { rounds: 2, when: "story" },
      async script(request) {
        if (!isReview(request.prompt)) return honestAgent(request);
        begun();
        await sleep(world.clock, ANSWER_MS);
        return say(answer(askedIn(request.prompt), { met: true, file: "work/US-001.txt" }));
      },
    });
    const { clock } = world;
    const first = world.work();
    await clock.run(began);
    await clock.run(sleep(clock, killedAtMs));
    first.kill();
    await clock.run(sleep(clock, goneMs));
    const second = world.work();
    assert.equal((await clock.run(second.end))?.status, "completed");

    const told = second.events.find(({ type }) => type === "review");
    assert(told?.type === "review");
    const db = new DatabaseSync(world.database, { readOnly: true });
    const [{ took, outcome }] = db.prepare("SELECT duration_ms AS took, outcome FROM reviews")
      .all();
    const [{ all }] = db.prepare('SELECT duration_ms AS "all" FROM iterations').all();
    db.close();
    assert.equal(outcome, "passed");
    assert.equal(Math.round(told.durationMs), took);
    assert(Math.abs(Number(took) - wantMs) < SLACK_MS, `${took} of ${wantMs} ms`);
    assert(Number(all) >= Number(took), `an iteration of ${all} ms, its review ${took} ms`);
  });
}
