import assert from "node:assert/strict";
import { bootIdFrom, thisBoot } from "../../../../src/host/system/boot.ts";
import { systemClock } from "../../../../src/host/system/clock.ts";

const ID = "5f0c6f0e-2b1c-4f43-9a3e-6a1f0a8f2f11";
const rest = (began: number) => `S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 ${began} 1 2 3 4 5`;

Deno.test("a boot is told from another by the kernel's id, and under one kernel by its first process", () => {
  const of = (began: number) => bootIdFrom(`${ID}\n1 (systemd) ${rest(began)}\n`);
  assert.equal(of(7), `${ID} 7`);
  assert.notEqual(of(7), of(8));
  assert.equal(bootIdFrom(`${ID}\n1 (a) b (c) ${rest(9)}\n`), `${ID} 9`, "any name");
  assert.equal(bootIdFrom(`${ID}\n`), ID, "where the first process is hidden");
});

Deno.test("this boot is the same each time that it is asked for", async () => {
  const { id } = await thisBoot(systemClock);
  assert.match(id ?? "", /^[0-9a-f-]{36} \d+$/);
  assert.equal((await thisBoot(systemClock)).id, id);
});
