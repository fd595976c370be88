/** `ralph doctor` where the shell, the service and the port are not what the guide has. */
import assert from "node:assert/strict";
import { testbedTest } from "../support/testbed.ts";
import { until } from "../support/wait.ts";
import { HOME, machine, USER } from "./machine.ts";

testbedTest("doctor sees through wrappers, links that end and variables of others", async (t) => {
  await using m = await machine();
  await m.setUp();
  const finding = async (id: string, env: Readonly<Record<string, string>> = {}) =>
    (await m.findings({ env })).find((one) => one.id === id) ?? assert.fail(id);
  const commands = async (...args: Parameters<typeof finding>) =>
    (await finding(...args)).remedy.map(({ command }) => command);
  const uid = await m.sh("id -u");

  await t.step("su has kept the bus of another user", async () => {
    const env = {
      XDG_RUNTIME_DIR: "/run/user/0",
      DBUS_SESSION_BUS_ADDRESS: "unix:path=/run/user/0/bus",
    };
    assert.deepEqual(await commands("host.systemd", env), [
      `export XDG_RUNTIME_DIR=/run/user/${uid}`,
      "unset DBUS_SESSION_BUS_ADDRESS",
    ]);
    assert.equal((await finding("service.active", env)).level, "ok");
  });

  await t.step("the link of fnm, which ends with the shell", async () => {
    await m.sh(
      `mkdir -p ~/fnm/v22/bin && install /bin/true ~/fnm/v22/bin/opencode
       mkdir -p /run/user/${uid}/fnm_multishells && ln -s ~/fnm/v22 /run/user/${uid}/fnm_multishells/1`,
    );
    const env = { PATH: `/run/user/${uid}/fnm_multishells/1/bin:/usr/bin:/bin` };
    const { stdout } = await m.run(["doctor", "--print-unit"], { env });
    assert.match(stdout, new RegExp(`^Environment="PATH=${HOME}/fnm/v22/bin:%h/`, "m"));
    await m.sh("rm -r ~/fnm");
  });

  await t.step("a wrapper that starts the program as its child", async () => {
    await m.sh(
      `cd ~/.opencode/bin && cp -L opencode real && rm opencode
       printf '#!/bin/sh\\n${HOME}/.opencode/bin/real "$@"\\n' > opencode && chmod +x opencode
       systemctl --user restart opencode`,
    );
    await until(async () => (await finding("server.answers")).level === "ok", {
      what: "the server to answer",
    });
    assert.equal((await finding("service.port")).level, "ok");
  });

  await t.step("a key that the shell has, and the service has not", async () => {
    await m.sh("rm -r ~/.config/opencode && systemctl --user restart opencode");
    const env = { RALPH_MODEL: "anthropic/claude-sonnet-4-5", ANTHROPIC_API_KEY: 'a"b$c' };
    const report = async () => (await m.run(["doctor", "server.model"], { env })).stdout;
    const before = await until(async () => {
      const said = await report();
      return /ANTHROPIC_API_KEY is set here, and not in the server/.test(said) && said;
    }, { what: "the key to be missed" });
    assert(!before.includes(env.ANTHROPIC_API_KEY), before);
    await m.paste(before, { env });
    await until(async () => /ok +model/.test(await report()), { what: "the model to be usable" });
  });

  await t.step("a unit of the system by the same name", async () => {
    await m.sh("systemctl --user stop opencode");
    await m.testbed.sh(
      `printf '[Service]\\nUser=${USER}\\nExecStart=${HOME}/.opencode/bin/opencode serve --hostname 127.0.0.1 --port 14096\\nEnvironment=HOME=${HOME}\\n' \
         > /etc/systemd/system/opencode.service
       systemctl daemon-reload && systemctl start opencode`,
    );
    await until(async () => (await finding("service.port")).found !== "14096: free", {
      what: "the system's server to listen",
    });
    assert.deepEqual(await commands("service.port"), ["sudo systemctl stop opencode.service"]);
  });
});
