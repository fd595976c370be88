/** The disk is full. On a real file system, so only where the kernel allows a mount. */
import assert from "node:assert/strict";
import { onSmallDisk } from "./mount.ts";

Deno.test("whatever room is left, each write is recorded whole or not at all, and succeeds when there is room again", async () => {
  const found = JSON.parse(await onSmallDisk("disk_full.ts", { sizeKb: 2_000 }));
  assert(found.refusedWrites > 20, JSON.stringify(found));
  assert(found.refusedMakings > 5, JSON.stringify(found));
});

Deno.test("without room commands show what can be read, say so, and name a command; a migration is made whole or not at all", async () => {
  // Outside of the binary the copy before a migration is made by SQL, which needs them.
  const found = JSON.parse(
    await onSmallDisk("disk_full_commands.ts", { sizeKb: 2_000, everyPermission: true }),
  );
  assert(found.refused > 10 && found.migrated > 10, JSON.stringify(found));
});

Deno.test("a disk that fills up in mid-turn: the worker waits and says so, and the turn is recorded once when there is room", async () => {
  await onSmallDisk("disk_full_run.ts", { sizeKb: 2_000 });
});
