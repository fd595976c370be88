/** The disk is full. On a real file system, so only where the kernel allows a mount. */
import assert from "node:assert/strict";
import { onSmallDisk } from "./mount.ts";

Deno.test("whatever room is left, each write is recorded whole or not at all, and succeeds when there is room again", async () => {
  const found = JSON.parse(await onSmallDisk("disk_full.ts", { sizeKb: 2_000 }));
  assert(found.refusedWrites > 20, JSON.stringify(found));
  assert(found.refusedMakings > 5, JSON.stringify(found));
});
