import assert from "node:assert/strict";
import { prdWork, promptWork } from "../../../src/loop/work.ts";
import { RalphError } from "../../../src/error.ts";
import { StoreError } from "../../../src/registry/database.ts";
import { PROMISE } from "../../support/agent.ts";
import { temporaryFolder } from "../../support/folder.ts";

const PRD = "# P\n\n### US-001: First\n\n- [ ] a\n\n### US-002: Second\n\n- [ ] b\n";
const said = (text: string) => ({ end: { kind: "settled", text } as const, toolRuns: [] });
const at = { sessionId: 3, iteration: 2, now: 0 };

function world() {
  const dir = temporaryFolder();
  const root = `${dir.path}/project`;
  const prdPath = `${root}/tasks/t/prd.md`;
  Deno.mkdirSync(`${root}/tasks/t`, { recursive: true });
  Deno.writeTextFileSync(prdPath, PRD);
  const kept: string[] = [];
  const work = prdWork({
    files: Deno,
    task: { name: "t", dir: `${root}/tasks/t`, projectRoot: root, prdPath },
    prdPath,
    keep: ({ bytes }) => kept.push(new TextDecoder().decode(bytes)),
    keptAs: "/kept/prd",
  });
  const write = (text: string) => Deno.writeTextFileSync(prdPath, text);
  return { dir, root, prdPath, kept, work, write, [Symbol.dispose]: () => dir[Symbol.dispose]() };
}

/** Now, as a tool of the agent that wrote a file. */
const byAgent = () => ({
  end: { kind: "settled", text: "" } as const,
  toolRuns: [{ start: Date.now() - 5_000, end: Date.now() + 5_000 }],
});

Deno.test("a PRD is kept as it is read; ticks are claims, all else is put back", () => {
  using here = world();
  assert.deepEqual(here.work.read().stories.map(({ passes }) => passes), [false, false]);
  assert.deepEqual(here.kept, [PRD]);
  here.write(PRD.replace("- [ ] a", "- [x] a"));
  const claimed = here.work.settle(byAgent(), at);
  assert.deepEqual([claimed.stories[0].passes, claimed.words], [true, undefined]);

  here.write(PRD.replace("- [ ] b", "").replace("- [ ] a", "- [x] a"));
  const broken = here.work.settle(byAgent(), at);
  assert.match(broken.words ?? "", /put back.*prd\.agent-3-2\.md/);
  assert.deepEqual(broken.stories.map(({ passes }) => passes), [true, false]);
  here.work.takeBack(["US-001"]);
  assert.equal(Deno.readTextFileSync(here.prdPath), PRD);
});

Deno.test("of a PRD that is gone the error names the last copy, where there is one", () => {
  using here = world();
  here.work.read();
  Deno.removeSync(here.prdPath);
  assert.throws(() => here.work.read(), /there is no such file; its last copy is \/kept\/prd$/);
  const { root, prdPath } = here;
  const later = prdWork({
    files: Deno,
    task: { name: "t", dir: `${root}/tasks/t`, projectRoot: root, prdPath },
    prdPath,
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
  const work = prdWork({
    files: { ...Deno, openSync: (...of) => isFull && of[1]?.write ? full() : Deno.openSync(...of) },
    task: { name: "t", dir: `${root}/tasks/t`, projectRoot: root, prdPath },
    prdPath,
    keep: () => {},
    keptAs: "/kept/prd",
  });
  work.read();
  Deno.removeSync(prdPath);
  const isPassing = (error: unknown) => error instanceof StoreError && error.passing;
  assert.throws(() => work.settle(byAgent(), at), isPassing);
  isFull = false;
  assert.match(
    work.settle(byAgent(), at).words ?? "",
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
  const work = prdWork({
    files: Deno,
    task: { name: "t", dir: `${root}/tasks/t`, projectRoot: root, prdPath },
    prdPath,
    keep: () => {},
    keptAs: "/kept/prd",
    interrupted: { path: prdPath, bytes: new TextEncoder().encode(PRD), mode: 0o644 },
  });
  assert.deepEqual(work.recall().stories.map(({ passes }) => passes), [false, false]);
  const { stories } = work.settle({ ...byAgent(), toolRuns: undefined }, at);
  assert.deepEqual(stories.map(({ passes }) => passes), [true, true]);
});

Deno.test("a PRD that a person has broken is an error between turns", () => {
  using here = world();
  here.write("no stories");
  assert.throws(() => here.work.read(), RalphError);
});

Deno.test("a prompt without stories is one story that a promise claims", () => {
  const task = { name: "t", dir: "/p/tasks/t", projectRoot: "/p" };
  const work = promptWork({ task, promised: false });
  const passes = () => work.read().stories[0].passes;
  assert.equal(work.settle(said("not yet"), at).stories[0].passes, false);
  assert.equal(work.settle(said(PROMISE), at).stories[0].passes, true);
  work.settle(said("one thing more"), at);
  assert(passes(), "a promise stands until it is taken back");
  work.takeBack(["t"]);
  assert(!passes());
  work.settle({ ...said(""), end: { kind: "interrupted", why: PROMISE } }, at);
  assert(!passes());
  assert(promptWork({ task, promised: true }).read().stories[0].passes);
});
