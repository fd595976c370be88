import assert from "node:assert/strict";
import { lockingPids } from "../../../src/host/lock_holders.ts";

// As Linux 6.1 prints it: the file's device and inode, then the range.
const TABLE = `1: POSIX  ADVISORY  READ 13094 fe:00:16041685 128 128
2: POSIX  ADVISORY  WRITE 700 fe:00:16041685 120 120
2: -> POSIX  ADVISORY  WRITE 701 fe:00:99 120 120
3: FLOCK  ADVISORY  WRITE 702 fe:00:5 0 EOF
4: OFDLCK ADVISORY  WRITE -1 fe:00:16041685 0 0
5: POSIX  ADVISORY  WRITE 700 fe:00:16041685 123 123
`;

Deno.test("whoever holds an exclusive lock on one of the files is found, once", () => {
  assert.deepEqual(lockingPids(TABLE, ["fe:00:16041685"]), [700]);
  assert.deepEqual(lockingPids(TABLE, ["fe:00:5", "fe:00:16041685"]), [700, 702]);
  assert.deepEqual(lockingPids(TABLE, ["fe:01:16041685", "fe:00:99"]), []);
  assert.deepEqual(lockingPids("", ["fe:00:5"]), []);
});
