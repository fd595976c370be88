/** The worker of `ralph run` under systemd: a unit with linger on, and detached elsewhere. */
import assert from "node:assert/strict";
import { until } from "../support/wait.ts";
import { testbedTest } from "../support/testbed.ts";
import { HOLD, machine, PROJECT, resumeAtBoot, USER } from "./machine.ts";

interface Row {
  status: string;
  workerPid: number | null;
  workerUnit: string | null;
  projectRoot: string;
}

type Machine = Awaited<ReturnType<typeof machine>>;

async function statusOf(m: Machine): Promise<Row> {
  const { stdout, stderr } = await m.run(["status", "--json"]);
  assert.notEqual(stdout, "", stderr);
  return JSON.parse(stdout)[0];
}

/** An agent that works until `release` is there. */
async function holdAgent(m: Machine) {
  await m.sh(`mkfifo ${PROJECT}/${HOLD}`);
  return () => m.sh(`echo go > ${PROJECT}/${HOLD}`, { session: false });
}

testbedTest(
  "with linger, the worker outlives a logout that ends every process of the user",
  async () => {
    await using m = await machine({ holds: true });
    await m.testbed.sh(
      `mkdir -p /etc/systemd/logind.conf.d
     printf '[Login]\\nKillUserProcesses=yes\\n' > /etc/systemd/logind.conf.d/kill.conf
     systemctl restart systemd-logind`,
    );
    {
      await using _session = await m.testbed.login(USER);
      await m.mend();
    }
    const release = await holdAgent(m);
    {
      await using _session = await m.testbed.login(USER);
      const started = await m.begin(["my-feature"], {
        env: { OPENCODE_SERVER_USERNAME: "opencode", XDG_DATA_HOME: `/home/${USER}/elsewhere` },
      });
      assert.equal(started.stderr, "");
    }
    const env = { XDG_DATA_HOME: `/home/${USER}/elsewhere` };
    await until(
      async () => (await m.testbed.sh("loginctl list-sessions --no-legend")) === "",
      { what: "the logout to be over" },
    );

    const { stdout } = await m.run(["status", "--json"], { env, session: false });
    const row: Row = JSON.parse(stdout)[0];
    assert.equal(row.status, "running");
    assert.match(row.workerUnit ?? "", /^ralph-my-feature-[0-9a-f]+-\d+\.service$/);
    const text = await m.run(["status", "my-feature"], { env, session: false });
    assert.match(text.stdout, /worker: +process \d+, unit ralph-my-feature/);

    await release();
    const waited = await m.run(["wait", "my-feature"], { env, session: false });
    assert.equal(waited.code, 0, waited.stdout + waited.stderr);
  },
);

testbedTest("without linger the worker is a detached process", async () => {
  await using m = await machine({ holds: true });
  await m.setUp();
  await m.testbed.sh(`loginctl disable-linger ${USER}`);
  const release = await holdAgent(m);
  const started = await m.begin(["my-feature"]);
  assert.equal(started.stderr, "");
  assert.equal((await statusOf(m)).workerUnit, null);
  await release();
  assert.equal((await m.run(["wait", "my-feature"])).code, 0);
});

testbedTest("where systemd-run fails, the worker is detached, and that is said", async () => {
  await using m = await machine({ holds: true });
  await m.setUp();
  const release = await holdAgent(m);
  await m.sh(
    `mkdir ~/broken; cd ~/broken
     printf '#!/bin/sh\\necho Failed to start transient service unit: no >&2\\nexit 1\\n' > systemd-run
     chmod 755 systemd-run`,
  );
  const env = { PATH: `/home/${USER}/broken:/usr/local/bin:/usr/bin:/bin` };
  const started = await m.begin(["my-feature"], { env });
  assert.match(started.stderr, /warning: the worker is a process of this login.*Failed to start/);
  assert.equal((await statusOf(m)).workerUnit, null);
  await release();
  assert.equal((await m.run(["wait", "my-feature"])).code, 0);
});

testbedTest("a worker that is a unit is stopped as any other, and leaves nothing", async () => {
  await using m = await machine({ holds: true });
  await m.setUp();
  await holdAgent(m);
  await m.begin(["my-feature"]);
  const { workerUnit } = await statusOf(m);
  assert(workerUnit);
  const secret = await m.sh(`systemctl --user show ${workerUnit}`);
  assert(!secret.includes("OPENCODE_SERVER_PASSWORD"), secret);
  const stopped = await m.run(["stop", "my-feature"]);
  assert.equal(stopped.code, 0, stopped.stdout + stopped.stderr);
  await until(
    async () => (await m.sh(`systemctl --user show -P LoadState ${workerUnit}`)) === "not-found",
    { what: "the unit to be gone" },
  );
});

testbedTest("what was running when the machine went down goes on at the next boot", async () => {
  await using m = await machine({ holds: true });
  await m.setUp();
  const project = `/home/${USER}/stopped`;
  await m.addProject(project);
  await m.sh(`mkfifo ${project}/${HOLD}`);
  const release = await holdAgent(m);
  await resumeAtBoot(m);
  await m.begin(["my-feature"]);
  await m.begin([`${project}/tasks/my-feature`]);
  assert.equal((await m.run(["stop", `${project}/tasks/my-feature`])).code, 0);

  const cut = `/home/${USER}/cut`;
  await m.addProject(cut);
  await m.sh(`mkfifo ${cut}/${HOLD}`);
  await m.begin([`${cut}/tasks/my-feature`]);
  const begun: Row[] = JSON.parse((await m.run(["status", "--json"])).stdout);
  const pid = begun.find(({ projectRoot }) => projectRoot === cut)?.workerPid;
  assert(pid);
  await m.sh(`kill -KILL ${pid}`); // as by a power cut: nothing is recorded

  await m.testbed.reboot();
  const rows = await until(async () => {
    const { stdout } = await m.run(["status", "--json"], { session: false });
    const all: (Row & { taskDir: string; reason: string | null; iteration: number })[] = JSON.parse(
      stdout,
    );
    const goOn = all.filter(({ status, iteration }) => status === "running" && iteration > 1);
    return goOn.length === 2 && all;
  }, { what: "the session to go on" });
  const stopped = rows.find(({ taskDir }) => taskDir.startsWith(project));
  assert.deepEqual([stopped?.status, stopped?.reason], ["stopped", "user_stop"]);

  await release();
  const waited = await m.run(["wait", "my-feature"], { session: false });
  assert.equal(waited.code, 0, waited.stdout + waited.stderr);
  const { stdout } = await m.run(["history", "my-feature", "--json"], { session: false });
  const outcomes = JSON.parse(stdout)[0].iterations.map(({ outcome }: { outcome: string }) =>
    outcome
  );
  assert.deepEqual(outcomes, ["interrupted", "advanced"]);
});

testbedTest(
  "a queue that was at work when the machine went down goes on at the next boot",
  async () => {
    await using m = await machine({ holds: true });
    await m.setUp();
    const release = await holdAgent(m);
    await resumeAtBoot(m);
    await m.sh(`mkdir ${PROJECT}/tasks/second && cat > ${PROJECT}/tasks/second/prd.json`, {
      stdin: JSON.stringify({
        dependsOn: ["my-feature"],
        verify: [["true"]],
        userStories: [{ id: "US-001", title: "Done", passes: true }],
      }),
    });
    await m.begin(["my-feature", "second"]);
    const units = await m.sh("systemctl --user list-units --plain --no-legend 'ralph-*.queue-*'");
    assert.equal(units.split("\n").length, 1, units);

    await m.testbed.reboot();
    const rows = async () =>
      JSON.parse((await m.run(["status", "--json"], { session: false })).stdout);
    await until(async () => {
      const [first] = await rows();
      return first.status === "running" && first.iteration > 1;
    }, { what: "the session to go on" });
    await release();
    const waited = await m.run(["wait", "second"], { session: false });
    assert.equal(waited.code, 0, waited.stdout + waited.stderr);
    const sessions = JSON.parse(
      (await m.run(["status", "--sessions", "--json"], { session: false })).stdout,
    );
    assert.deepEqual(
      sessions.map(({ task, status }: { task: string; status: string }) => `${task} ${status}`),
      ["second completed", "my-feature completed"],
    );
  },
);
