/** Run by `disk_full_test.ts` on a disk of its own: the disk fills up while an agent works. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { systemClock } from "../../src/host/system/clock.ts";
import { tickingAgent } from "../support/agent.ts";
import { createFakeOpenCode } from "../support/fake_opencode.ts";
import { serveFake } from "../support/fake_server.ts";
import { hostTools } from "../support/fake_tools.ts";
import { makeProject } from "../support/project.ts";
import { makeRalph } from "../support/ralph.ts";
import { fill } from "./mount.ts";

const [disk] = Deno.args;
const PRD = "# PRD\n\n### US-001: First\n\n- [ ] done\n\n### US-002: Second\n\n- [ ] done\n";

let full: Disposable | undefined;
const agent = tickingAgent();
const fake = createFakeOpenCode({
  clock: systemClock,
  tools: hostTools,
  script(request) {
    // In mid-turn, when the worker has written what goes before it.
    if (request.step > 0) full ??= fill(disk);
    return agent(request);
  },
});
await using server = await serveFake(fake);
await using project = await makeProject({ files: { "tasks/one/prd.md": PRD } });
await using ralph = await makeRalph();
const options = {
  cwd: project.root,
  env: { XDG_DATA_HOME: join(disk, "data"), XDG_STATE_HOME: join(disk, "state") },
};

const run = ralph.start(["run", "one", "--foreground", "--server", server.url], options);
const ended = run.status;
let said = "";
const waiting = Promise.withResolvers<void>();
const reading = (async () => {
  for await (const text of run.stdout.pipeThrough(new TextDecoderStream())) {
    said += text;
    if (/waiting for the database: .*no space (is )?left/i.test(said)) waiting.resolve();
  }
})();
const errors = new Response(run.stderr).text();
await Promise.race([waiting.promise, ended]);
assert.match(said, /waiting for the database/, await Promise.race([errors, ""]));

const status = await ralph(["status", "one"], options);
assert.equal(status.code, 0, status.stderr);
assert.match(status.stderr, /warning: workers wait.*no space is left on its disk/);
assert.match(status.stdout, /status:\s+running/);
assert.match(status.stdout, /lines may be missing: no space is left/);

full?.[Symbol.dispose]();
const { code } = await ended;
await reading;
assert.equal(code, 0, said + await errors);
const history = await ralph(["history", "one", "--json"], options);
const [session] = JSON.parse(history.stdout);
assert.equal(session.status, "completed");
assert.deepEqual(
  session.iterations.map(({ storyId, outcome }: { storyId: string; outcome: string }) => [
    storyId,
    outcome,
  ]),
  [["US-001", "advanced"], ["US-002", "advanced"]],
);
assert.equal(fake.ledger.filter(({ type }) => type === "prompt").length, 2, "nothing was repeated");
const log = await Deno.readTextFile(session.log);
assert.match(log, /Z completed: all 2 stories pass\n/);
