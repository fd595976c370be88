/** Two versions of ralph on the same data: the older one from this repository's own history. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { VERSION } from "../../src/version.ts";
import { temporaryFolder } from "../support/folder.ts";
import { hang, say } from "../support/scripted_model.ts";
import { makeWorld, type World } from "./processes.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const OLDER_VERSION = "0.0.9";

/**
 * The last whole ralph before the schema changed first, which came with this file at its place of
 * then; undefined where the history is not there.
 */
const OLDER = git("log", "--format=%H", "--diff-filter=A", "--", "src/verify/gates.ts")
  .trim().split("\n").slice(-1)
  .map((commit) => git("rev-parse", "--verify", "--quiet", `${commit}~1`).trim())
  .find((commit) => commit !== "");

function git(...args: string[]): string {
  const { stdout } = new Deno.Command("git", { args, cwd: ROOT, stderr: "null" }).outputSync();
  return new TextDecoder().decode(stdout);
}

/** Its command line. It calls itself 0.0.9. */
async function olderRalph(folder: string, commit: string): Promise<string[]> {
  const { success } = await new Deno.Command("/bin/sh", {
    args: ["-c", 'git archive "$1" | tar -x -C "$2"', "sh", commit, folder],
    cwd: ROOT,
  }).output();
  assert(success);
  const config = join(folder, "deno.json");
  const text = await Deno.readTextFile(config);
  await Deno.writeTextFile(
    config,
    text.replace(/"version": "[^"]*"/, `"version": "${OLDER_VERSION}"`),
  );
  return [Deno.execPath(), "run", "-A", "--quiet", join(folder, "main.ts")];
}

async function runOlder(world: World, command: readonly string[], ...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(command[0], {
    args: [...command.slice(1), ...args],
    cwd: world.project.root,
    env: {
      HOME: world.ralph.home,
      NO_COLOR: "1",
      DENO_DIR: Deno.env.get("DENO_DIR") ?? join(Deno.env.get("HOME") ?? "", ".cache/deno"),
    },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test({
  name:
    "an older worker keeps its version while a newer ralph looks on; afterwards the older one refuses the data, untouched" +
    (OLDER === undefined ? " (not run: the history is not here)" : ""),
  ignore: OLDER === undefined,
  async fn() {
    using folder = temporaryFolder();
    await using world = await makeWorld();
    const { url, data, fake, cli, row, sql, modelCalls } = world;
    const older = await olderRalph(folder.path, OLDER ?? "");
    let release = () => {};
    const released = new Promise<void>((resolve) => release = resolve);
    fake.setScript(async () => {
      await released;
      return say("I did nothing");
    });
    const started = await runOlder(world, older, "run", "one", "-n", "1", "--server", url);
    assert.equal(started.code, 0, started.stderr);
    await modelCalls(1);
    const [{ version: before }] = sql("SELECT max(number) AS version FROM migrations");
    assert.equal(before, 1);

    const seen = await row("one");
    assert.deepEqual([seen.status, seen.workerVersion], ["running", OLDER_VERSION]);
    assert.match(
      (await cli("status", "one")).stdout,
      /worker: +process \d+, detached, ralph 0\.0\.9\n/,
    );
    const [{ version: after }] = sql("SELECT max(number) AS version FROM migrations");
    assert(Number(after) > 1, "the newer one has brought the schema up");
    const again = await cli("run", "one", "--server", url);
    assert.equal(again.code, 5, again.stderr);

    release();
    const waited = await cli("wait", "one");
    assert.match(waited.stdout, /stopped, the limit of 1 iterations? is reached/);
    assert.deepEqual(sql("SELECT outcome FROM iterations"), [{ outcome: "nothing" }]);
    assert.equal((await row("one")).workerVersion, OLDER_VERSION);

    const database = join(data, "sessions.db");
    sql("PRAGMA wal_checkpoint(TRUNCATE)");
    const bytes = await Deno.readFile(database);
    for (const args of [["status"], ["run", "one", "--server", url], ["stop", "one"]]) {
      const { code, stderr } = await runOlder(world, older, ...args);
      assert.equal(code, 7, stderr);
      assert.match(stderr, /^error: cannot use the database .* it was written by a newer ralph/);
      assert.match(stderr, /It was left as it is/);
    }
    assert.deepEqual(await Deno.readFile(database), bytes);

    fake.setScript(() => hang());
    await world.run("one");
    assert.equal((await row("one")).workerVersion, VERSION);
  },
});
