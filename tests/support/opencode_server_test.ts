import assert from "node:assert/strict";
import { NEWEST, TESTED } from "./install.ts";
import { startServer } from "./opencode_server.ts";
import { makeProject } from "./project.ts";
import { call, say, startModel } from "./scripted_model.ts";
import { runTurn } from "./turn.ts";
import { until } from "./wait.ts";

for (const version of TESTED) {
  Deno.test(`OpenCode ${version} starts, starts again, and leaves nothing`, async () => {
    const command = "sleep 1000 >/dev/null 2>&1 & echo $!";
    await using model = await startModel(({ step, lastToolOutput }) =>
      step === 0
        ? call({ name: "bash", input: { command, description: "Left running" } })
        : say(lastToolOutput.trim())
    );
    await using project = await makeProject();
    const { home, orphan } = await (async () => {
      await using server = await startServer({ version, model });
      const health = await (await fetch(`${server.url}/global/health`)).json();
      assert.deepEqual(health, { healthy: true, version });
      const first = server.pid;
      const { text } = await runTurn(server, { directory: project.root, prompt: "sleep" });
      const orphan = Number(text);
      assert.ok(alive(orphan), text);

      await server.kill();
      assert.ok(!alive(first));
      await assert.rejects(() => fetch(`${server.url}/global/health`), TypeError);
      await server.start();
      assert.notEqual(server.pid, first);
      const sessions = await fetch(`${server.url}/session?directory=${project.root}`);
      assert.equal((await sessions.json()).length, 1);
      return { home: server.home, orphan };
    })();
    assert.ok(!exists(home));
    await until(() => !alive(orphan), { what: "the tool's child to be gone" });
  });

  Deno.test(`OpenCode ${version} asks for its password`, async () => {
    await using model = await startModel(() => say("unused"));
    await using server = await startServer({ version, model, password: "s3cret" });
    const refused = await fetch(`${server.url}/global/health`);
    assert.equal(refused.status, 401);
    await refused.body?.cancel();
  });
}

Deno.test("a server that does not start says why", async () => {
  await using model = await startModel(() => say("unused"));
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await assert.rejects(
    () => startServer({ version: NEWEST, model, port: taken.addr.port }),
    /OpenCode 1\.18\.34 did not start\. Its log ends:\n.*ServeError/s,
  );
});

for (const signal of ["SIGKILL", "SIGINT"] as const) {
  Deno.test(`nothing is left when the test process ends by ${signal}`, async () => {
    const support = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
    const code = `
      import { say, startModel } from ${support("./scripted_model.ts")};
      import { startServer } from ${support("./opencode_server.ts")};
      const model = await startModel(() => say("unused"));
      const server = await startServer({ version: "1.1.53", model });
      console.log(JSON.stringify({ pid: server.pid, home: server.home }));
      setInterval(() => {}, 1000);`;
    const process = new Deno.Command(Deno.execPath(), {
      args: ["eval", "--quiet", code],
      stdout: "piped",
    }).spawn();
    const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const { value } = await reader.read();
    const { pid, home } = JSON.parse(value ?? "");
    assert.ok(alive(pid) && exists(home));
    process.kill(signal);
    await process.status;
    await until(() => !alive(pid) && !exists(home), { what: "server and home to be gone" });
    await reader.cancel();
  });
}

function alive(pid: number): boolean {
  try {
    // a zombie has ended: only its parent has not looked yet
    return !/^\d+ \(.*\) Z /s.test(Deno.readTextFileSync(`/proc/${pid}/stat`));
  } catch {
    return false;
  }
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
