/** What is there after a boot and after a logout. */
import assert from "node:assert/strict";
import { testbedTest } from "../support/testbed.ts";
import { until } from "../support/wait.ts";
import { makeService, USER } from "./service.ts";
import { NEWEST } from "../support/install.ts";

testbedTest("linger: there before anybody logs in, and after the last logout", async (t) => {
  await using service = await makeService();
  const { testbed } = service;
  const sessions = () => testbed.sh("loginctl list-sessions --no-legend");
  await testbed.sh("systemctl --user enable opencode", { user: USER });
  await testbed.sh(`loginctl enable-linger ${USER}`, { user: USER });

  await t.step("after a boot", async () => {
    await testbed.reboot();
    assert.equal(await service.healthy(), NEWEST);
    assert.equal(await sessions(), "");
    assert.equal(await service.systemctl("is-system-running --wait"), "running");
    const journal = await testbed.sh("journalctl --no-pager");
    assert.ok(!journal.includes("ordering cycle"), journal);
  });

  await t.step("after a logout", async () => {
    const pid = await service.property("MainPID");
    {
      await using _login = await testbed.login(USER);
      assert.match(await sessions(), /tester/);
    }
    await until(async () => await sessions() === "", { what: "the end of the session" });
    assert.equal(await testbed.sh(`loginctl show-user ${USER} --value -p State`), "lingering");
    assert.equal(await service.property("MainPID"), pid);
    assert.equal(await service.healthy(), NEWEST);
  });
});

testbedTest(
  "no linger: there with the first login, gone some 10 s after the last logout",
  async () => {
    await using service = await makeService();
    const { testbed } = service;
    await testbed.sh("systemctl --user enable opencode", { user: USER });
    await testbed.reboot();
    assert.match(await testbed.sh("systemctl is-system-running --wait"), /running/);
    assert.equal(await testbed.sh(`systemctl is-active user@$(id -u ${USER}) || true`), "inactive");
    assert.equal(await service.listens(), false);

    {
      await using _login = await testbed.login(USER);
      assert.equal(await service.healthy(), NEWEST);
    }
    await until(async () => !(await service.listens()), {
      what: "the server to be stopped",
    });
  },
);
