import assert from "node:assert/strict";
import { firstHolder, isLiving, isSuspended } from "../../../../src/host/process/proc.ts";
import { systemClock } from "../../../../src/host/system/clock.ts";
import { until } from "../../../support/wait.ts";

Deno.test({
  name:
    "a process that is suspended is told from one that sleeps, is gone, or is not collected yet",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const child = new Deno.Command("sleep", { args: ["60"] }).spawn();
    const suspended = () => isSuspended(child.pid, systemClock);
    assert.equal(await suspended(), false);
    child.kill("SIGSTOP");
    await until(suspended, { what: "it to be suspended" });
    child.kill("SIGCONT");
    await until(async () => !await suspended(), { what: "it to go on" });
    assert.equal(await isLiving(child.pid, systemClock), true);
    child.kill("SIGKILL");
    await child.status;
    assert.deepEqual([await suspended(), await isLiving(child.pid, systemClock)], [false, false]);

    // Its parent goes on as a program that collects nobody.
    const parent = new Deno.Command("sh", {
      args: ["-c", "sh -c 'echo $$; exit' & exec sleep 60"],
      stdout: "piped",
    }).spawn();
    const reader = parent.stdout.getReader();
    const uncollected = Number(new TextDecoder().decode((await reader.read()).value));
    await until(async () => / Z /.test(await Deno.readTextFile(`/proc/${uncollected}/stat`)), {
      what: "one that is not collected",
    });
    assert.equal(await isLiving(uncollected, systemClock), false);
    await reader.cancel();
    parent.kill("SIGKILL");
    await parent.status;
  },
});

Deno.test("a process of which nothing is known is not called dead", async () => {
  const late = (_ms: number, fire: () => void) => {
    queueMicrotask(fire);
    return () => {};
  };
  assert.equal(await isLiving(Deno.pid, { ...systemClock, after: late }), true);
});

Deno.test("a socket is its process's, and not that of one that it is just starting", () => {
  const links = "/proc/15761/fd/12\n/proc/6739/fd/12\n/proc/6739/fd/13\n";
  assert.deepEqual(firstHolder(links), { pid: 6739, link: "/proc/6739/fd/12" });
  assert.equal(firstHolder(""), undefined);
});
