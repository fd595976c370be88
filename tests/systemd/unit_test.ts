/** The unit by itself: starting, dying, coming back. */
import assert from "node:assert/strict";
import { TESTED } from "../support/install.ts";
import { startTestbed, testbedTest } from "../support/testbed.ts";
import { until } from "../support/wait.ts";
import {
  DROP_INS,
  environmentOf,
  health,
  HOME,
  listeners,
  makeService,
  request,
  runs,
  text,
  turn,
  UNIT,
  USER,
  write,
} from "./service.ts";
import { NEWEST } from "../support/install.ts";

testbedTest("systemd takes the unit and its drop-ins without a word", async () => {
  await using testbed = await startTestbed();
  const folder = ".config/systemd/user";
  const verify = async () => {
    const command = ["systemd-analyze", "--user", "verify", `${folder}/opencode.service`];
    const { code, stdout, stderr } = await testbed.exec(command, { user: USER });
    return { code, said: stdout + stderr };
  };
  await write(testbed, `${folder}/opencode.service`, UNIT);
  assert.deepEqual(await verify(), { code: 0, said: "" });
  for (const name of DROP_INS) {
    await write(
      testbed,
      `${folder}/opencode.service.d/${name}`,
      text(`opencode.service.d/${name}`),
    );
    assert.deepEqual(await verify(), { code: 0, said: "" }, name);
  }
  await write(testbed, `${folder}/opencode.service.d/wrong.conf`, "[Service]\nRestrat=always\n");
  assert.match((await verify()).said, /Restrat/, "it says nothing of a mistake either");
});

for (const version of TESTED) {
  testbedTest(`the unit runs OpenCode ${version} on 127.0.0.1:14096 alone`, async (t) => {
    await using service = await makeService({ version });
    await using _session = await service.testbed.login(USER);
    await service.systemctl("enable --now opencode");
    assert.equal(await service.healthy(), version);

    await t.step("on no other address", async () => {
      assert.deepEqual(await listeners(service.testbed), ["0100007F:3710"]);
    });

    await t.step("in the home, with its PATH, without updating itself", async () => {
      const environment = await environmentOf(service);
      assert.equal(environment.get("OPENCODE_DISABLE_AUTOUPDATE"), "1");
      assert.equal(environment.get("HOME"), HOME);
      assert.match(environment.get("PATH") ?? "", /^\/home\/tester\/\.opencode\/bin:.*:\/bin:/);
      const pid = await service.property("MainPID");
      assert.equal(await service.testbed.sh(`readlink /proc/${pid}/cwd`), HOME);
    });

    await t.step("and comes back by itself after SIGKILL, with its sessions", async () => {
      const { id } = await request(service, "/session", { title: "from before" });
      const before = await service.property("MainPID");
      await service.testbed.sh(`kill -KILL ${before}`);
      await until(async () => await service.property("NRestarts") === "1", { what: "a restart" });
      assert.equal(await service.healthy(), version);
      assert.notEqual(await service.property("MainPID"), before);
      assert.equal((await request(service, `/session/${id}`)).title, "from before");
    });

    await t.step("and after a stray SIGTERM, which OpenCode takes for a stop", async () => {
      await service.testbed.sh(`kill -TERM ${await service.property("MainPID")}`);
      await until(async () => await service.property("NRestarts") === "2", { what: "a restart" });
      assert.equal(await service.healthy(), version);
    });

    await t.step("and stays down when it is stopped, without a failure", async () => {
      await service.systemctl("stop opencode");
      assert.equal(await service.property("ActiveState"), "inactive");
      assert.equal(await service.property("Result"), "success");
    });
  });
}

testbedTest("what a tool left running neither outlives nor delays a dead server", async () => {
  await using model = await runs(
    `sh -c 'trap "" TERM HUP; echo $$ >~/left; while :; do sleep 1; done' >/dev/null 2>&1 &
     until [ -s ~/left ]; do sleep 0.1; done; echo started`,
  );
  await using service = await makeService({ model });
  await using _session = await service.testbed.login(USER);
  await service.systemctl("start opencode");
  await service.healthy();
  assert.match(await turn(service), /started/);
  const left = await service.testbed.sh(`cat ${HOME}/left`);
  const began = performance.now();
  await service.testbed.sh(`kill -KILL ${await service.property("MainPID")}`);
  await until(async () => await service.property("NRestarts") === "1", {
    what: "a restart",
  });
  const tookMs = performance.now() - began;
  assert.ok(tookMs > 10_000, `it was not ignoring SIGTERM: ${tookMs} ms`); // TimeoutStopSec
  await assert.rejects(service.testbed.sh(`kill -0 ${left}`), /No such process/);
  await service.healthy();
});

testbedTest("a missing program is tried every 5 s, without end", async () => {
  await using service = await makeService();
  await using _session = await service.testbed.login(USER);
  const program = `${HOME}/.opencode/bin/opencode`;
  await service.testbed.sh(`mv ${program} ${program}.away`);
  await service.systemctl("start opencode");
  const restarts = async () => Number(await service.property("NRestarts"));
  const reached = (count: number) =>
    until(async () => await restarts() >= count, {
      what: `${count} restarts`,
    });
  await reached(1);
  const began = performance.now();
  assert.equal(await service.property("ExecMainStatus"), "127");
  await reached(3);
  const tookMs = performance.now() - began;
  assert.ok(tookMs > 9_000 && tookMs < 20_000, `2 restarts took ${tookMs} ms`);

  // six starts in less than 10 s are what systemd would give up after, by default
  for (let start = 0; start < 8; start++) await service.systemctl("restart opencode");
  assert.equal(await service.property("ActiveState"), "activating");

  await service.testbed.sh(`mv ${program}.away ${program}`);
  assert.equal(await service.healthy(), NEWEST);
});

testbedTest("it takes over the port when another program lets it go", async () => {
  await using service = await makeService();
  await using _session = await service.testbed.login(USER);
  const deno = await service.testbed.share("deno", Deno.execPath());
  const other = service.testbed.exec([
    deno,
    "eval",
    `const server = Deno.serve({ hostname: "127.0.0.1", port: 14096 }, () => {
       server.shutdown();
       return new Response("not OpenCode");
     });`,
  ], { user: USER, env: { DENO_DIR: "/tmp/none" } });
  await until(() => service.listens(), { what: "the other program to listen" });
  await service.systemctl("start opencode");
  await until(async () => await service.property("ExecMainStatus") === "1", {
    what: "OpenCode to find the port taken",
  });
  assert.equal(await (await fetch(service.url)).text(), "not OpenCode");
  assert.equal((await other).code, 0);
  assert.equal(await service.healthy(), NEWEST);
});

testbedTest("the password file is honoured, and the password shown nowhere", async () => {
  const password = "correct horse %h $HOME battery";
  const header = (password: string) => ({ authorization: `Basic ${btoa(`opencode:${password}`)}` });
  await using service = await makeService();
  await using _session = await service.testbed.login(USER);
  await write(
    service.testbed,
    ".config/ralph/server.env",
    `OPENCODE_SERVER_PASSWORD='${password}'\n`,
  );
  await service.testbed.sh(`chmod 600 ${HOME}/.config/ralph/server.env`);
  await service.systemctl("start opencode");
  assert.equal(await service.healthy(header(password)), NEWEST);
  assert.equal((await health(service.url)).status, 401);
  assert.equal((await health(service.url, header("wrong"))).status, 401);

  const seen = await Promise.all([
    service.systemctl("show opencode"),
    service.systemctl("status opencode --no-pager"),
    service.systemctl("show-environment"),
    service.testbed.sh("ps axww -o args"),
    service.testbed.sh("journalctl --no-pager"),
  ]);
  assert.match(seen[0], /EnvironmentFiles=.*server\.env/);
  assert.match(seen[3], /opencode serve --hostname/);
  for (const one of seen) assert.ok(!one.includes("correct horse"), one);
  const environ = `/proc/${await service.property("MainPID")}/environ`;
  for (const path of [environ, `${HOME}/.config/ralph/server.env`]) {
    const { stderr } = await service.testbed.exec(["cat", path], { user: "other" });
    assert.match(stderr, /Permission denied/);
  }
});
