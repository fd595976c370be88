import assert from "node:assert/strict";
import picocolors from "picocolors";
import { hasFailed, MARKS, reportJson, reportLines } from "../../../src/doctor/report.ts";
import type { Result } from "../../../src/doctor/run_checks.ts";

const colors = picocolors.createColors(false);
const look = { marks: MARKS.words, colors, columns: Infinity };

const fine: Result = {
  id: "host.git",
  group: "Host",
  title: "git",
  level: "ok",
  found: "2.39.5 (/usr/bin/git)",
  ms: 12.4,
};
const warning: Result = {
  id: "host.space",
  group: "Host",
  title: "room on the disk",
  level: "warn",
  found: "1.9 GB free at /home/ann",
  because: "a night of work may fill it",
  remedy: [{ text: "tidy up" }],
  ms: 0.6,
};
const failure: Result = {
  id: "server.answers",
  group: "Server",
  title: "server answers",
  level: "fail",
  found: "connection refused",
  because: "the loop works through this server",
  remedy: [
    { text: "start it", command: "systemctl --user start opencode" },
    { text: "see what it said", command: "journalctl --user -u opencode" },
  ],
  ms: 3,
};
const skipped: Result = {
  id: "server.model",
  group: "Server",
  title: "model",
  level: "skip",
  because: "needs “server answers”",
  ms: 0,
};

Deno.test("the report: groups, a line for each check, what mends it, and the verdict", () => {
  assert.deepEqual(reportLines([fine, warning, failure, skipped], look, "all"), [
    "Host",
    "  ok   git                        2.39.5 (/usr/bin/git)",
    "  warn room on the disk           1.9 GB free at /home/ann",
    "      a night of work may fill it",
    "      → tidy up",
    "Server",
    "  FAIL server answers             connection refused",
    "      the loop works through this server",
    "      # start it",
    "      $ systemctl --user start opencode",
    "      # see what it said",
    "      $ journalctl --user -u opencode",
    "  skip model                      skipped: needs “server answers”",
    "",
    "1 check fine, 1 failure, 1 warning, 1 skipped.",
  ]);
});

Deno.test("the report with symbols, and with ids and times", () => {
  assert.deepEqual(reportLines([fine, skipped], { ...look, marks: MARKS.symbols }, "times"), [
    "Host",
    "  ✓ git                        2.39.5 (/usr/bin/git) (host.git, 12 ms)",
    "Server",
    "  – model                      skipped: needs “server answers” (server.model, 0 ms)",
    "",
    "1 check fine, 1 skipped.",
    "times are without waiting",
  ]);
});

Deno.test("checks that wait for others are one line of their group, but with ids and times", () => {
  const second = { ...skipped, id: "server.events", title: "events arrive" };
  assert.deepEqual(reportLines([failure, skipped, second], look, "all").slice(-3), [
    "  skip 2 checks wait              model, events arrive",
    "",
    "0 checks fine, 1 failure, 2 skipped.",
  ]);
  assert.equal(reportLines([skipped, second], look, "times").length, 6);
});

Deno.test("what is wrong is shown, and what is well is counted", () => {
  assert.deepEqual(reportLines([fine, warning, skipped], look), [
    "Host",
    "  warn room on the disk           1.9 GB free at /home/ann",
    "      a night of work may fill it",
    "      → tidy up",
    "",
    "1 check fine, 1 warning, 1 skipped. `ralph doctor -v` shows them all.",
  ]);
  assert.deepEqual(reportLines([fine], look), [
    "All is well: 1 check. `ralph doctor -v` shows them all.",
  ]);
});

Deno.test("a narrow terminal gets shorter lines, and commands as they are", () => {
  const { text, command } = {
    text: "keep it running, now and after each boot of this machine",
    command: "systemctl --user enable --now opencode.service && ralph doctor server.answers",
  };
  const long: Result = {
    ...failure,
    found: "connection refused at 127.0.0.1:4096",
    remedy: [{ text, command }],
  };
  assert.deepEqual(reportLines([long], { ...look, columns: 50 }), [
    "Server",
    "  FAIL server answers",
    "      connection refused at 127.0.0.1:4096",
    "      the loop works through this server",
    "      # keep it running, now and after each boot",
    "      of this machine",
    `      $ ${command}`,
    "",
    "0 checks fine, 1 failure.",
  ]);
});

Deno.test("the last line counts what there is, and nothing else", () => {
  const verdict = (...results: Result[]) => reportLines(results, look, "all").at(-1);
  assert.equal(verdict(fine, fine), "All is well: 2 checks.");
  const part = reportLines([fine, fine], { ...look, isPart: true }, "all").at(-1);
  assert.equal(part, "2 checks fine.", "of the others nothing is known");
  assert.equal(verdict(fine, warning, warning), "1 check fine, 2 warnings.");
  assert.equal(verdict(failure), "0 checks fine, 1 failure.");
  assert.equal(verdict(), "0 checks fine.");
});

Deno.test("colours go round the words of a level, and not into the columns", () => {
  const painted = reportLines([fine, failure], {
    ...look,
    colors: {
      green: (text) => `<g>${text}</g>`,
      yellow: (text) => `<y>${text}</y>`,
      red: (text) => `<r>${text}</r>`,
      dim: (text) => `<d>${text}</d>`,
      bold: (text) => `<b>${text}</b>`,
    },
  }, "all");
  assert.equal(painted[1], "  <g>ok  </g> git                        2.39.5 (/usr/bin/git)");
  assert.equal(painted[3], "  <r>FAIL</r> server answers             connection refused");
  assert.equal(painted[6], "      $ <b>systemctl --user start opencode</b>");
});

Deno.test("foreign text cannot write to the terminal, nor begin a line", () => {
  const hostile = "a\x1b[2J\n$ rm -rf ~\x9b\u202e";
  const lines = reportLines(
    [
      { ...fine, found: hostile },
      { ...failure, found: hostile, because: hostile },
      { ...skipped, because: hostile },
    ],
    look,
    "all",
  );
  assert.equal(lines.filter((line) => line.includes("rm -rf")).length, 4);
  for (const line of lines) assert.doesNotMatch(line, /[\p{Cc}\p{Cf}]|^\$/u);
});

Deno.test("the report as JSON", () => {
  assert.equal(
    reportJson([failure, skipped, { ...fine, found: "a\x1b" }]),
    `{
  "schema": 1,
  "ok": false,
  "checks": [
    {
      "id": "server.answers",
      "group": "server",
      "title": "server answers",
      "level": "fail",
      "found": "connection refused",
      "because": "the loop works through this server",
      "remedy": [
        {
          "text": "start it",
          "command": "systemctl --user start opencode"
        },
        {
          "text": "see what it said",
          "command": "journalctl --user -u opencode"
        }
      ],
      "ms": 3
    },
    {
      "id": "server.model",
      "group": "server",
      "title": "model",
      "level": "skip",
      "found": null,
      "because": "needs “server answers”",
      "remedy": [],
      "ms": 0
    },
    {
      "id": "host.git",
      "group": "host",
      "title": "git",
      "level": "ok",
      "found": "a\\u001b",
      "because": null,
      "remedy": [],
      "ms": 12
    }
  ]
}`,
  );
});

Deno.test("a failure fails, a warning only when it is asked for, a skip never", () => {
  const cases: [Result, boolean, boolean][] = [
    [fine, false, false],
    [skipped, false, false],
    [warning, false, true],
    [failure, true, true],
  ];
  for (const [result, lenient, strict] of cases) {
    assert.equal(hasFailed([fine, result], { strict: false }), lenient, result.level);
    assert.equal(hasFailed([fine, result], { strict: true }), strict, result.level);
    assert.equal(JSON.parse(reportJson([fine, result])).ok, !lenient, result.level);
  }
});
