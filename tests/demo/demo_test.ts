import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../support/folder.ts";
import { until } from "../support/wait.ts";

const DEMO = fileURLToPath(new URL("./demo.ts", import.meta.url));

/** The demo with a folder of its own for everything temporary. */
function startDemo(temporary: string, ...args: readonly string[]) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", DEMO, ...args],
    env: { TMPDIR: temporary, NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let shown = "";
  const collect = async (stream: ReadableStream<Uint8Array>) => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) shown += text;
  };
  const ended = Promise.all([child.status, collect(child.stdout), collect(child.stderr)])
    .then(([{ code }]) => code);
  return { child, ended, shown: () => shown };
}

/** What runs with that folder in its command line or its environment. */
function processesOf(folder: string): string[] {
  return [...Deno.readDirSync("/proc")].map(({ name }) => name).filter((name) => {
    try {
      return /^\d+$/.test(name) &&
        ["cmdline", "environ"].some((file) =>
          Deno.readTextFileSync(`/proc/${name}/${file}`).includes(folder)
        );
    } catch {
      return false; // it has ended, or is not ours
    }
  });
}

Deno.test("the demo completes its task, one iteration mending the one before", async () => {
  using temporary = temporaryFolder();
  const demo = startDemo(temporary.path);
  assert.equal(await demo.ended, 0, demo.shown());
  const shown = demo.shown();
  assert.match(shown, /^The model is scripted/);
  for (const id of ["US-001", "US-002", "US-003", "US-004"]) {
    const commits = shown.match(new RegExp(`^\\w{7,} feat: ${id} - `, "gm"))?.length;
    assert.equal(commits, id === "US-002" ? 2 : 1, shown);
  }
  assert.match(shown, /^ {2}US-002 was claimed and taken back: the gate `deno test` fails/m);
  assert.match(shown, /^completed: all 4 stories pass/m);
  assert.deepEqual([...Deno.readDirSync(temporary.path)], []);
  await until(() => processesOf(temporary.path).length === 0, { what: "its processes to be gone" });
});

Deno.test("the demo completes a task that was planned from an idea, each story reviewed", async () => {
  using temporary = temporaryFolder();
  const demo = startDemo(temporary.path, "--plan", "--keep");
  assert.equal(await demo.ended, 0, demo.shown());
  assert.match(demo.shown(), /^\$ ralph plan 'a shopping list[^]*tasks\/shop\/prd\.json$/m);
  assert.match(demo.shown(), /^completed: all 4 stories pass/m);
  assert.equal(demo.shown().match(/✓ review of US-00\d: passed/g)?.length, 4);
  const kept = /^The project is kept: (.+)$/m.exec(demo.shown())?.[1] ?? "";
  assert(Deno.statSync(`${kept}/.git`).isDirectory, demo.shown());
  assert.match(demo.shown(), /ralph run my-feature\n$/);
});

Deno.test("Ctrl-C ends the demo and leaves nothing", async () => {
  using temporary = temporaryFolder();
  const demo = startDemo(temporary.path);
  const ran = until(() => demo.shown().includes("OpenCode session"), {
    what: "the first turn",
  });
  await Promise.race([ran, demo.ended]);
  demo.child.kill("SIGINT");
  assert.equal(await demo.ended, 130, demo.shown());
  assert.doesNotMatch(demo.shown(), /\$ ralph status/);
  assert.deepEqual([...Deno.readDirSync(temporary.path)], []);
  await until(() => processesOf(temporary.path).length === 0, { what: "its processes to be gone" });
});
