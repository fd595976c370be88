/** `ralph run --only`: the real program and a real server; only the model is scripted. */
import assert from "node:assert/strict";
import { assignment, tickingAgent } from "../support/agent.ts";
import { NEWEST } from "../support/install.ts";
import { startServer } from "../support/opencode_server.ts";
import { makeProject } from "../support/project.ts";
import { makeRalph } from "../support/ralph.ts";
import { startModel } from "../support/scripted_model.ts";
import { statusOf } from "./one_story.ts";

const THREE = `# PRD

### US-001: First

- [x] done

### US-002: Second

- [ ] done

### US-003: Third

- [ ] done

### US-004: Fourth

**Depends on:** US-002

- [ ] done
`;

Deno.test("one story is worked on, and its end is not taken for the task's", async () => {
  await using model = await startModel(tickingAgent());
  await using server = await startServer({ version: NEWEST, model });
  await using project = await makeProject({
    files: {
      "tasks/three/prd.md": THREE,
      "ralph.json": JSON.stringify({ verify: [["test", "-f", "work.txt"]] }),
    },
  });
  await using ralph = await makeRalph();
  const run = (...more: string[]) => ralph(["run", "three", ...more], { cwd: project.root });
  const foreground = ["--foreground", "--server", server.url];

  const prompt = await run("--only", "US-003", "--print-prompt");
  assert.match(prompt.stdout, /^Story: US-003$/m);

  const { code, stdout } = await run("--only", "US-003", ...foreground);
  assert.equal(code, 8, stdout);
  assert.match(stdout, /^only US-003 is worked on$/m);
  assert.match(stdout, /^ +story +US-003 /m);
  assert.match(
    stdout,
    /stopped: US-003 passes; 2 of 4 stories are open, so that the task is not completed/,
  );
  assert.match(stdout, /go on with the other stories: `ralph run three`/);
  const stories = new Set(model.requests.map(({ prompt }) => assignment(prompt).story));
  assert.deepEqual([...stories], ["US-003"]);
  const [{ status, reason }] = await statusOf(ralph, project.root);
  assert.deepEqual([status, reason], ["stopped", "story_passes"]);
  assert.equal((await ralph(["wait", "three"], { cwd: project.root })).code, 8);

  const again = await run("--only", "US-003", ...foreground);
  assert.deepEqual([again.code, again.stdout], [
    8,
    "three: US-003 is said to pass already; other stories are open\n",
  ]);
  const none = await run("--only", "US-03");
  assert.equal(none.code, 4);
  assert.match(
    none.stderr,
    /has no story `US-03`[^]*did you mean `US-003`\?[^]*it has: US-001, US/,
  );
  const early = await run("--only", "US-004");
  assert.equal(early.code, 2);
  assert.match(
    early.stderr,
    /it depends on US-002, which is open[^]*`?ralph run three --only US-002/,
  );

  const rest = await run(...foreground);
  assert.equal(rest.code, 0, rest.stdout);
  assert.match(rest.stdout, /completed: all 4 stories pass/);
});
