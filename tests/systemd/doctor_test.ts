/**
 * `ralph doctor` on a real systemd with the real OpenCode as its service: what is broken is found,
 * and after pasting what doctor prints, and nothing else, it is well again.
 */
import assert from "node:assert/strict";
import { testbedTest } from "../support/testbed.ts";
import { until } from "../support/wait.ts";
import { HOME, machine, UNIT, USER } from "./machine.ts";
import { NEWEST } from "../support/install.ts";

testbedTest("doctor takes a new user from nothing to a first run that completes", async () => {
  await using m = await machine({ version: NEWEST });
  await using _session = await m.testbed.login(USER);

  const before = await m.failures();
  assert(before.includes("host.linger") && before.includes("service.installed"), before.join());
  await m.mend();
  const after = await m.findings();
  // The binary of the tests is compiled by an older Deno, whose SQLite doctor warns of.
  const warnings = after.filter(({ id, level }) => level === "warn" && id !== "store.sqlite");
  assert.deepEqual(warnings, []);
  for (const id of ["server.session", "server.events", "server.model", "service.active"]) {
    assert.equal(after.find((finding) => finding.id === id)?.level, "ok", id);
  }

  const { code, stdout, stderr } = await m.run(["run", "my-feature", "--foreground"]);
  assert.equal(code, 0, stdout + stderr);
  const deep = await m.run(["doctor", "server.turn", "--deep"]);
  assert.equal(deep.code, 0, deep.stdout + deep.stderr);
  assert.match(deep.stdout, /the agent answers +“ready” after/);
});

testbedTest(
  "doctor mends a unit that is disabled, masked, broken, or for another port",
  async (t) => {
    await using m = await machine();
    await m.setUp();
    const systemctl = (command: string) => m.sh(`systemctl --user ${command}`);

    await t.step("disabled and stopped", async () => {
      await systemctl("disable --now opencode.service");
      assert.deepEqual(await m.failures(), ["service.enabled", "service.active"]);
      await m.mend();
    });

    await t.step("masked", async () => {
      await systemctl("disable --now opencode.service");
      await m.sh(`rm ${UNIT}; systemctl --user mask opencode.service`);
      assert.deepEqual(await m.failures(), ["service.installed"]);
      await m.mend();
    });

    await t.step("an error in its file", async () => {
      await m.sh(`sed -i '/^ExecStart=/d' ${UNIT}; systemctl --user daemon-reload`);
      await systemctl("stop opencode.service");
      assert.deepEqual(await m.failures(), ["service.loaded"]);
      await m.mend();
    });

    await t.step("a line that systemd ignores", async () => {
      await m.sh(
        `sed -i 's/^Restart=.*/Restart=sometimes/' ${UNIT}; systemctl --user daemon-reload`,
      );
      const found = (await m.findings()).find(({ id }) => id === "service.loaded");
      assert.equal(found?.level, "warn");
      assert.match(found?.found ?? "", /sometimes/);
      await m.paste((await m.run(["doctor"])).stdout);
      assert.equal((await m.run(["doctor", "--strict", "service"])).code, 0);
    });

    await t.step("its program is not there", async () => {
      await m.sh(
        `sed -i 's#^ExecStart=.*#ExecStart=/nowhere/opencode serve --port 14096#' ${UNIT}
       systemctl --user daemon-reload`,
      );
      await systemctl("restart opencode.service");
      assert.deepEqual(await m.failures(), ["service.command"]);
      await m.mend();
    });

    await t.step("for another port", async () => {
      await m.sh(`sed -i 's/--port 14096/--port 14111/' ${UNIT}; systemctl --user daemon-reload`);
      await systemctl("restart opencode.service");
      assert.deepEqual(await m.failures(), ["service.command"]);
      await m.mend();
    });

    await t.step("changed since systemd read it", async () => {
      await m.sh(`echo '# a remark' >> ${UNIT}`);
      const found = (await m.findings()).find(({ id }) => id === "service.loaded");
      assert.equal(found?.level, "warn");
      await m.paste((await m.run(["doctor"])).stdout);
      assert.equal((await m.run(["doctor", "--strict", "service"])).code, 0);
    });
  },
);

testbedTest("doctor tells a server that ends at once, and what it said", async () => {
  await using m = await machine();
  await m.setUp();
  await m.sh(
    `mv ~/.opencode/bin/opencode ~/.opencode/bin/real
     # the journal does not learn whose the words of a program are that ends within milliseconds
     printf '#!/bin/sh\necho the disk is made of cheese >&2\nsleep 0.5\nexit 3\n' > ~/.opencode/bin/opencode
     chmod +x ~/.opencode/bin/opencode
     systemctl --user restart opencode.service`,
  );
  await until(
    async () =>
      (await m.sh("systemctl --user show -P SubState opencode.service")) === "auto-restart",
    { what: "systemd to see it end" },
  );
  // it runs for half a second of each try, and each look may fall into that
  const told = /(ends at once, again and again|started again \d+ times?, ).*made of cheese/;
  const { stdout, code } = await m.run(["doctor"]);
  assert.equal(code, 1, stdout);
  assert.match(stdout, told);

  // the same in one line, where somebody wants to work
  const run = await m.run(["run", "my-feature"]);
  assert.equal(run.code, 6, run.stdout);
  assert.match(run.stderr, told);

  await m.sh("mv ~/.opencode/bin/real ~/.opencode/bin/opencode");
  await m.mendBy(stdout); // systemd, which tries again by itself, may have been faster
});

testbedTest("doctor tells who has the port", async (t) => {
  await using m = await machine();
  await m.setUp();
  const takenBy = async (program: string) => {
    await m.sh("systemctl --user stop opencode.service");
    await m.sh(`systemd-run --user --collect --unit=taker ${program}`);
    await until(
      async () =>
        (await m.testbed.exec(["grep", "0100007F:3710 00000000:0000 0A", "/proc/net/tcp"])).code ===
          0,
      {
        what: "the port to be taken",
      },
    );
  };

  await t.step("another program", async () => {
    await takenBy(
      `perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(Listen => 9, ReuseAddr => 1, LocalAddr => ` +
        `"127.0.0.1", LocalPort => 14096) or die; while (my $c = $s->accept) { print $c "no\n" }'`,
    );
    const { stdout } = await m.run(["doctor", "service.port"]);
    assert.match(stdout, /14096 is taken by .*perl .*\(pid \d+\)/);
    const run = await m.run(["run", "my-feature"]);
    assert.equal(run.code, 6, run.stdout);
    assert.match(run.stderr, /taken by .*perl .*\(pid \d+\)/);
    await m.mend();
  });

  await t.step("another OpenCode", async () => {
    await takenBy(`%h/.opencode/bin/opencode serve --hostname 127.0.0.1 --port 14096`
      .replace("%h", HOME));
    await until(async () => (await m.run(["doctor", "server.answers"])).code === 0, {
      what: "the other OpenCode to answer",
    });
    const found = (await m.findings()).find(({ id }) => id === "service.port");
    assert.equal(found?.level, "warn");
    assert.match(found?.found ?? "", /another OpenCode/);
    await m.mend();
  });
});

testbedTest("doctor finds its way without a session, as from cron or sudo", async (t) => {
  await using m = await machine();
  const given = { session: false };
  // As on a busy machine: the user manager starts long after `loginctl` has returned.
  await m.testbed.sh(
    `mkdir -p /run/systemd/system/user@.service.d
     printf '[Service]\nExecStartPre=/bin/sleep 4\n' > /run/systemd/system/user@.service.d/slow.conf
     systemctl daemon-reload`,
  );

  await t.step("nobody is logged in, nothing is installed", async () => {
    const before = await m.failures(given);
    assert.deepEqual(
      before,
      ["host.systemd", "service.installed", "service.enabled", "project.identity"]
        .filter((id) => before.includes(id)),
    );
    assert(before.includes("host.systemd"), before.join());
    const first = await m.run(["doctor"], given);
    await m.paste(first.stdout, given);
    const runtime = `/run/user/${await m.testbed.sh(`id -u ${USER}`)}`;
    const second = await m.run(["doctor"], { ...given, env: { XDG_RUNTIME_DIR: runtime } });
    assert.equal(second.code, 0, `${first.stdout}\n--- after pasting:\n${second.stdout}`);
  });

  await t.step("linger is on, and the shell does not know the way", async () => {
    const found = (await m.findings(given)).find(({ id }) => id === "host.systemd");
    assert.equal(found?.level, "warn");
    assert.match(found?.remedy[0].command ?? "", /^export XDG_RUNTIME_DIR=/);
    assert.deepEqual(await m.failures(given), []);
  });
});

testbedTest("doctor mends a machine where only the shell has XDG_CONFIG_HOME", async () => {
  await using m = await machine();
  await using _session = await m.testbed.login(USER);
  await m.sh("cp -r ~/.config ~/.cfg");
  const env = { XDG_CONFIG_HOME: `/home/${USER}/.cfg` };
  const report = await m.mend({ env });
  assert.match(report, /> \/home\/tester\/\.config\/systemd\/user\/opencode\.service\.new/);
  assert.match(report, />> \/home\/tester\/\.cfg\/ralph\/server\.env/);
  const found = async () => (await m.findings({ env })).find(({ id }) => id === "service.folders");
  assert.equal((await found())?.level, "ok");

  // As an older ralph has written it.
  await m.sh("sed -i /XDG_CONFIG_HOME/d ~/.config/systemd/user/opencode.service");
  await m.sh("systemctl --user daemon-reload && systemctl --user restart opencode");
  await until(async () => (await found())?.level === "warn", { what: "the folder to be missed" });
  await m.paste((await m.run(["doctor", "service.folders"], { env })).stdout, { env });
  await until(async () => (await found())?.level === "ok", { what: "the folder to be right" });
});

testbedTest("doctor sends the user to root for linger where polkit is missing", async () => {
  await using m = await machine({ polkit: false });
  await using _session = await m.testbed.login(USER);
  const { remedy } = (await m.findings()).find(({ id }) => id === "host.linger") ?? { remedy: [] };
  const command = remedy[0].command ?? "";
  assert.match(
    command,
    /^(sudo loginctl enable-linger tester|su -c 'loginctl enable-linger tester')$/,
  );
  assert.match(remedy[0].text, /root/);
  await m.testbed.sh(command.replace(/^sudo /, "").replace(/^su -c '(.*)'$/, "$1"));
  await m.mend();
});

testbedTest("doctor mends a password that is missing or wrong, and never shows it", async (t) => {
  await using m = await machine();
  await m.setUp();
  const secret = "correct horse battery";
  const restart = "systemctl --user restart opencode.service";
  const never = (text: string) => assert(!text.includes(secret), text);

  await t.step("only the server has one", async () => {
    await m.sh(
      `rm ~/.config/ralph/server.env
       mkdir -p ~/.config/systemd/user/opencode.service.d
       printf '[Service]\nEnvironment="OPENCODE_SERVER_PASSWORD=${secret}"\n' \
         > ~/.config/systemd/user/opencode.service.d/password.conf
       systemctl --user daemon-reload; ${restart}`,
    );
    assert.deepEqual(await m.failures(), ["server.password"]);
    never(await m.mend());
    const mode = await m.sh("stat -c %a ~/.config/ralph/server.env");
    assert.equal(mode, "600");
  });

  await t.step("the variable has another one", async () => {
    const env = { OPENCODE_SERVER_PASSWORD: "something else" };
    const { stdout } = await m.run(["doctor"], { env });
    assert.match(stdout, /the variable hides it\n +\$ unset OPENCODE_SERVER_PASSWORD/);
    never(stdout);
  });

  await t.step("the file has another one", async () => {
    await m.sh("echo OPENCODE_SERVER_PASSWORD=wrong > ~/.config/ralph/server.env");
    assert.deepEqual(await m.failures(), ["server.password"]);
    never(await m.mend());
  });

  await t.step("others may read the file", async () => {
    await m.sh("chmod 644 ~/.config/ralph/server.env");
    const { code, stderr } = await m.run(["run", "my-feature"]);
    assert.equal(code, 2);
    assert.match(stderr, /chmod 600/);
    assert.deepEqual(await m.failures(), ["server.password_file"]);
    await m.mend();
  });
});

testbedTest("what ran before a reboot is there after it, and can be attached to", async () => {
  await using m = await machine();
  await m.setUp();
  const first = await m.run(["run", "my-feature", "--foreground"]);
  assert.equal(first.code, 0, first.stdout + first.stderr);

  await m.testbed.reboot();
  const report = await m.run(["doctor"]);
  assert.equal(report.code, 0, report.stdout);
  const attach = await m.run(["attach", "my-feature"]);
  assert.equal(attach.code, 0, attach.stderr);
  assert.match(attach.stderr, /Session not running \(completed/);
  assert.match(attach.stdout, /opencode attach http:\/\/127\.0\.0\.1:14096 .*--session ses_/);
});
