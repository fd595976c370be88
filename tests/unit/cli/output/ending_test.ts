/** What `ralph wait` says of a session that has ended. */
import assert from "node:assert/strict";
import { type Home, makeHome, START, WORKER } from "../../../reliability/home.ts";
import type { Reason, SessionEnd } from "../../../../src/store/model.ts";

/** Records a session of one iteration, in which the one story came to pass. */
function ended(
  home: Home,
  status: SessionEnd["status"],
  reason: Reason,
  { headBefore, ...found }: { headBefore?: string; [what: string]: unknown } = {},
): void {
  const store = home.open();
  const lease = store.startSession(home.task, WORKER, START);
  const number = 1;
  store.beginIteration(lease, {
    number,
    storyId: "US-001",
    storyTitle: "Only",
    openCodeTitle: "one 1",
    headBefore,
  });
  store.endIteration(lease, {
    number,
    outcome: "advanced",
    detail: "US-001 passes",
    storiesPassed: ["US-001"],
    ...found,
  });
  store.endSession(lease, { status, reason, detail: "so it ended" });
  store.close();
}

Deno.test("what nothing shows for, or a gate denies, is claimed, and not done", async () => {
  const cases: [SessionEnd["status"], Reason, RegExp][] = [
    ["completed", "all_stories_pass", /^done {6}US-001 \(1 of 1 pass\)$/m],
    ["stopped", "unproven", /^claimed {3}US-001 \(1 of 1 ticked\)$/m],
    ["stopped", "gates_fail", /^claimed {3}US-001 \(1 of 1 ticked\)$/m],
    ["stopped", "not_delivered", /^claimed {3}US-001 \(1 of 1 ticked\)$/m],
  ];
  for (const [status, reason, says] of cases) {
    await using home = await makeHome();
    ended(home, status, reason);
    const { stdout } = await home.ralph("wait", "one");
    assert.match(stdout, says, reason);
  }
});

Deno.test("a paused session is ended for good by force alone", async () => {
  await using home = await makeHome();
  ended(home, "checkpointed", "checkpoint");
  assert.match((await home.ralph("stop", "one")).stdout, /is not running \(checkpointed /);
  assert.match((await home.ralph("stop", "one", "--force")).stdout, /is not running \(stopped /);
  const { status, reason, detail } = JSON.parse(
    (await home.ralph("status", "one", "--json")).stdout,
  );
  assert.deepEqual([status, reason], ["stopped", "user_stop"]);
  assert.match(detail, /by a person, with force/);
  // What is over stays as it is.
  ended(home, "completed", "all_stories_pass");
  assert.match((await home.ralph("stop", "one", "--force")).stdout, /is not running \(completed /);
});

Deno.test("a command in the background that was ended is named", async () => {
  await using home = await makeHome();
  const text = "a command in the background was ended 3 min after the agent's work: npm start";
  ended(home, "completed", "all_stories_pass", {
    notes: [{ about: "left", kind: "job_ended", text }],
  });
  assert.match((await home.ralph("wait", "one")).stdout, new RegExp(`^ended {5}${text}$`, "m"));
});

Deno.test("status names the tasks of the project that have no session", async () => {
  await using home = await makeHome();
  for (const name of ["two", "three words"]) {
    await home.project.write(`tasks/${name}/prd.md`, "# PRD\n\n### US-001: Only\n\n- [ ] done\n");
  }
  assert.match((await home.ralph("status")).stderr, /^No sessions yet/);
  ended(home, "completed", "all_stories_pass");
  const { stderr } = await home.ralph("status");
  assert.match(stderr, /^without a session: (two, three words|three words, two) \(ralph tasks\)$/m);
  assert.equal((await home.ralph("status", "--json")).stderr, "");
});

Deno.test("a claim that was taken back in a PRD that is not committed is named", async () => {
  await using home = await makeHome();
  const PRD = "tasks/one/prd.md";
  await home.project.write(PRD, (await home.project.read(PRD)).replace("[x]", "[ ]"));
  const found = (text: string, kind?: "prd_not_committed") => ({
    claims: [{ storyId: "US-001", held: false, why: "the gate fails" }],
    notes: [{ about: "git", text, kind } as const],
  });
  const says = /^claims {4}US-001 taken back in the PRD, which is not committed: /m;
  for (
    const other of [
      "not committed: `a.txt`",
      "not committed: `tasks/one/progress.txt`",
      `a gate can only pass when all is committed; in no commit when it ran: \`${PRD}\``,
    ]
  ) {
    ended(home, "stopped", "max_iterations", found(other));
    assert.doesNotMatch((await home.ralph("wait", "one")).stdout, says);
  }
  ended(home, "stopped", "max_iterations", found(`not committed: \`${PRD}\``, "prd_not_committed"));
  assert.match((await home.ralph("wait", "one")).stdout, says);
});

Deno.test("what a turn changed in how git works is named, and nothing goes to a remote that came", async () => {
  await using home = await makeHome();
  const { git } = home.project;
  await git("remote", "add", "fork", "https://example.com/a.git");
  const headBefore = await git("rev-parse", "HEAD");
  await git("commit", "--quiet", "--allow-empty", "-m", "work");
  const CHANGED = "how git works here was changed while a turn was at work: ";
  for (
    const [what, kind, isPushed] of [
      ["`user.name` is `Bot`", "git_setup", true],
      ["`remote.fork.url` is new", "git_remote", false],
    ] as const
  ) {
    ended(home, "completed", "all_stories_pass", {
      headBefore,
      notes: [{ about: "git", text: CHANGED + what, kind }],
    });
    const { stdout } = await home.ralph("wait", "one");
    assert.doesNotMatch(stdout, /^left/m, "told once");
    assert.match(stdout, /^git {7}how git works here was changed while a turn was at work: `/m);
    assert.equal(/^ +git push fork /m.test(stdout), isPushed, stdout);
  }
});
