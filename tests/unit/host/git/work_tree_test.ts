import assert from "node:assert/strict";
import * as path from "node:path";
import { systemClock as clock } from "../../../../src/host/system/clock.ts";
import { letOthersRun, mapInTurns } from "../../../../src/event_loop.ts";
import { projectFiles } from "../../../../src/host/files/project_files.ts";
import { listFiles } from "../../../../src/host/git/work_tree.ts";
import { takeCensus } from "../../../../src/verify/census/census.ts";
import { makeProject } from "../../../support/project.ts";

const FILES = 1_000;

/** The paths that `work` looks at, links not followed. */
async function looksOf(work: () => Promise<unknown>): Promise<readonly string[]> {
  const { lstatSync } = Deno;
  const looks: string[] = [];
  Deno.lstatSync = (file) => {
    looks.push(`${file}`);
    return lstatSync(file);
  };
  try {
    await work();
  } finally {
    Deno.lstatSync = lstatSync;
  }
  return looks;
}

Deno.test("what git's index knows is not looked at: only repositories are", async () => {
  const files = Array.from({ length: FILES }, (_, i) => [`src/f${i}.js`, `${i}`]);
  await using project = await makeProject({ files: Object.fromEntries(files) });
  await project.git("init", "-q", "inner");
  await project.write("inner/a.js", "a");
  await project.write("new.js", "new");
  let listed: Awaited<ReturnType<typeof listFiles>> | undefined;
  const looks = await looksOf(async () => {
    listed = await listFiles(project.root, { clock });
  });
  assert.deepEqual(looks.map((file) => path.relative(project.root, file)), ["inner/.git"]);
  assert(listed);
  assert.deepEqual(listed.repositories, ["", "inner"]);
  assert(listed.files.includes("new.js") && listed.files.includes("inner/a.js"));
  assert(files.every(([file]) => listed?.files.includes(file)));
});

Deno.test("a census looks at test files alone, and reads those that have changed", async () => {
  const files = Array.from({ length: FILES }, (_, i) => [`src/f${i}.js`, `${i}`]);
  await using project = await makeProject({
    files: { ...Object.fromEntries(files), "a_test.ts": "", "b_test.ts": "" },
  });
  const asked: string[] = [];
  const tools = {
    ...projectFiles(clock),
    fileKey: (file: string) => {
      asked.push(`key ${path.basename(file)}`);
      return file;
    },
    readFile: (file: string) => {
      asked.push(`read ${path.basename(file)}`);
      return new Uint8Array();
    },
  };
  const earlier = await takeCensus(project.root, { tools });
  await takeCensus(project.root, { tools, earlier });
  assert.deepEqual(asked, [
    ...["key a_test.ts", "read a_test.ts", "key b_test.ts", "read b_test.ts"],
    ...["key a_test.ts", "key b_test.ts"],
  ]);
});

Deno.test("long work lets others run, and ends when it is aborted", async () => {
  const stop = new AbortController();
  const done: number[] = [];
  const items = Array.from({ length: FILES }, (_, i) => i);
  const work = mapInTurns(items, (item) => done.push(item), stop.signal);
  await letOthersRun();
  stop.abort("stopped");
  await assert.rejects(work, (reason) => reason === "stopped");
  assert(done.length > 0 && done.length < FILES, `${done.length}`);
});
