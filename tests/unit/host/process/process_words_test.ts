import assert from "node:assert/strict";
import { processWords } from "../../../../src/host/process/process_words.ts";

Deno.test("a process is told with the ports that it holds, and nothing that it is called can do harm", () => {
  assert.equal(processWords({ pid: 12, command: "sleep 5", ports: [] }), "process 12: sleep 5");
  assert.equal(
    processWords({ pid: 12, command: "node\x1b[31m s.js", ports: [3000] }),
    "process 12 (port 3000): node\\x1b[31m s.js",
  );
  assert.equal(
    processWords({ pid: 12, command: "node", ports: [1, 2, 3, 4, 5, 6] }),
    "process 12 (ports 1, 2, 3, 4, 5): node",
  );
});
