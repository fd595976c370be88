/** Gates and git's hooks see what the server's agent sees, with a real mount namespace around a real listener. */
import assert from "node:assert/strict";
import { systemClock as clock } from "../../../../src/host/system/clock.ts";
import { commitFiles } from "../../../../src/host/git/deliver.ts";
import {
  enterSandbox,
  runInSandbox,
  sandboxOf,
  whyOutsideSandbox,
} from "../../../../src/host/process/server_sandbox.ts";
import { temporaryFolder } from "../../../support/folder.ts";
import { makeProject } from "../../../support/project.ts";

const LISTENER = `const l = Deno.listen({ hostname: "127.0.0.1", port: Number(Deno.args[0]) }); ` +
  `console.log(l.addr.port); for await (const _ of l);`;

/** A listener on a port, run by `within`. `end` resolves when it is gone. */
async function listener(within: readonly string[], port = 0) {
  const [program, ...args] = [...within, Deno.execPath(), "eval", LISTENER, `${port}`];
  const child = new Deno.Command(program, { args, stdin: "null", stdout: "piped" }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  const end = async () => {
    if (value) child.kill("SIGKILL");
    await reader.cancel();
    await child.status;
  };
  return { port: value && Number(new TextDecoder().decode(value)), end };
}

/** Hides the folder behind an empty file system, as InaccessiblePaths= does. */
const hiding = (folder: string, users: readonly string[]) => [
  "unshare",
  ...users,
  "--mount",
  "--propagation=private",
  "sh",
  "-c",
  'mount -t tmpfs none "$1" && shift && exec "$@"',
  "sh",
  folder,
];

const gate = (run: ReturnType<typeof runInSandbox>, cwd: string) =>
  run(["sh", "-c", "pwd; cat keys/id; echo $NAME"], {
    cwd,
    env: { PATH: Deno.env.get("PATH") ?? "", NAME: "given" },
    timeoutMs: 20_000,
    clock,
  });

for (
  const [what, users] of [["of its own", []], ["with users of its own", ["--user", "-r"]]] as const
) {
  Deno.test(`a gate runs in the server's mount namespace, ${what}, also once the server is back`, async () => {
    using folder = temporaryFolder();
    const cwd = await Deno.realPath(folder.path);
    await Deno.mkdir(`${cwd}/keys`);
    await Deno.writeTextFile(`${cwd}/keys/id`, "SECRET\n");
    const sandbox = hiding(`${cwd}/keys`, users);
    const first = await listener(sandbox);
    if (first.port === undefined) {
      console.log(`skipped: \`${sandbox.slice(0, 4).join(" ")}\` may not be used here`);
      return await first.end();
    }
    const run = runInSandbox(enterSandbox(first.port, clock));
    try {
      assert.equal((await sandboxOf(first.port, clock)).kind, "entered");
      assert.equal(await whyOutsideSandbox(first.port, clock), undefined);
      const { ending, output } = await gate(run, cwd);
      assert.deepEqual(ending, { how: "exited", code: 0 }, output);
      assert.match(output, /keys\/id: No such file/);
      assert.equal(output.split("\n")[0], cwd);
      assert.match(output, /^given$/m);
    } finally {
      await first.end();
    }
    const waiting = gate(run, cwd);
    const again = await listener(sandbox, first.port);
    try {
      assert.match((await waiting).output, /keys\/id: No such file/);
    } finally {
      await again.end();
    }
  });
}

Deno.test("a gate runs as ever where the server sees what ralph sees, and where there is none", async () => {
  using folder = temporaryFolder();
  const server = await listener([]);
  assert(server.port !== undefined);
  await Deno.mkdir(`${folder.path}/keys`);
  await Deno.writeTextFile(`${folder.path}/keys/id`, "SECRET\n");
  const run = runInSandbox(enterSandbox(server.port, clock));
  assert.deepEqual(await sandboxOf(server.port, clock), { kind: "none" });
  assert.match((await gate(run, folder.path)).output, /^SECRET$/m);
  await server.end();
  assert.deepEqual(await sandboxOf(server.port, clock), { kind: "unknown" });
  assert.match((await gate(run, folder.path)).output, /^SECRET$/m);
});

Deno.test("a hook that an agent may have written runs in the server's mount namespace", async () => {
  await using project = await makeProject();
  const { root } = project;
  await project.write("keys/id", "SECRET\n");
  await project.write(".git/hooks/pre-commit", "#!/bin/sh\npwd\ncat keys/id\nexit 1\n");
  await Deno.chmod(`${root}/.git/hooks/pre-commit`, 0o755);
  await project.write("work.txt", "work\n");
  const commit = (port: number) =>
    commitFiles(root, { files: ["work.txt"], message: "work" }, {
      clock,
      enter: enterSandbox(port, clock),
    });
  const saidBy = async (port: number) => {
    const committed = await commit(port);
    assert("why" in committed, JSON.stringify(committed));
    return committed.why;
  };
  const server = await listener(hiding(`${root}/keys`, []));
  if (server.port === undefined) {
    console.log("skipped: `unshare --mount` may not be used here");
    return await server.end();
  }
  const without = await listener([]);
  assert(without.port !== undefined);
  try {
    assert.match(await saidBy(without.port), /SECRET/, "the hook runs");
    const said = await saidBy(server.port);
    assert.match(said, /keys\/id: No such file/);
    assert(said.includes(root) && !said.includes("SECRET"), said);
    await Deno.remove(`${root}/.git/hooks/pre-commit`);
    assert("commit" in await commit(server.port));
  } finally {
    await without.end();
    await server.end();
  }
});
