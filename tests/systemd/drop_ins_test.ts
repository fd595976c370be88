/** The drop-ins: what each does, and that the agent still works with all of them. */
import assert from "node:assert/strict";
import { shareRalph, testbedTest } from "../support/testbed.ts";
import { until } from "../support/wait.ts";
import {
  DROP_INS,
  HOME,
  makeService,
  PROMPT,
  request,
  runs,
  turn,
  USER,
  write,
} from "./service.ts";
import { NEWEST } from "../support/install.ts";

testbedTest("unattended.conf: a session without rules asks nothing", async () => {
  await using model = await runs("cat /etc/hostname >/dev/null && ls -d /etc/systemd");
  for (const dropIns of [[], ["unattended.conf"]]) {
    await using service = await makeService({ model, dropIns });
    await using _session = await service.testbed.login(USER);
    await service.systemctl("start opencode");
    await service.healthy();
    const { id } = await request(service, "/session", {});
    const answered = request(service, `/session/${id}/message`, PROMPT).then(
      () => "answered",
      () => "cut off",
    );
    if (dropIns.length === 0) {
      const [asked] = await until(async () => {
        const pending = await request(service, "/permission");
        return pending.length > 0 && pending;
      }, { what: "a question, without which this proves nothing" });
      assert.equal(asked.permission, "external_directory");
      await service.systemctl("stop opencode");
      assert.equal(await answered, "cut off");
    } else {
      assert.equal(await answered, "answered");
      const messages = await request(service, `/session/${id}/message`);
      assert.match(JSON.stringify(messages), /\/etc\/systemd\\n/);
    }
  }
});

testbedTest("limits.conf: systemd takes every limit", async () => {
  await using service = await makeService({ dropIns: ["limits.conf"] });
  await using _session = await service.testbed.login(USER);
  await service.systemctl("start opencode");
  assert.equal(await service.healthy(), NEWEST);
  const total = Number(
    await service.testbed.sh("awk '/^MemTotal/ { print $2 * 1024 }' /proc/meminfo"),
  );
  const share = async (name: string) =>
    Math.round(100 * Number(await service.property(name)) / total);
  assert.equal(await share("MemoryHigh"), 70);
  assert.equal(await share("MemoryMax"), 85);
  assert.equal(await service.property("TasksMax"), "4096");
  assert.equal(await service.property("CPUWeight"), "50");
  assert.equal(await service.property("OOMPolicy"), "continue");
});

testbedTest(
  "all drop-ins: the agent works, and neither keys nor root are within its reach",
  async () => {
    // in one piece: what a command prints just before it ends may get lost (1.18.33, measured)
    await using model = await runs(`{
    git init -q && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m one && echo committed
    cat ~/.ssh/id
    su -c true </dev/null
    grep NoNewPrivs /proc/self/status
    systemd-run --user --pipe --wait cat ~/.ssh/id
    for process in /proc/[0-9]*; do cat $process/root/home/tester/.ssh/id; done
    unshare --user --map-root-user --mount umount ~/.ssh
    cat ~/.ssh/id
    echo end; } > said 2>&1; cat said`);
    for (const dropIns of [[], DROP_INS]) {
      await using service = await makeService({ model, dropIns });
      await using _session = await service.testbed.login(USER);
      await write(service.testbed, ".ssh/id", "SECRET\n");
      await service.systemctl("start opencode");
      await service.healthy();
      const said = await turn(service);
      assert.match(said, /committed/);
      assert.match(said, /^end$/m);
      const hardened = dropIns.length > 0;
      assert.equal(said.includes("SECRET"), !hardened, said);
      assert.match(said, hardened ? /NoNewPrivs:\s*1/ : /NoNewPrivs:\s*0/);
    }
  },
);

testbedTest("hardening.conf: gates see no more of the user's keys than the agent", async () => {
  for (const dropIns of [[], ["hardening.conf"]]) {
    await using service = await makeService({ dropIns });
    const { testbed } = service;
    await using _session = await testbed.login(USER);
    await write(testbed, ".ssh/id", "SECRET\n");
    await service.systemctl("start opencode");
    await service.healthy();
    const { command, env } = await shareRalph(testbed);
    const verify = [["cat", `${HOME}/.ssh/id`], ["sh", "-c", "id -un; pwd; touch made"]];
    await write(testbed, "project/ralph.json", JSON.stringify({ verify }));
    const said = await testbed.exec(
      ["sh", "-c", `cd ~/project && git init -q && "$@" verify --json`, "sh", ...command],
      { user: USER, env },
    );
    const [keys, work] = JSON.parse(said.stdout);
    assert.equal(keys.passed, dropIns.length === 0, said.stdout);
    assert.equal(work.passed, true, said.stdout);
    assert.match(work.output, /^tester\n.*\/project$/m);
  }
});
