/** Commands that ralph prints lead to this ralph, also where `ralph` on PATH is another program. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { makeProject } from "../support/project.ts";
import { makeRalph, RALPH } from "../support/ralph.ts";

const PRD = "# PRD\n\n### US-001: Only\n\n- [ ] it is done\n";

Deno.test({
  name: "the hints of the binary have its path where `ralph` alone leads elsewhere",
  ignore: RALPH.length > 1,
  async fn() {
    await using ralph = await makeRalph();
    await using project = await makeProject({ files: { "tasks/one/prd.md": PRD } });
    const bin = join(ralph.home, "bin");
    await Deno.mkdir(bin);
    const path = Deno.env.get("PATH");
    const said = async (args: readonly string[], first: string) => {
      const env = { PATH: `${first}:${path}` };
      const { stdout, stderr } = await ralph(args, { cwd: project.root, env });
      return stdout + stderr;
    };
    const check = async (name: string) => {
      assert((await said([], bin)).includes(`\n  ${name} run one `));
      const begun = await said(["init", "--yes"], bin);
      assert(begun.includes(`\`${name} doctor -v\` shows them all`), begun);
      assert(begun.includes(`looked at: ${name} doctor\n`), begun);
      assert((await said(["stop", "--no"], bin)).includes(`: ${name} stop --help\n`));
      const { error } = JSON.parse(await said(["status", "--no", "--json"], bin));
      assert.equal(error.hints.at(-1).command, `${name} status --help`);
    };
    await Deno.symlink(RALPH[0], join(bin, "ralph"));
    await check("ralph");
    await Deno.remove(join(bin, "ralph"));
    await Deno.writeTextFile(join(bin, "ralph"), "#!/bin/sh\n", { mode: 0o755 });
    await check(RALPH[0]);
  },
});
