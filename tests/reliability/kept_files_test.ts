/**
 * An agent that changes what ralph has kept to judge it by: it runs as the same user, so nothing keeps
 * it from writing there. What is forged does not count, and is named.
 */
import assert from "node:assert/strict";
import * as path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { call, say } from "../support/scripted_model.ts";
import { assignment, bash } from "../support/agent.ts";
import type { FakeScript } from "../support/fake_script.ts";
import { openStoreReadOnly } from "../../src/store/store.ts";
import { migrations } from "../support/migrations.ts";
import { createWorld, tickStory, type World, type WorldOptions } from "./world.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** A world whose agent does its story and ticks it, and `forge`s in its first turn. */
async function forgedWorld(
  options: Omit<WorldOptions, "script"> & {
    files?: Readonly<Record<string, string>>;
    forge: (place: { kept: string; root: string; kill: () => void }) => void;
  },
) {
  let kill = () => {};
  let isForged = false;
  const script: FakeScript = (request) => {
    const { story } = assignment(request.prompt);
    const root = request.directory;
    if (request.step === 0) {
      return call(bash(`mkdir -p work; echo ${story} > work/${story}.txt`), tickStory(request));
    }
    const kept = path.join(path.dirname(world.database), "kept");
    if (!isForged) {
      isForged = true;
      options.forge({ kept, root, kill: () => kill() });
    }
    return say("done");
  };
  const world: World = await createWorld({ stories: 1, ...options, script });
  const { projectRoot } = world.task;
  for (const [file, text] of Object.entries(options.files ?? {})) {
    await Deno.writeTextFile(path.join(projectRoot, file), text);
  }
  return {
    world,
    /** A worker, to its end; undefined when it was killed. Throws as it does. */
    async run() {
      const worker = world.work();
      kill = worker.kill;
      return await world.clock.run(worker.end);
    },
    /** What is on record of the last session. */
    record() {
      const store = openStoreReadOnly({ path: world.database, migrations });
      const session = store?.lastSession(world.task.dir);
      assert(store && session);
      const findings = store.findings(session.id);
      const [iteration] = store.iterations(session.id);
      store.close();
      return { session, iteration, ...findings };
    },
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
}

const check = (file: string) => ({ name: file, run: { args: ["sh", file] } });

Deno.test("the copy of a protected file and the file itself forged, both green: the claim falls", async () => {
  await using it = await forgedWorld({
    files: { "check.sh": "exit 1\n" },
    verify: [check("check.sh")],
    limits: { iterations: 1 },
    forge({ kept, root }) {
      for (const { name } of Deno.readDirSync(`${kept}/protected/files`)) {
        Deno.writeTextFileSync(`${kept}/protected/files/${name}`, "exit 0\n");
      }
      Deno.writeTextFileSync(`${root}/check.sh`, "exit 0\n");
    },
  });
  assert.equal((await it.run())?.reason, "max_iterations");
  const { claims, gates, iteration } = it.record();
  assert.deepEqual(claims.map(({ held }) => held), [false]);
  const words = /protected\/files\/\d+, which ralph has kept of it, was changed by something other/;
  assert.match(gates.at(-1)?.why ?? "", words);
  assert.match(iteration.failure ?? "", words, "the next prompt says so");
});

Deno.test("the list of protected files forged together with the copy and the file: the session ends", async () => {
  await using it = await forgedWorld({
    files: { "check.sh": "exit 1\n" },
    verify: [check("check.sh")],
    forge({ kept, root, kill }) {
      const list = `${kept}/protected/kept.json`;
      const text = Deno.readTextFileSync(list);
      Deno.writeTextFileSync(list, text.replace(/"files":.*/, '"files":[]}'));
      Deno.writeTextFileSync(`${root}/check.sh`, "exit 0\n");
      kill();
    },
  });
  await endsNamed(it, /kept\/protected\/kept\.json, which ralph has kept, was changed/);
});

Deno.test("the kept PRD forged before the next worker judges the turn: the session ends, nothing holds", async () => {
  await using it = await forgedWorld({
    forge({ kept, root, kill }) {
      const prd = `${root}/tasks/t/prd.json`;
      const easier = Deno.readTextFileSync(prd).replace('"done"', '"nothing"');
      Deno.writeTextFileSync(prd, easier);
      Deno.writeFileSync(`${kept}/prd`, bytes(easier.replace('"passes": true', '"passes": false')));
      kill();
    },
  });
  await endsNamed(it, /kept\/prd, which ralph has kept, was changed by something other than ralph/);
});

Deno.test("the kept PRD removed: the same", async () => {
  await using it = await forgedWorld({
    forge({ kept, kill }) {
      Deno.removeSync(`${kept}/prd`);
      kill();
    },
  });
  await endsNamed(it, /kept\/prd, which ralph has kept, was removed by something other than ralph/);
});

Deno.test("the count of tests forged, and a test taken away: the session ends", async () => {
  await using it = await forgedWorld({
    files: { "a_test.ts": 'Deno.test("a", () => { assert(1); });\n' },
    forge({ kept, root, kill }) {
      Deno.removeSync(`${root}/a_test.ts`);
      Deno.writeTextFileSync(`${kept}/tests.json`, "{}");
      kill();
    },
  });
  await endsNamed(it, /kept\/tests\.json, which ralph has kept, was changed/);
});

Deno.test("the tree before the turn forged: it counts as unknown, is named, and shows no work", async () => {
  await using it = await forgedWorld({
    limits: { iterations: 1 },
    forge({ kept, kill }) {
      Deno.writeTextFileSync(`${kept}/tree.json`, '{"changed":[]}');
      kill();
    },
  });
  assert.equal(await it.run(), undefined, "killed");
  await it.run();
  const { notes, iteration } = it.record();
  const told = notes.filter(({ text }) => text.includes("something other than ralph"));
  assert.deepEqual(told.map(({ about, iteration }) => [about, iteration]), [["protected", 1]]);
  assert.match(told[0].text, /kept\/tree\.json, which ralph has kept, was changed/);
  assert.equal(iteration.filesChanged, null);
});

Deno.test("what outlives a session forged before the next: a person's file stays a person's", async () => {
  await using it = await forgedWorld({
    files: { "mine.txt": "a person's" },
    forge() {},
  });
  await it.run();
  const kept = path.join(path.dirname(it.world.database), "kept", "ownership.json");
  const made = { made: { "mine.txt": "" }, users: [], mixed: [] };
  await Deno.writeTextFile(kept, JSON.stringify(made));
  const { prdPath, projectRoot } = it.world.task;
  const prd = await Deno.readTextFile(prdPath);
  await Deno.writeTextFile(prdPath, prd.replace('"passes": true', '"passes": false'));
  await Deno.remove(path.join(projectRoot, "work"), { recursive: true });
  await it.run();
  const { notes, session } = it.record();
  assert.equal(session.id, 2);
  assert(notes.some(({ text }) => /ownership\.json, .* was changed by something/.test(text)));
  assert.match(await git(projectRoot, "status", "--porcelain"), /^\?\? mine\.txt$/m);
});

Deno.test("a session that an earlier version began, which wrote down no hashes, goes on", async () => {
  await using it = await forgedWorld({ forge: ({ kill }) => kill() });
  assert.equal(await it.run(), undefined, "killed");
  const database = new DatabaseSync(it.world.database);
  database.exec("DELETE FROM kept_files");
  database.close();
  assert.equal((await it.run())?.status, "completed");
  assert.deepEqual(
    it.record().notes.map(({ text }) => text).filter((t) => /other than/.test(t)),
    [],
  );
});

/** The next worker ends the session and says why; the one after begins a new one. */
async function endsNamed(
  it: Awaited<ReturnType<typeof forgedWorld>>,
  words: RegExp,
): Promise<void> {
  assert.equal(await it.run(), undefined, "killed");
  const said = await it.run().then((end) => end?.detail, (error) => error.message);
  assert.match(said ?? "", words);
  const { session, claims } = it.record();
  assert.deepEqual([session.status, session.reason], ["failed", "task_unreadable"]);
  assert.match(session.detail ?? "", words);
  assert.deepEqual(claims.filter(({ held }) => held), []);
  await it.run();
  assert.equal(it.record().session.id, session.id + 1);
}

async function git(cwd: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await new Deno.Command("git", { args: [...args], cwd }).output();
  return new TextDecoder().decode(stdout);
}

Deno.test("a repository that git cannot read ends the session in git's words", async () => {
  await using it = await forgedWorld({
    files: { "check.sh": "exit 0\n", ".git/config": "[core\n" },
    verify: [check("check.sh")],
    forge() {},
  });
  const end = await it.run();
  assert.deepEqual([end?.status, end?.reason], ["failed", "git_failed"]);
  assert.match(end?.detail ?? "", /bad config line 1/);
});
