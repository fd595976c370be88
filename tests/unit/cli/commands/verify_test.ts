import assert from "node:assert/strict";
import { makeHome } from "../../../reliability/home.ts";

const GATES = {
  verify: [
    { shell: "seq 1 9", name: "fine" },
    { shell: "echo 'FAIL a_test'; exit 3", name: "tests" },
  ],
};

Deno.test("verify runs the gates as they are now, shows what they print, and changes nothing", async () => {
  await using home = await makeHome();
  const { project } = home;
  await project.write("ralph.json", JSON.stringify(GATES));
  const before = await project.git("status", "--porcelain");
  const { code, stdout } = await home.ralph("verify", "one");
  assert.equal(code, 1);
  const lines = stdout.replaceAll(/\([\d.]+m?s\)/g, "(time)").split("\n");
  assert.deepEqual(lines, [
    "  ✓ gate fine (time)",
    "      7",
    "      8",
    "      9",
    "  ✗ gate tests: exit code 3 (time)",
    "      FAIL a_test",
    "",
  ]);
  assert.equal(await project.git("status", "--porcelain"), before);

  await project.write("ralph.json", JSON.stringify({ verify: [GATES.verify[0]] }));
  assert.equal((await home.ralph("verify")).code, 0, "of all tasks here");
  await project.write("ralph.json", JSON.stringify({ verify: [["no-such-program"]] }));
  const { code: red, stdout: json } = await home.ralph("verify", "one", "--json");
  const [{ durationMs, ...gate }] = JSON.parse(json);
  assert.equal(red, 1);
  assert.equal(typeof durationMs, "number");
  assert.deepEqual(gate, {
    schema: 1,
    flaky: false,
    name: "no-such-program",
    passed: false,
    why: "there is no program `no-such-program` on PATH",
    lacks: ["there is no program `no-such-program` on PATH"],
    output: "",
  });
});

Deno.test("verify without gates says so", async () => {
  await using home = await makeHome();
  await home.project.write("ralph.json", "{}");
  const { code, stderr } = await home.ralph("verify", "one");
  assert.equal(code, 2);
  assert.match(stderr, /no gates are configured/);
});

Deno.test("a list that is a line for the shell is told as one, with the spelling that fits", async () => {
  await using home = await makeHome();
  const found = async (gate: readonly string[]) => {
    await home.project.write("ralph.json", JSON.stringify({ verify: [gate] }));
    const { stdout } = await home.ralph("doctor", "project.gates");
    return stdout;
  };
  for (const line of ["cd x && npm test", "cd app/web && npm test", "git status --short"]) {
    const said = await found([line]);
    assert(said.includes(`there is no \`${line}\``), said);
    assert(said.includes(`"verify": ["${line}"]`), said);
  }
  assert.match(await found(["git", "status", "&&", "true"]), /whose words no shell reads/);
  for (const gate of [["sh", "-c", "a && b"], ["/opt/my tools/x", "y"], ["git", "-d", "|"]]) {
    assert.match(await found(gate), /1 gate/, gate.join(" "));
  }
});
