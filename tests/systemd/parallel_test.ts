/** Several tasks at once under systemd, and a reboot while they are at work. */
import assert from "node:assert/strict";
import { testbedTest } from "../support/testbed.ts";
import { until } from "../support/wait.ts";
import { HOLD, machine, PROJECT, resumeAtBoot } from "./machine.ts";

const NAMES = ["my-feature", "second", "third"];

interface Row {
  task: string;
  status: string;
  iteration: number;
}

testbedTest(
  "three tasks in worktrees go on after a reboot in the middle of their turns, and are landed",
  async () => {
    await using m = await machine({ holds: true });
    await m.setUp();
    await resumeAtBoot(m);
    // Each worktree has a way to the one pipe that its agent waits at.
    const settings = { setup: [["ln", "-s", `${PROJECT}/${HOLD}`, HOLD]] };
    await m.sh(
      `cd ${PROJECT} && mkfifo ${HOLD} && echo ${HOLD} >> .git/info/exclude && cat > ralph.json
       for name in second third; do cp -r tasks/my-feature tasks/$name; done
       git add --all && git -c user.name=T -c user.email=t@example.com commit --quiet -m tasks`,
      { stdin: JSON.stringify(settings) },
    );
    await m.begin([...NAMES, "--parallel", "3"]);
    const rows = async (): Promise<readonly Row[]> =>
      JSON.parse((await m.run(["status", "--json"], { session: false })).stdout);
    const areAtWork = (after: number) => async () =>
      (await rows()).filter(({ status, iteration }) => status === "running" && iteration > after)
        .length === NAMES.length;
    await until(areAtWork(0), { what: "all three to be at work" });

    await m.testbed.reboot();
    await until(areAtWork(1), { what: "all three to go on" });
    await m.sh(`for i in 1 2 3; do timeout 5 sh -c 'echo go > ${PROJECT}/${HOLD}' || true; done`, {
      session: false,
    });
    for (const name of NAMES) {
      const { code, stdout, stderr } = await m.run(["wait", name], { session: false });
      assert.equal(code, 0, stdout + stderr);
    }
    const sessions: readonly Row[] = JSON.parse(
      (await m.run(["status", "--sessions", "--json"], { session: false })).stdout,
    );
    assert.deepEqual(
      sessions.map(({ task, status }) => `${task} ${status}`).sort(),
      NAMES.map((name) => `${name} completed`),
      "one session each",
    );
    for (const name of NAMES) {
      const { code, stdout, stderr } = await m.run(["land", name], { session: false });
      assert.equal(code, 0, stdout + stderr);
    }
    const log = await m.sh(`git -C ${PROJECT} log --format=%s main`, { session: false });
    assert.equal(log.split("\n").filter((line) => line === "feat: US-001 - Tick").length, 3);
  },
);
