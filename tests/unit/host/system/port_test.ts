import assert from "node:assert/strict";
import { NO_SECOND_USER, startOtherUsersServer } from "../../../support/other_user.ts";
import { systemClock } from "../../../../src/host/system/clock.ts";
import {
  controlGroupFrom,
  isForeign,
  listenersOn,
  listeningSockets,
  userUnitOf,
  whoAnswers,
} from "../../../../src/host/system/port.ts";

const HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid" +
  "  timeout inode";
const line = (local: string, remote: string, state: string, uid = 1000, inode = 4242) =>
  `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000  ${uid}` +
  `        0 ${inode} 1 0000000000000000 100 0 0 10 0`;
const NOBODY = "00000000:0000";
const NOBODY6 = `${"0".repeat(32)}:0000`;

Deno.test("who listens is read from the kernel's tables, by port and state", () => {
  const table = [
    HEAD,
    line("0100007F:3710", NOBODY, "0A", 1000, 11),
    line("0100007F:3711", NOBODY, "0A", 1000, 12),
    // a connection from, and one to, that port
    line("0100007F:3710", "0100007F:C350", "01", 1000, 13),
    line("0100007F:C350", "0100007F:3710", "01", 1000, 14),
    HEAD,
    line(`00000000000000000000000001000000:3710`, NOBODY6, "0A", 0, 15),
    "",
  ].join("\n");
  assert.deepEqual(listeningSockets(table, 14096), [
    { address: "127.0.0.1", uid: 1000, inode: "11" },
    { address: "::1", uid: 0, inode: "15" },
  ]);
  assert.deepEqual(listeningSockets(table, 80), []);
  assert.deepEqual(listeningSockets("", 14096), []);
});

Deno.test("addresses as people write them", () => {
  const cases: [string, string][] = [
    ["00000000", "0.0.0.0"],
    ["0101A8C0", "192.168.1.1"],
    ["00000000000000000000000000000000", "::"],
    ["00000000000000000000000001000000", "::1"],
    // an IPv4 address, listened on through IPv6: still loopback
    ["0000000000000000FFFF00000100007F", "127.0.0.1"],
    ["B80D0120000000000000000001000000", "2001:db8:0:0:0:0:0:1"],
  ];
  for (const [hex, address] of cases) {
    const [found] = listeningSockets(line(`${hex}:3710`, NOBODY, "0A"), 14096);
    assert.equal(found.address, address, hex);
  }
});

Deno.test("who may answer at an address, and is somebody else", () => {
  const [me, other, root] = [1000, 1001, 0];
  const cases: [string, string, number, boolean][] = [
    ["http://127.0.0.1:14096", "127.0.0.1", other, true],
    ["http://127.0.0.1:14096", "0.0.0.0", other, true],
    ["http://127.0.0.1:14096", "::", other, true],
    ["http://127.0.0.1:14096", "::1", other, false],
    ["http://127.0.0.1:14096", "192.168.1.1", other, false],
    ["http://[::1]:14096", "::1", other, true],
    ["http://[::1]:14096", "::", other, true],
    ["http://[::1]:14096", "127.0.0.1", other, false],
    ["http://localhost:14096", "127.0.0.1", other, true],
    ["http://localhost:14096", "::1", other, true],
    ["http://127.0.0.1:14096", "127.0.0.1", me, false],
    ["http://127.0.0.1:14096", "127.0.0.1", root, false],
  ];
  for (const [url, address, uid, expected] of cases) {
    assert.equal(
      isForeign({ address, uid }, { url, uid: me }),
      expected,
      `${url} ${address} ${uid}`,
    );
  }
});

Deno.test("the control group is systemd's, also among those of older kernels", () => {
  const group = "/user.slice/user-1000.slice/user@1000.service/app.slice/opencode.service";
  const cases: [string, string | undefined][] = [
    [`0::${group}`, group],
    [
      `13:memory:/user.slice\n5:cpu,cpuacct:/user.slice\n1:name=systemd:${group}\n0::${group}`,
      group,
    ],
    [`4:cpu:/\n1:name=systemd:${group}`, group],
    // Of two trees, systemd uses the second.
    [`4:cpu:/\n1:name=systemd:/\n0::${group}`, group],
    ["1:name=systemd:/\n0::/", "/"],
    ["4:cpu:/user.slice", undefined],
    ["", undefined],
  ];
  for (const [text, expected] of cases) assert.equal(controlGroupFrom(text), expected, text);
});

const hasIPv6 = (() => {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return true;
  } catch {
    return false;
  }
})();
const onLinux = { ignore: Deno.build.os !== "linux" };

Deno.test("a listener of this process is found, with its program", onLinux, async () => {
  for (const hostname of ["127.0.0.1", "0.0.0.0", ...(hasIPv6 ? ["::1", "::"] : [])]) {
    using listener = Deno.listen({ hostname, port: 0 });
    const found = await listenersOn(listener.addr.port, systemClock);
    assert.equal(found?.length, 1, hostname);
    const [{ address, pid, uid, command }] = found;
    assert.deepEqual({ address, pid, uid }, { address: hostname, pid: Deno.pid, uid: Deno.uid() });
    assert.match(command ?? "", /\bdeno\b.* test /);
    assert(!command?.includes("\0"));
  }
});

Deno.test(
  "two listeners on one port are both found, and none after their end",
  onLinux,
  async () => {
    let port: number;
    {
      using first = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      port = first.addr.port;
      using _second = Deno.listen({ hostname: "127.0.0.2", port });
      const found = await listenersOn(port, systemClock);
      assert.deepEqual(found?.map(({ address }) => address).sort(), ["127.0.0.1", "127.0.0.2"]);
    }
    assert.deepEqual(await listenersOn(port, systemClock), []);
  },
);

Deno.test("whose a server is: one's own, another user's, nobody's", onLinux, async (t) => {
  await t.step("one's own, and nobody's once it is gone", async () => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const url = `http://127.0.0.1:${listener.addr.port}`;
    assert.deepEqual(await whoAnswers(url, systemClock), { who: "own" });
    listener.close();
    assert.deepEqual(await whoAnswers(url, systemClock), { who: "nobody" });
  });
  await t.step({
    name: "another user's" + (NO_SECOND_USER ? ` (left out: ${NO_SECOND_USER})` : ""),
    ignore: NO_SECOND_USER !== undefined,
    async fn() {
      await using server = await startOtherUsersServer();
      const answerer = await whoAnswers(server.url, systemClock);
      assert(answerer.who === "foreign");
      assert.equal(answerer.listener.uid, server.uid);
      const byName = await whoAnswers(server.url.replace("127.0.0.1", "localhost"), systemClock);
      assert.equal(byName.who, "foreign");
    },
  });
});

Deno.test("the unit of a user's systemd is named by the control group, the system's own is not", () => {
  const user = "/user.slice/user-1000.slice/user@1000.service";
  const table: Readonly<Record<string, string | undefined>> = {
    [`${user}/app.slice/opencode.service`]: "opencode.service",
    [`${user}/app.slice/my-opencode@2.service/payload`]: "my-opencode@2.service",
    [`${user}/opencode.service`]: "opencode.service",
    [`${user}/app.slice/run-u12.scope`]: undefined,
    "/system.slice/opencode.service": undefined,
    "/user.slice/user-1000.slice/session-3.scope": undefined,
    "": undefined,
  };
  for (const [group, unit] of Object.entries(table)) assert.equal(userUnitOf(group), unit, group);
});
