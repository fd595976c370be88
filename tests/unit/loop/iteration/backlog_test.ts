import assert from "node:assert/strict";
import { prdBacklog, promptBacklog } from "../../../../src/loop/iteration/backlog.ts";
import { RalphError } from "../../../../src/error.ts";
import { StoreError } from "../../../../src/store/database.ts";
import { PROMISE } from "../../../support/agent.ts";
import { temporaryFolder } from "../../../support/folder.ts";

const PRD = "# P\n\n### US-001: First\n\n- [ ] a\n\n### US-002: Second\n\n- [ ] b\n";
const said = (text: string) => ({ end: { kind: "finished", text } as const, toolRuns: [] });
const NO_COMPANIONS = { keep: () => {}, putBack: () => [] };
const at = { sessionId: 3, iteration: 2, now: 0 };

function world() {
  const dir = temporaryFolder();
  const root = `${dir.path}/project`;
  const prdPath = `${root}/tasks/t/prd.md`;
  Deno.mkdirSync(`${root}/tasks/t`, { recursive: true });
  Deno.writeTextFileSync(prdPath, PRD);
  const kept: string[] = [];
  const work = prdBacklog({
    files: Deno,
    task: { name: "t", dir: `${root}/tasks/t`, projectRoot: root, prdPath },
    prdPath,
    aside: `${dir.path}/aside`,
    companions: NO_COMPANIONS,
    keep: ({ bytes }) => kept.push(new TextDecoder().decode(bytes)),
    keptAs: "/kept/prd",
  });
  const write = (text: string) => Deno.writeTextFileSync(prdPath, text);
  return { dir, root, prdPath, kept, work, write, [Symbol.dispose]: () => dir[Symbol.dispose]() };
}

/** Now, as a tool of the agent that wrote a file. */
const byAgent = () => ({
  end: { kind: "finished", text: "" } as const,
  toolRuns: [{ start: Date.now() - 5_000, end: Date.now() + 5_000, tool: "bash", input: {} }],
});

Deno.test("a PRD is kept as it is read; ticks are claims, all else is put back", () => {
  using here = world();
  assert.deepEqual(here.work.read().stories.map(({ passes }) => passes), [false, false]);
  assert.deepEqual(here.kept, [PRD]);
  here.write(PRD.replace("- [ ] a", "- [x] a"));
  const claimed = here.work.reconcile(byAgent(), at);
  assert.deepEqual([claimed.stories[0].passes, claimed.words], [true, undefined]);

  here.write(PRD.replace("- [ ] b", "").replace("- [ ] a", "- [x] a"));
  const broken = here.work.reconcile(byAgent(), at);
  assert.match(broken.words ?? "", /put back.*\/aside\/prd\.agent-3-2\.md/);
  assert.deepEqual(broken.stories.map(({ passes }) => passes), [true, false]);
  here.work.takeBack(["US-001"]);
  assert.equal(Deno.readTextFileSync(here.prdPath), PRD);
});

Deno.test("a claim that is taken back leaves the PRD as it was before the turn, a person's ticks too", () => {
  using here = world();
  const before = PRD.replace("- [ ] a", "**Status:** In progress\n\n- [X] by a person\n- [ ] a");
  here.write(before);
  here.work.read();
  here.write(before.replace("- [ ] a", "- [x] a"));
  const { stories, words } = here.work.reconcile(byAgent(), at);
  assert.deepEqual([stories[0].passes, words], [true, undefined]);
  assert.equal(
    Deno.readTextFileSync(here.prdPath),
    before.replace("- [ ] a", "- [x] a").replace("In progress", "Done"),
  );
  here.work.takeBack(["US-001"]);
  assert.equal(Deno.readTextFileSync(here.prdPath), before);

  // the same when it is taken back after a later turn
  const done = before.replace("- [ ] a", "- [x] a").replace("In progress", "Done");
  here.work.read();
  here.write(done);
  here.work.reconcile(byAgent(), at);
  here.work.read();
  here.write(done.replace("- [ ] b", "- [x] b"));
  here.work.reconcile(byAgent(), at);
  here.work.takeBack(["US-001"]);
  assert.equal(Deno.readTextFileSync(here.prdPath), before.replace("- [ ] b", "- [x] b"));
});

Deno.test("a story without boxes is given one before a turn, and that is no change of the agent's", () => {
  using here = world();
  const before = PRD.replace("- [ ] a", "- a");
  const boxed = before.replace("### US-001", "### [ ] US-001");
  here.write(before);
  here.work.read();
  assert.deepEqual([Deno.readTextFileSync(here.prdPath), here.kept], [boxed, [boxed]]);
  here.write(boxed.replace("### [ ]", "### [x]"));
  const { stories, words } = here.work.reconcile(byAgent(), at);
  assert.deepEqual([stories.map(({ passes }) => passes), words], [[true, false], undefined]);
  here.work.takeBack(["US-001"]);
  assert.equal(Deno.readTextFileSync(here.prdPath), boxed);
});

Deno.test("of a PRD that is gone the error names the last copy, where there is one", () => {
  using here = world();
  here.work.read();
  Deno.removeSync(here.prdPath);
  assert.throws(() => here.work.read(), /there is no such file; its last copy is \/kept\/prd$/);
  const { root, prdPath } = here;
  const later = prdBacklog({
    files: Deno,
    task: { name: "t", dir: `${root}/tasks/t`, projectRoot: root, prdPath },
    prdPath,
    aside: `${here.dir.path}/aside`,
    companions: NO_COMPANIONS,
    keep: () => {},
    keptAs: "/kept/prd",
  });
  assert.throws(() => later.read(), /there is no such file$/);
});

Deno.test("a PRD that cannot be put right while the disk is full waits, and then is", () => {
  using here = world();
  here.work.read();
  let isFull = true;
  const full = () => {
    throw Object.assign(new Error("No space left on device (os error 28)"), { code: "ENOSPC" });
  };
  const { prdPath, root } = here;
  const work = prdBacklog({
    files: { ...Deno, openSync: (...of) => isFull && of[1]?.write ? full() : Deno.openSync(...of) },
    task: { name: "t", dir: `${root}/tasks/t`, projectRoot: root, prdPath },
    prdPath,
    aside: `${here.dir.path}/aside`,
    companions: NO_COMPANIONS,
    keep: () => {},
    keptAs: "/kept/prd",
  });
  work.read();
  Deno.removeSync(prdPath);
  const isPassing = (error: unknown) => error instanceof StoreError && error.passing;
  assert.throws(() => work.reconcile(byAgent(), at), isPassing);
  isFull = false;
  assert.match(
    work.reconcile(byAgent(), at).words ?? "",
    /was deleted or moved; the PRD was put back/,
  );
  assert.equal(Deno.readTextFileSync(prdPath), PRD);
  isFull = true;
  assert.throws(() => work.takeBack(["US-001"]), isPassing);
});

Deno.test("a turn that broke off with its worker is judged against the copy that was kept", () => {
  using here = world();
  here.write(PRD.replaceAll("[ ]", "[x]"));
  const { prdPath, root } = here;
  const work = prdBacklog({
    files: Deno,
    task: { name: "t", dir: `${root}/tasks/t`, projectRoot: root, prdPath },
    prdPath,
    aside: `${here.dir.path}/aside`,
    companions: NO_COMPANIONS,
    keep: () => {},
    keptAs: "/kept/prd",
    interrupted: { path: prdPath, bytes: new TextEncoder().encode(PRD), mode: 0o644 },
  });
  assert.deepEqual(work.recall().stories.map(({ passes }) => passes), [false, false]);
  const { stories } = work.reconcile({ ...byAgent(), toolRuns: undefined }, at);
  assert.deepEqual(stories.map(({ passes }) => passes), [true, true]);
});

/** How often bytes are opened as a PRD: each time they become text that is decoded byte by byte. */
function parsesOf(act: () => unknown): number {
  const { fromCharCode } = String;
  let count = 0;
  String.fromCharCode = (...codes) => {
    count++;
    return fromCharCode(...codes);
  };
  try {
    act();
  } finally {
    String.fromCharCode = fromCharCode;
  }
  return count;
}

Deno.test("a look at the PRD parses it once, and not at all while it is as it was", () => {
  for (const kind of ["md", "json"]) {
    using here = world();
    const { root } = here;
    const prdPath = `${root}/tasks/t/prd.${kind}`;
    const stories = [{ id: "US-001", title: "First", passes: false }];
    const before = kind === "md" ? PRD : JSON.stringify({ userStories: stories });
    const claim = kind === "md" ? PRD.replace("[ ] a", "[x] a") : before.replace("false", "true");
    Deno.writeTextFileSync(prdPath, before);
    const work = prdBacklog({
      files: Deno,
      task: { name: "t", dir: `${root}/tasks/t`, projectRoot: root, prdPath },
      prdPath,
      aside: `${here.dir.path}/aside`,
      companions: NO_COMPANIONS,
      keep: () => {},
    });
    const looks: [what: string, act: () => unknown, parses: number][] = [
      ["the first", () => work.read(), 1],
      ["again", () => work.read(), 0],
      ["nothing was done", () => work.reconcile(byAgent(), at), 0],
      ["a claim", () => {
        Deno.writeTextFileSync(prdPath, claim);
        work.reconcile(byAgent(), at);
      }, 1],
      ["taking it back", () => work.takeBack(["US-001"]), 0],
      ["what was written then", () => work.read(), 1],
      ["deleted", () => {
        Deno.removeSync(prdPath);
        work.reconcile(byAgent(), at);
      }, 0],
      ["no PRD any more, and put back", () => {
        Deno.writeTextFileSync(prdPath, "x");
        work.reconcile(byAgent(), at);
      }, 2],
      ["a person's", () => {
        Deno.writeTextFileSync(prdPath, claim);
        work.reconcile({ ...byAgent(), toolRuns: [] }, at);
      }, 1],
    ];
    for (const [what, act, parses] of looks) {
      assert.equal(parsesOf(act), parses, `${kind}: ${what}`);
    }
  }
});

Deno.test("a PRD that a person has broken is an error between turns", () => {
  using here = world();
  here.write("no stories");
  assert.throws(() => here.work.read(), RalphError);
});

Deno.test("a prompt without stories is one story that a promise claims", () => {
  const task = { name: "t", dir: "/p/tasks/t", projectRoot: "/p" };
  const work = promptBacklog({ task, promised: false, companions: NO_COMPANIONS });
  const passes = () => work.read().stories[0].passes;
  assert.equal(work.reconcile(said("not yet"), at).stories[0].passes, false);
  assert.equal(work.reconcile(said(PROMISE), at).stories[0].passes, true);
  work.reconcile(said("one thing more"), at);
  assert(passes(), "a promise stands until it is taken back");
  work.takeBack(["t"]);
  assert(!passes());
  work.reconcile({ ...said(""), end: { kind: "interrupted", why: PROMISE } }, at);
  assert(!passes());
  assert(
    promptBacklog({ task, promised: true, companions: NO_COMPANIONS }).read().stories[0].passes,
  );
});
