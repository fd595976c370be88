/** `ralph init`. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { makeHome } from "../../../reliability/home.ts";

Deno.test("init writes the project's checks as gates, names its tasks, and looks at the project", async () => {
  await using home = await makeHome();
  const { project } = home;
  await Deno.remove(join(project.root, "ralph.json"));
  await project.write("deno.json", '{"tasks": {"check": "x", "test": "y"}}');

  const asked = await home.ralph("init");
  assert.equal(asked.code, 2);
  assert.match(asked.stderr, /^hint: say so beforehand: ralph init --yes$/m);
  await assert.rejects(() => project.read("ralph.json"), Deno.errors.NotFound);

  const { stdout } = await home.ralph("init", "--yes");
  assert.equal(
    await project.read("ralph.json"),
    '{\n  "verify": [\n    ["deno", "task", "check"],\n    ["deno", "task", "test"]\n  ]\n}\n',
  );
  assert.match(stdout, /^ {2}deno task check\n {2}deno task test\nwritten: .*\/ralph\.json$/m);
  assert.match(stdout, /^one +1\/1 /m);
  assert.match(stdout, /^\d+ checks fine\. `ralph doctor -v` shows them all\.$/m);

  assert.match(stdout, /^The server and the model were not looked at: ralph doctor$/m);

  await project.write("ralph.json", "{}");
  assert.match(
    (await home.ralph("init", "--yes")).stdout,
    /^ralph\.json is there, and stays as it is/,
  );
  assert.equal(await project.read("ralph.json"), "{}");
});

Deno.test("init where no checks are known, no tasks, or no repository are", async () => {
  await using home = await makeHome();
  const { root } = home.project;
  await Deno.remove(join(root, "ralph.json"));
  await Deno.remove(join(root, "tasks"), { recursive: true });
  const { stdout } = await home.ralph("init", "--yes");
  assert.match(stdout, /^No checks of this project are known\./);
  assert.match(stdout, /^No tasks yet\. Begin one: ralph new my-feature$/m);
  await Deno.remove(join(root, ".git"), { recursive: true });
  const outside = await home.ralph("init");
  assert.equal(outside.code, 4);
  assert.match(outside.stderr, /is not in a git repository\n\nhint: .*: git init$/m);
});
