import assert from "node:assert/strict";
import { lockingPids } from "../../../../src/host/lock/lock_holders.ts";
import { locksFrom, locksOn } from "../../../../src/host/lock/proc_locks.ts";

// As Linux 6.1 prints it: the file's device and inode, then the range.
const TABLE = `1: POSIX  ADVISORY  READ 13094 fe:00:16041685 128 128
2: POSIX  ADVISORY  WRITE 700 fe:00:16041685 120 120
2: -> POSIX  ADVISORY  WRITE 701 fe:00:99 120 120
3: FLOCK  ADVISORY  WRITE 702 fe:00:5 0 EOF
4: OFDLCK ADVISORY  WRITE -1 fe:00:16041685 0 0
5: POSIX  ADVISORY  WRITE 700 fe:00:16041685 123 123
`;

const numbered = (name: string) => {
  const [, device, inode] = /^(.+):(\d+)$/.exec(name) ?? [];
  return { device, inode };
};

Deno.test("whoever holds an exclusive lock on one of the files is found, once", () => {
  const pids = (...names: string[]) => lockingPids(locksFrom(TABLE), names.map(numbered));
  assert.deepEqual(pids("fe:00:16041685"), [700]);
  assert.deepEqual(pids("fe:00:5", "fe:00:16041685"), [702, 700]);
  assert.deepEqual(pids("fe:01:16041685", "fe:00:99"), []);
  assert.deepEqual(lockingPids(locksFrom(""), [numbered("fe:00:5")]), []);
});

Deno.test("a lock on the same inode of another disk is another file's", () => {
  const locks = locksFrom(`1: FLOCK  ADVISORY  WRITE 1 fe:00:5 0 EOF
2: FLOCK  ADVISORY  WRITE 2 fe:01:5 0 EOF
3: FLOCK  ADVISORY  WRITE 3 00:1a:5 0 EOF
`);
  const pids = (name: string) => locksOn(numbered(name), locks).map(({ pid }) => pid);
  assert.deepEqual(pids("fe:01:5"), [2]);
  assert.deepEqual(pids("fe:02:5"), []);
  assert.deepEqual(pids("00:1a:5"), [3]);
});

Deno.test("where stat(2) tells another device than the kernel's list, the inode decides", () => {
  // A file of a btrfs subvolume: 00:2c of stat(2) is in no line.
  const locks = locksFrom(`1: FLOCK  ADVISORY  WRITE 1 fe:00:5 0 EOF
2: FLOCK  ADVISORY  WRITE 2 00:1a:5 0 EOF
3: FLOCK  ADVISORY  WRITE 3 00:1a:6 0 EOF
`);
  assert.deepEqual(locksOn(numbered("00:2c:5"), locks).map(({ pid }) => pid), [2]);
});
