import assert from "node:assert/strict";
import { systemClock } from "../../../../src/host/system/clock.ts";
import {
  fileSystemType,
  freeBytes,
  isNetworkFileSystem,
  typeFrom,
} from "../../../../src/host/files/file_system.ts";
import { temporaryFolder } from "../../../support/folder.ts";

const MOUNTS = `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
24 22 0:21 / /proc rw,nosuid - proc proc rw
30 22 8:2 / /home rw,relatime shared:5 master:2 - xfs /dev/sda2 rw
31 30 0:44 / /home/ann rw,relatime - nfs4 server:/ann rw,vers=4.2
32 22 0:45 / /mnt/two\\040words\\134x rw - fuse.sshfs me@there:/ rw
33 22 0:46 / /srv rw - ext4 /dev/sdb1 rw
34 33 0:47 / /srv rw - tmpfs tmpfs rw
`;

Deno.test("a folder is on the deepest mount that holds it, and on the last one there", () => {
  const cases: [string, string][] = [
    ["/", "ext4"],
    ["/etc", "ext4"],
    ["/home", "xfs"],
    ["/home/ann", "nfs4"],
    ["/home/ann/project", "nfs4"],
    ["/home/annabel", "xfs"],
    ["/mnt/two words\\x/y", "fuse.sshfs"],
    ["/srv/data", "tmpfs"],
  ];
  for (const [folder, type] of cases) assert.equal(typeFrom(MOUNTS, folder), type, folder);
  assert.equal(typeFrom("", "/home"), undefined);
  assert.equal(typeFrom("no table at all", "/home"), undefined);
});

Deno.test("which file systems are on another machine", () => {
  for (const type of ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "fuse.rclone", "ceph"]) {
    assert(isNetworkFileSystem(type), type);
  }
  for (
    const type of ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "zfs", "fuse.gocryptfs", "nfsd"]
  ) {
    assert(!isNetworkFileSystem(type), type);
  }
});

Deno.test("the machine's own disks are told", async () => {
  using folder = temporaryFolder();
  const free = freeBytes(folder.path);
  assert(free !== undefined && free > 0);
  assert.equal(freeBytes(`${folder.path}/missing`), undefined);
  if (Deno.build.os !== "linux") return;
  assert.match(await fileSystemType(folder.path, systemClock) ?? "", /^[a-z0-9.]+$/);
  assert.equal(await fileSystemType("/proc/self", systemClock), "proc");
});
