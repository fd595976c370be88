/** `ralph clean --server`: on real servers and on the fake, what goes and what stays. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { systemClock } from "../../src/host/system/clock.ts";
import { createClient } from "../../src/opencode/connect.ts";
import { onOpenCode2, tickingAgent } from "../support/agent.ts";
import { createFakeOpenCode } from "../support/fake_opencode.ts";
import { serveFake } from "../support/fake_server.ts";
import { hostTools } from "../support/fake_tools.ts";
import { NEWEST, OPENCODE2 } from "../support/install.ts";
import { startServer } from "../support/opencode_server.ts";
import { makeProject } from "../support/project.ts";
import { makeRalph } from "../support/ralph.ts";
import { startModel } from "../support/scripted_model.ts";
import { until } from "../support/wait.ts";

const PRD = "# PRD\n\n### US-001: First\n\n- [ ] done\n\n### US-002: Second\n\n- [ ] done\n";
const PASSWORD = "secret";

type Start = (stack: AsyncDisposableStack) => Promise<{ url: string; password?: string }>;

const realV1: Start = async (stack) => {
  const model = stack.use(await startModel(tickingAgent()));
  return stack.use(await startServer({ version: NEWEST, model }));
};

const fakeV2: Start = async (stack) => {
  const fake = createFakeOpenCode({
    clock: systemClock,
    version: "2.0.26",
    password: PASSWORD,
    tools: hostTools,
  });
  fake.setScript(onOpenCode2(tickingAgent()));
  return { url: stack.use(await serveFake(fake)).url, password: PASSWORD };
};

const realV2: Start = async (stack) => {
  const model = stack.use(await startModel(onOpenCode2(tickingAgent())));
  const { url } = stack.use(await startServer({ version: "2", model, password: PASSWORD }));
  return { url, password: PASSWORD };
};

/** `lost`: why sessions stay whose folder is gone; null: they do not. */
async function cleans(start: Start, lost: string | null = null): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const { url, password } = await start(stack);
  const project = stack.use(
    await makeProject({
      files: {
        "tasks/done/prd.md": PRD,
        "tasks/open/prd.md": PRD,
        "tasks/tree/prd.md": PRD,
        "ralph.json": JSON.stringify({ verify: [["true"]] }),
      },
    }),
  );
  const ralph = stack.use(await makeRalph());
  const env = { OPENCODE_SERVER_PASSWORD: password ?? "" };
  const client = createClient({ url, directory: project.root, clock: systemClock, password });
  async function type(args: readonly string[], code = 0): Promise<string> {
    const result = await ralph(args, { cwd: project.root, env });
    assert.equal(result.code, code, `${args.join(" ")}: ${result.stdout}${result.stderr}`);
    return result.stdout + result.stderr;
  }
  const clean = async (...args: string[]) =>
    JSON.parse(await type(["clean", "--server", "--older-than", "1s", "--json", ...args]));
  const change = (sql: string) => {
    const db = new DatabaseSync(join(ralph.home, ".local/share/ralph/sessions.db"));
    db.exec(sql);
    db.close();
  };
  const ids = async () => (await client.sessions()).map(({ id }) => id).toSorted();
  const onServer = ["--server", url, "--foreground"];
  await type(["run", "done", ...onServer]);
  await type(["run", "tree", "--worktree", ...onServer]);
  const directory = `${project.root}.ralph/tree`;
  const inTree = createClient({ url, directory, clock: systemClock, password });
  assert.equal((await inTree.sessions()).length, 2);
  await type(["land", "tree"]);
  await type(["clean", "--worktrees", "--yes"]);
  await type(["run", "open", ...onServer, "-n", "1"], 1);
  const mine = await client.createSession({ title: "a person's" });
  const all = await ids();
  assert.equal(all.length, 4);

  const whys = async () => {
    const { sessions } = await clean("--dry-run");
    return sessions.map(({ task, stays }: Record<string, string>) => [task, stays]);
  };
  await until(async () => (await whys()).length === 5, {
    what: "sessions that ended a second ago",
  });
  assert.deepEqual(await whys(), [
    ["open", "its session can be gone on with"],
    ["tree", lost],
    ["tree", lost],
    ["done", null],
    ["done", null],
  ]);
  assert.match(await type(["clean", "--server", "--dry-run"]), /^There are no OpenCode sessions/);
  const asked = await type(["clean", "--server", "--older-than", "1s"], 2);
  assert.match(asked, /^open +session 3 .* 1 stays: its session can be gone on with$/m);
  assert.match(asked, /^done +session 1 +\d+[sm] ago +2 can go$/m);
  assert.match(asked, /hint: .*\n? *ralph clean --server --older-than 1s --yes/);

  change("UPDATE sessions SET ended_at = '2026-01-01T00:00:00.000Z' WHERE id = 1");
  assert.deepEqual(
    (await whys()).slice(3).map(([, why]: string[]) => why),
    Array(2).fill("somebody went on with it after its session had ended"),
  );
  change("UPDATE sessions SET ended_at = updated_at WHERE id = 1");
  const { sessions, deleted, dryRun } = await clean("--yes");
  assert.deepEqual([deleted, dryRun], [lost === null ? 4 : 2, false]);
  assert.deepEqual(await ids(), [mine.id, sessions[0].openCodeSession].toSorted());
  assert.equal((await clean("--yes")).deleted, 0, "what is gone is not counted again");
}

Deno.test("clean --server deletes what ralph has made and nobody needs (OpenCode 1)", () =>
  cleans(realV1));
Deno.test("clean --server deletes what ralph has made and nobody needs (fake OpenCode 2)", () =>
  cleans(fakeV2));
Deno.test({
  name: "clean --server deletes what ralph has made and nobody needs (OpenCode 2)",
  ignore: OPENCODE2 === undefined,
  fn: () => cleans(realV2, "its folder is gone, and the server cannot delete it without"),
});
