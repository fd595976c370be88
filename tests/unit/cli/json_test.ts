/** What is published about `--json`. That commands print it, each test sees that runs one with it. */
import assert from "node:assert/strict";
import type { CommandContext } from "../../../src/cli/command_context.ts";
import { COMMANDS, program } from "../../../src/cli/program.ts";
import { commandJson } from "../../../src/terminal/json_text.ts";
import { PRINTED, schemaFile } from "../../../tools/json_schemas.ts";
import { makeHome } from "../../reliability/home.ts";
import { checkPrinted } from "../../support/printed_json.ts";

const SCHEMAS = new URL("../../../docs/schemas/", import.meta.url);

Deno.test("each command that takes --json has its form, and no other", async () => {
  const context = { output: { out: { width: () => 80 } } } as unknown as CommandContext;
  const tree = await program(context, () => {}, Object.keys(COMMANDS));
  const taking = tree.commands.filter(({ options }) =>
    options.some(({ long }) => long === "--json")
  )
    .map((command) => command.name());
  assert.deepEqual([...taking, "version", "error"].toSorted(), Object.keys(PRINTED).toSorted());
});

Deno.test("docs/schemas has the forms as they are", () => {
  const files = [...Deno.readDirSync(SCHEMAS)].map(({ name }) => name);
  assert.deepEqual(files.toSorted(), Object.keys(PRINTED).map((name) => `${name}.json`).toSorted());
  for (const name of Object.keys(PRINTED)) {
    const text = Deno.readTextFileSync(new URL(`${name}.json`, SCHEMAS));
    assert.equal(text, schemaFile(name), "renew it with `deno task docs`");
    assert(!text.includes("additionalProperties"), "fields may be added");
  }
});

Deno.test("the check of the tests sees what differs from a form", () => {
  const check = (value: object) =>
    checkPrinted(["new", "x", "--json"], { stdout: JSON.stringify(value), stderr: "" });
  const right = { schema: 1, task: "x", taskDir: "/p/tasks/x", prd: "/p/tasks/x/prd.md" };
  check(right);
  for (const wrong of [{ ...right, more: 1 }, { ...right, schema: 2 }, { ...right, prd: null }]) {
    assert.throws(() => check(wrong), { name: "AssertionError" });
  }
  const { prd: _, ...less } = right;
  assert.throws(() => check(less), { name: "AssertionError" });
});

Deno.test("each object says its form; money and durations are round", () => {
  assert.equal(commandJson([{ a: 1 }, {}]), '[{"schema":1,"a":1},{"schema":1}]');
  assert.equal(
    commandJson({ costUsd: 0.1 + 0.2, used: { derivedCostUsd: 1e-9 }, tookMs: 1.6, share: 0.25 }),
    '{"schema":1,"costUsd":0.3,"used":{"derivedCostUsd":0},"tookMs":2,"share":0.25}',
  );
});

Deno.test("each event has its time; without --verbose none is for a live view", async () => {
  await using home = await makeHome();
  const began = Date.now();
  const { stdout } = await home.ralph("run", "one", "--foreground", "--json");
  const events = stdout.trim().split("\n").map((line) => JSON.parse(line));
  const times = events.map(({ at }) => Date.parse(at));
  assert.deepEqual(times, times.toSorted((a, b) => a - b));
  assert(times[0] >= began && times.every((time) => time <= Date.now()));
  assert.deepEqual(events.filter(({ type }) => type === "writing" || type === "used"), []);
});

Deno.test("a run that begins nothing says so, as an event", async () => {
  await using home = await makeHome();
  await home.project.write("ralph.json", "{}");
  const { code, stdout } = await home.ralph("run", "one", "--json");
  assert.equal(code, 0);
  assert.equal(JSON.parse(stdout).type, "nothing_to_do");
});

Deno.test("doctor --list --json names the checks", async () => {
  await using home = await makeHome();
  const { stdout } = await home.ralph("doctor", "--list", "--json");
  const { checks } = JSON.parse(stdout);
  assert.deepEqual(checks.find(({ id }: { id: string }) => id === "project.git"), {
    id: "project.git",
    group: "project",
    title: "git is ready",
  });
});
