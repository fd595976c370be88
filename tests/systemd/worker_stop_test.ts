/** A worker that is a unit, and that systemd stops: as at a shutdown, or by a person. */
import assert from "node:assert/strict";
import { testbedTest } from "../support/testbed.ts";
import { HOLD, machine, PROJECT } from "./machine.ts";

testbedTest(
  "a worker that systemd stops in mid-turn ends the turn first, long before it would be killed",
  async () => {
    await using m = await machine({ holds: true });
    await m.setUp();
    await m.sh(`mkfifo ${PROJECT}/${HOLD}`);
    await m.begin(["my-feature"]);
    const status = async () => JSON.parse((await m.run(["status", "--json"])).stdout)[0];
    const { workerUnit } = await status();
    assert(workerUnit);
    const began = performance.now();
    await m.sh(`systemctl --user stop ${workerUnit}`);
    const tookMs = performance.now() - began;
    assert(tookMs < 20_000, `${tookMs} ms`); // it would be killed after 90 s (TimeoutStopSec)
    const { status: now, reason, openCodeSessionId } = await status();
    assert.deepEqual([now, reason], ["failed", "worker_ended"]);
    const { stdout } = await m.run(["history", "my-feature", "--json"]);
    const [{ outcome, detail }] = JSON.parse(stdout)[0].iterations;
    assert.deepEqual([outcome, /not confirm/.test(detail)], ["interrupted", false], detail);
    assert(openCodeSessionId);
  },
);
