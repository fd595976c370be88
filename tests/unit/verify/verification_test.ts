/** What the loop finds out about claims, with gates and tests that a test decides, and real git. */
import assert from "node:assert/strict";
import { systemClock as clock } from "../../../src/host/system/clock.ts";
import { treeChange, type TreeState, treeState } from "../../../src/host/git/tree_state.ts";
import type { GateRunner } from "../../../src/verify/gates/gate_runner.ts";
import {
  createVerification,
  type Verification,
  type VerificationOptions,
} from "../../../src/verify/verification.ts";
import type { Agenda } from "../../../src/task/agenda.ts";
import { type Gate, gateKey } from "../../../src/task/gate.ts";
import type { Story } from "../../../src/task/prd.ts";
import { makeProject, type Project } from "../../support/project.ts";
import { story } from "../../support/story.ts";

const gate = (name: string): Gate => ({ name, run: { args: [name] } });
const signal = new AbortController().signal;

interface World extends AsyncDisposable {
  readonly project: Project;
  readonly verification: Verification;
  /** Names of the gates that fail. */
  readonly failing: Set<string>;
  /** Names of the gates that fail in their next run alone. */
  readonly flaky: Set<string>;
  /** What the gates do to the work tree. */
  onRun: () => void;
  lost: string;
  left: readonly string[];
  /** Names of the gates in the order in which they ran. */
  readonly ran: string[];
  readonly takenBack: string[];
  accepted: number;
  /** A turn that claims these stories; all others stay as they were. */
  turn(...claimed: string[]): ReturnType<Verification["judgeTurn"]>;
  prove(): ReturnType<Verification["prove"]>;
  baseline(): ReturnType<Verification["baseline"]>;
  /** Gates that fail do so since there is no such program. */
  notStarted: boolean;
  /** What a clean checkout has not, though the work tree has. */
  lacking: readonly string[];
}

async function world(
  { gates = ["all"], stories, dirty, ...options }:
    & { gates?: string[]; stories?: readonly Story[]; dirty?: string }
    & Partial<Omit<VerificationOptions, "gates">> = {},
): Promise<World> {
  const project = await makeProject({ files: { "tasks/t/prd.md": "# PRD" } });
  if (dirty !== undefined) await project.write(dirty, "a person's");
  let now = stories ?? [story("a", false), story("b", false)];
  let iteration = 0;
  const state = (known?: TreeState) => treeState(project.root, { clock, known });
  const runner: GateRunner = {
    keep: () => Promise.resolve(),
    async runClean(wanted, signal) {
      const run = await runner.run(wanted, signal);
      return run && { results: run.results, lacking: here.lacking };
    },
    run: (wanted, signal) => {
      if (signal.aborted) return Promise.resolve(undefined);
      here.onRun();
      const distinct = new Map(wanted.map((gate) => [gateKey(gate), gate]));
      const results = [...distinct.values()].map((gate) => {
        here.ran.push(gate.name);
        const passed = !here.failing.has(gate.name) && !here.flaky.delete(gate.name);
        const why = passed ? "ok" : "exit code 1";
        const { notStarted } = here;
        return { gate, passed, why, output: "", durationMs: 1, notStarted };
      });
      return Promise.resolve({ results, notes: [] });
    },
  };
  const agenda = (): Agenda => ({ stories: now, gates: [], format: "markdown" });
  const verification = createVerification({
    runner,
    tests: {
      begin: () => Promise.resolve(),
      lost: () => Promise.resolve(here.lost),
      accept: () => Promise.resolve(void here.accepted++),
    },
    testsCount: true,
    finishClean: false,
    backlog: {
      takeBack(ids) {
        here.takenBack.push(...ids);
        now = now.map((one) => ids.includes(one.id) ? { ...one, passes: false } : one);
      },
    },
    gates: gates.map(gate),
    withheld: [],
    tree: {
      state,
      change: (between) => treeChange(project.root, { clock, ...between, ignore: ["tasks/t"] }),
      start: await state(),
      onStartMoved: () => Promise.resolve(),
    },
    claims: [],
    passedBefore: [],
    accepted: false,
    owesEvidence: false,
    leftRunning: () => Promise.resolve(here.left),
    taskPlace: "tasks/t",
    acceptCommand: "ralph run t --accept",
    ...options,
  });
  const here: World = {
    project,
    verification,
    failing: new Set(),
    flaky: new Set(),
    onRun: () => {},
    lost: "",
    left: [],
    ran: [],
    takenBack: [],
    accepted: 0,
    async turn(...claimed) {
      const before = agenda();
      now = now.map((one) => claimed.includes(one.id) ? { ...one, passes: true } : one);
      const turn = { agenda: before, before: before.stories, after: now, tree: await state() };
      return await verification.judgeTurn({ iteration: ++iteration, ...turn }, signal);
    },
    notStarted: false,
    lacking: [],
    baseline: () => verification.baseline(agenda(), signal),
    prove: () => verification.prove(agenda(), { iterated: iteration > 0, signal }),
    [Symbol.asyncDispose]: () => project[Symbol.asyncDispose](),
  };
  return here;
}

Deno.test("a claim runs the gates; one that fails takes it back and is told", async () => {
  await using here = await world();
  const nothing = await here.turn();
  assert.deepEqual([here.ran, nothing.claims, nothing.failureKey], [[], [], undefined]);

  here.failing.add("all");
  const verdict = await here.turn("a");
  assert.deepEqual(here.ran, ["all"]);
  assert.deepEqual(here.takenBack, ["a"]);
  assert.equal(verdict.claims[0].held, false);
  assert.match(verdict.failure ?? "", /a was said to be done, and is open again: the gate `all`/);
  const again = await here.turn("a");
  assert.equal(again.failureKey, verdict.failureKey, "the same failure");
  assert.notEqual((await here.turn("b")).failureKey, verdict.failureKey, "another story");
});

Deno.test("what agents have left running is told where a gate fails, and only there", async () => {
  await using here = await world({ gates: ["unit"] });
  here.left = ["process 12 (port 3000): node server.js"];
  const held = await here.turn("a");
  assert.deepEqual(held.notes, []);
  here.failing.add("unit");
  const { notes, failure } = await here.turn("b");
  const text = "commands of agents have left running: process 12 (port 3000): node server.js";
  assert.deepEqual(notes, [{ about: "left", text }]);
  assert.match(failure ?? "", /^Mind that commands of agents have left running: process 12 /);
});

Deno.test("a gate that passed before and fails now is broken", async () => {
  await using here = await world();
  assert.deepEqual((await here.turn("a")).broke, []);
  here.failing.add("all");
  assert.deepEqual((await here.turn("b")).broke, ["all"]);
});

Deno.test("all gates run once more at the end, unless they just did on this very tree", async () => {
  await using here = await world({
    stories: [{ ...story("a", false), verify: [gate("of a")] }, story("b", false)],
  });
  await here.project.write("work.txt", "x");
  await here.turn("a");
  await here.turn("b");
  assert.deepEqual(here.ran, ["all", "of a", "all"]);
  assert.deepEqual((await here.prove())?.proof, { kind: "proved" });
  assert.deepEqual(here.ran.slice(3), ["all", "of a"], "the second turn may have broken `of a`");

  await using one = await world({ stories: [story("a", false)] });
  await one.project.write("work.txt", "x");
  await one.turn("a");
  assert.deepEqual((await one.prove())?.proof, { kind: "proved" });
  assert.deepEqual(one.ran, ["all"]);
});

Deno.test("work undone by a later story reopens the earlier one", async () => {
  await using here = await world({
    gates: [],
    stories: [{ ...story("a", false), verify: [gate("of a")] }, story("b", false)],
  });
  await here.turn("a");
  await here.turn("b");
  here.failing.add("of a");
  const run = await here.prove();
  assert.equal(run?.proof, undefined);
  assert.deepEqual(here.takenBack, ["a"]);
  assert.match(run?.failure ?? "", /a was said to be done, and is open again: the gate `of a`/);
});

Deno.test("gates that fail without a claim in this session end it", async () => {
  await using here = await world({ stories: [story("a", true)] });
  here.failing.add("all");
  const run = await here.prove();
  assert.equal(run?.proof?.kind, "gates_fail");
  assert.deepEqual(here.takenBack, []);
  here.failing.clear();
  assert.deepEqual((await here.prove())?.proof, { kind: "proved" }, "and no evidence is asked for");
});

Deno.test("claims need something to show for them, outside of the task's folder", async () => {
  await using here = await world();
  await here.project.write("tasks/t/progress.txt", "I did it");
  await here.turn("a", "b");
  const run = await here.prove();
  assert.equal(run?.proof?.kind, "unproven");
  assert.match(run?.proof?.kind === "unproven" ? run.proof.why : "", /`ralph run t --accept`/);
  await here.project.write("work.txt", "x");
  assert.deepEqual((await here.prove())?.proof, { kind: "proved" });

  await using accepted = await world({ accepted: true });
  await accepted.turn("a", "b");
  assert.deepEqual((await accepted.prove())?.proof, { kind: "proved" });

  await using owing = await world({ owesEvidence: true, stories: [story("a", true)] });
  assert.equal((await owing.prove())?.proof?.kind, "unproven", "claimed in the session before");
});

Deno.test("what only the gates wrote is no evidence; what the agent wrote stays one", async () => {
  await using idle = await world();
  idle.onRun = () => Deno.writeTextFileSync(`${idle.project.root}/coverage.txt`, String(idle.ran));
  await idle.turn("a");
  await idle.turn("b");
  assert.equal((await idle.prove())?.proof?.kind, "unproven");

  await using late = await world({
    gates: [],
    stories: [{ ...story("a", true), verify: [gate("of a")] }, story("b", false)],
  });
  late.onRun = () => Deno.writeTextFileSync(`${late.project.root}/coverage.txt`, "x");
  await late.turn("b");
  assert.equal((await late.prove())?.proof?.kind, "unproven", "written in the run of all gates");

  await using busy = await world();
  busy.onRun = () => Deno.writeTextFileSync(`${busy.project.root}/work.txt`, "formatted");
  await busy.project.write("work.txt", "by the agent");
  await busy.turn("a", "b");
  assert.deepEqual((await busy.prove())?.proof, { kind: "proved" });
});

Deno.test("lost tests take back claims until they are there again, unless they are trusted", async () => {
  await using here = await world();
  here.lost = "1 test deleted: adds";
  const verdict = await here.turn("a");
  assert.deepEqual(verdict.claims, [{ storyId: "a", held: false, why: here.lost }]);
  assert.deepEqual(verdict.notes, [{ about: "tests", text: here.lost }]);
  assert.match(verdict.failure ?? "", /Put them back/);
  const again = await here.turn("a");
  assert.equal(again.claims[0].held, false);
  assert.deepEqual(again.notes, [], "told once");
  assert.equal(here.accepted, 0);
  here.lost = "";
  assert.equal((await here.turn("a")).claims[0].held, true);
  assert.equal(here.accepted, 1, "what is there now must stay");

  await using trusting = await world({ testsCount: false });
  trusting.lost = "1 test deleted: adds";
  const trusted = await trusting.turn("a");
  assert.equal(trusted.claims[0].held, true);
  assert.deepEqual(trusted.notes, [{ about: "tests", text: trusting.lost }]);
  assert.doesNotMatch(trusted.failure ?? "", /Put them back/);
});

Deno.test("a claim that the agent takes back itself is forgotten", async () => {
  await using here = await world({ stories: [story("a", true), story("b", false)] });
  await here.turn("b");
  const stories = [story("a", true), story("b", false)];
  const agenda: Agenda = { stories: [story("a", true), story("b", true)], gates: [] };
  await here.verification.judgeTurn(
    { iteration: 2, agenda, before: agenda.stories, after: stories },
    signal,
  );
  here.failing.add("all");
  const proof = (await here.verification.prove(agenda, { iterated: true, signal }))?.proof;
  assert.equal(proof?.kind, "gates_fail", "nothing of this session is claimed any more");
});

Deno.test("a person who stops does not wait: claims of that turn are taken back, not judged", async () => {
  await using here = await world();
  const agenda: Agenda = { stories: [story("a", false)], gates: [] };
  const stopped = AbortSignal.abort();
  here.lost = "1 test deleted";
  const { verification } = here;
  here.failing.add("all");
  const verdict = await verification.judgeTurn(
    { iteration: 1, agenda, before: agenda.stories, after: [story("a", true)] },
    stopped,
  );
  const why = "stopped before it was judged";
  assert.deepEqual(verdict.claims, [{ storyId: "a", held: false, why }]);
  assert.deepEqual([here.ran, here.takenBack, verdict.notes], [[], ["a"], []]);
  assert.equal(await verification.prove(agenda, { iterated: true, signal: stopped }), undefined);
});

Deno.test("a claim whose work a stop keeps from being delivered is taken back", async () => {
  await using here = await world();
  const stop = new AbortController();
  const agenda: Agenda = { stories: [story("a", false)], gates: [] };
  const verdict = await here.verification.judgeTurn(
    {
      iteration: 1,
      agenda,
      before: agenda.stories,
      after: [story("a", true)],
      deliver() {
        stop.abort();
        return Promise.resolve("it was stopped");
      },
    },
    stop.signal,
  );
  assert.deepEqual(verdict.claims, [{ storyId: "a", held: false, why: "it was stopped" }]);
  assert.deepEqual(here.takenBack, ["a"]);
});

Deno.test("tests that are lost are seen at the end, when no claim was judged with them", async () => {
  await using here = await world({ claims: [{ storyId: "a", iteration: 1 }] });
  const agenda: Agenda = { stories: [story("a", true)], gates: [] };
  here.lost = "1 test deleted";
  const run = await here.verification.prove(agenda, { iterated: true, signal });
  assert.deepEqual(run?.takenBack, [{ storyId: "a", why: "1 test deleted" }]);
  assert.equal(run?.proof, undefined);
  const again = await here.verification.prove(agenda, { iterated: true, signal });
  assert.equal(again?.proof?.kind, "gates_fail", "nothing is left to be taken back");
});

Deno.test("stories that something else ticked while the loop worked need evidence too", async () => {
  await using here = await world({ stories: [story("a", false)] });
  await here.turn();
  const ticked: Agenda = { stories: [story("a", true)], gates: [] };
  const run = await here.verification.prove(ticked, { iterated: true, signal });
  assert.equal(run?.proof?.kind, "unproven");
});

Deno.test("all gates run before the first turn: what cannot run is told, and is no work", async () => {
  const stories = [{ ...story("a", false), verify: [gate("own")] }];
  await using here = await world({ stories });
  here.onRun = () => Deno.writeTextFileSync(`${here.project.root}/made-by-a-gate.txt`, "x");
  here.failing.add("own");
  const first = await here.baseline();
  assert.deepEqual(here.ran, ["all", "own"]);
  assert.deepEqual(first?.gates.map(({ gate, passed }) => [gate, passed]), [["all", true], [
    "own",
    false,
  ]]);
  assert.deepEqual([first?.warnings, first?.hopeless], [[], undefined], "it may be its own red");

  here.notStarted = true;
  const lacking = await here.baseline();
  assert.deepEqual(lacking?.warnings, ["the gate `own` fails before any work: exit code 1"]);
  assert.equal(
    lacking?.hopeless,
    undefined,
    "an earlier story may bring what a story's gate needs",
  );
  here.failing.add("all");
  assert.match((await here.baseline())?.hopeless ?? "", /^the gate `all` fails before any work/);

  // What passed before the first turn, and fails after it, was broken by the work.
  const turn = await here.turn("a");
  assert.deepEqual(turn.broke, ["all"]);
  here.failing.clear();
  await here.turn("a");
  const proved = await here.prove();
  assert.equal(proved?.proof?.kind, "unproven", "what gates made is nobody's work");
});

Deno.test("a claim whose work cannot be brought to its branch is taken back, with the words", async () => {
  await using here = await world();
  const before = { stories: [story("a", false), story("b", false)], gates: [] };
  const after = [story("a", true), story("b", true)];
  const asked: string[] = [];
  const judge = (iteration: number, why: string) =>
    here.verification.judgeTurn({
      iteration,
      agenda: before,
      before: before.stories,
      after,
      deliver(stories) {
        asked.push(stories.map(({ id }) => id).join());
        return Promise.resolve(why);
      },
    }, signal);
  const verdict = await judge(1, "the hook took 1.2s and refuses");
  assert.deepEqual(asked, ["a,b"]);
  assert.deepEqual(here.takenBack, ["a", "b"]);
  assert.match(verdict.failure ?? "", /a was said to be done, and is open again: the hook took/);
  const again = await judge(2, "the hook took 3.4s and refuses");
  assert.equal(again.failureKey, verdict.failureKey, "times make no difference");
  here.failing.add("all");
  await judge(3, "never asked");
  assert.equal(asked.length, 2, "what a gate refuses is not delivered");
});

Deno.test("at the end the gates run on what is committed, and what fails there only is told so", async () => {
  await using here = await world({ finishClean: true, stories: [story("a", false)] });
  await here.project.write("work.txt", "x");
  await here.project.git("add", "--all");
  await here.project.git("commit", "--quiet", "-m", "work");
  await here.project.write("loose.txt", "x");
  await here.turn("a");
  here.failing.add("all");
  here.lacking = ["lib/"];
  const run = await here.prove();
  assert.deepEqual(run?.takenBack.map(({ storyId }) => storyId), ["a"]);
  assert.match(run?.failure ?? "", /exit code 1 in a clean checkout/);
  assert.match(run?.undelivered ?? "", /not committed: `loose.txt`; ignored by git: `lib\/`/);
  here.failing.clear();
  assert.deepEqual((await here.prove())?.proof, { kind: "proved" });
});

Deno.test("work of which nothing is committed is not delivered, unless the work tree counts", async () => {
  for (const finishClean of [true, false]) {
    await using here = await world({ finishClean, stories: [story("a", false)] });
    await here.project.write("work.txt", "x");
    await here.turn("a");
    const proof = (await here.prove())?.proof;
    assert.equal(proof?.kind, finishClean ? "not_delivered" : "proved");
    if (proof?.kind === "not_delivered") assert.match(proof.why, /committed: `work.txt`/);
  }
});

const FLAKY = "exit code 1, and it passed when it was run again on the same content";

Deno.test("a gate that fails at the end on what it has passed on is run once more, and told", async () => {
  for (const finishClean of [true, false]) {
    const gates = ["build", "unit", "lint"];
    await using here = await world({ gates, finishClean, dirty: "mine.txt" });
    await here.project.write("work.txt", "x");
    await here.turn("a", "b");
    await here.project.git("add", "work.txt");
    await here.project.git("commit", "-qm", "work");
    here.ran.length = 0;
    here.flaky.add("unit");
    // in the tree nothing is run that has just passed, unless somebody was at work
    const disturbed = true;
    const agenda: Agenda = { stories: [story("a", true), story("b", true)], gates: [] };
    const run = await here.verification.prove(agenda, { iterated: true, disturbed, signal });
    assert.deepEqual(
      here.ran,
      ["build", "unit", "lint", "build", "unit"],
      "what it builds on, too",
    );
    assert.deepEqual(run?.proof, { kind: "proved" });
    assert.deepEqual(run?.gates.map(({ passed, flaky, why }) => [passed, flaky, why]), [
      [true, false, "ok"],
      [true, true, FLAKY],
      [true, false, "ok"],
    ]);

    here.failing.add("unit");
    const fails = await here.verification.prove(agenda, { iterated: true, disturbed, signal });
    assert.equal(fails?.proof, undefined, "twice is a failure");
    assert.match(fails?.takenBack[0].why ?? "", /`unit` fails: exit code 1, twice/);
  }
});

Deno.test("a gate that fails on anything else than what it passed on is not run again", async () => {
  await using dirty = await world({ finishClean: true });
  await dirty.project.write("work.txt", "x");
  await dirty.turn("a", "b");
  dirty.flaky.add("all");
  assert.equal((await dirty.prove())?.proof, undefined, "work.txt is in no commit");

  await using lacking = await world({ finishClean: true });
  await lacking.project.write("work.txt", "x");
  await lacking.turn("a", "b");
  await lacking.project.git("add", ".");
  await lacking.project.git("commit", "-qm", "work");
  lacking.lacking = ["lib/"];
  lacking.flaky.add("all");
  assert.equal((await lacking.prove())?.proof, undefined, "the checkout has no lib/");

  await using here = await world();
  here.flaky.add("all");
  assert.equal((await here.turn("a")).claims[0].held, false, "it never passed");
  await here.project.write("work.txt", "x");
  assert.equal((await here.turn("a")).claims[0].held, true);
  await here.project.write("work.txt", "y");
  here.flaky.add("all");
  assert.equal((await here.turn("b")).claims[0].held, false, "the work may be what broke it");
  assert.deepEqual(here.ran, ["all", "all", "all"]);
});

Deno.test("a claim is not taken back for a gate that passed on the very same before", async () => {
  await using here = await world();
  await here.project.write("work.txt", "x");
  await here.turn("a");
  await here.project.write("tasks/t/progress.txt", "a is done");
  here.flaky.add("all");
  const { claims, gates, broke } = await here.turn("b");
  assert.deepEqual([claims[0].held, gates[0].why, broke], [true, FLAKY, []]);
});

Deno.test("a gate that asks whether all is committed: what was not is told, before the work and after", async () => {
  const ask = "git diff --exit-code";
  await using here = await world({ gates: [ask] });
  here.failing.add(ask);
  await here.project.write("mine.txt", "a person's");
  assert.deepEqual((await here.baseline())?.warnings, [
    `\`${ask}\` can only pass when all is committed; not committed since before the session, which ` +
    "is a person's to do: `mine.txt`",
  ]);
  const { notes, failure } = await here.turn("a");
  assert.match(notes[0].text, /; in no commit when it ran: `mine.txt`$/, "it came since the start");
  assert.match(failure ?? "", /^About git: `git diff --exit-code` can only pass/);
  assert.deepEqual((await here.turn()).notes, [], "nothing was claimed");
});
