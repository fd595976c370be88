import assert from "node:assert/strict";
import { loginsIn } from "../../../src/cli/doctor_probes/machine.ts";

Deno.test("the other people who have a login", () => {
  const passwd = [
    "root:x:0:0:root:/root:/bin/bash",
    "postgres:x:110:110::/var/lib/postgresql:/bin/bash",
    "ann:x:1000:1000::/home/ann:/bin/bash",
    "bob:x:1001:1001::/home/bob:/usr/bin/zsh",
    "svc:x:1002:1002::/srv:/usr/sbin/nologin",
    "old:x:1003:1003::/home/old:/bin/false",
    "eve:x:200001:200001::/home/eve:",
    "nobody:x:65534:65534:nobody:/nonexistent:/bin/sh",
    "",
  ].join("\n");
  assert.deepEqual(loginsIn(passwd, 1000), ["bob", "eve"]);
  assert.deepEqual(loginsIn(passwd, 0), ["ann", "bob", "eve"]);
  assert.deepEqual(loginsIn("", 1000), []);
});
