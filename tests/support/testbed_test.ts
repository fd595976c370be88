import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { startTestbed, testbedTest } from "./testbed.ts";
import { until } from "./wait.ts";

const TESTBED = fileURLToPath(new URL("./testbed.ts", import.meta.url));

testbedTest("two testbeds have users, homes and ports of their own", async () => {
  await using first = await startTestbed();
  await using second = await startTestbed();
  await first.sh("echo first >~/file", { user: "tester" });
  await second.sh("echo second >~/file", { user: "other" });
  assert.equal(await first.sh("cat /home/*/file"), "first");
  assert.equal(await second.sh("cat /home/*/file"), "second");
  await first.reboot();
  assert.equal(await first.sh("cat ~/file", { user: "tester" }), "first");
  assert.equal(await first.sh("systemctl is-system-running"), "running");
});

testbedTest("ports lead in and out, also after a reboot", async () => {
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    return new Response("here");
  });
  const { port } = server.addr;
  await using testbed = await startTestbed();
  const curl = ["curl", "--silent", `http://127.0.0.1:${port}`];
  assert.equal((await testbed.exec(curl)).stdout, "");
  await testbed.lead(port);
  const back = await testbed.reach(port);
  await testbed.reboot();
  assert.equal((await testbed.exec(curl, { user: "tester", session: false })).stdout, "here");
  assert.equal(await (await fetch(back)).text(), "here");
});

testbedTest("a command that does not end is an error, with a limit", async () => {
  await using testbed = await startTestbed();
  const stuck = testbed.exec(["sleep", "1000"], { timeoutMs: 200 });
  await assert.rejects(stuck, /`sleep 1000` has not ended after 200 ms/);
});

testbedTest("nothing is left of a testbed whose test is killed", async () => {
  const program = `
    import { startTestbed } from ${JSON.stringify(TESTBED)};
    const testbed = await startTestbed();
    await using _login = await testbed.login("tester");
    console.log(await testbed.sh("sed -n 's/.*upperdir=\\\\([^,]*\\\\)\\\\/etc\\\\/upper.*/\\\\1/p' /proc/self/mounts"));
    await new Promise((resolve) => setTimeout(resolve, 1e6));`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", program],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const output = child.stdout.getReader();
  const state = new TextDecoder().decode((await output.read()).value).trim();
  assert.match(state, /^\/tmp\/ralph-testbed-/);
  child.kill("SIGKILL");
  await child.status;
  await output.cancel();
  await until(async () => !(await exists(state)), { what: `${state} to go` });
  const left = await new Deno.Command("pgrep", { args: ["--full", state] }).output();
  assert.equal(new TextDecoder().decode(left.stdout), "");
});

function exists(path: string): Promise<boolean> {
  return Deno.stat(path).then(() => true, () => false);
}
