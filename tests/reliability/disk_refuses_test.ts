/** The disk is read-only, or the store is not this user's to write. */
import { onSmallDisk, withoutRootsRights } from "./mount.ts";

Deno.test("on a read-only disk commands show what was recorded, refuse to write, and go on when it is writable again", async () => {
  await onSmallDisk("disk_refuses.ts", { sizeKb: 2_000, args: ["read-only"] });
});

Deno.test("a store with wrong rights is told with its path by every command, and stays as it is", async () => {
  await withoutRootsRights("disk_refuses.ts", { args: ["denied"] });
});
