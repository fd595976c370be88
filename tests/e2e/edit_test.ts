/** `ralph edit`: the real program and a real server; only the model is scripted. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { textOf } from "../../src/host/files/read_file.ts";
import { tickingAgent } from "../support/agent.ts";
import { makeWorld } from "../reliability/processes.ts";
import { NEWEST } from "../support/install.ts";
import { startServer } from "../support/opencode_server.ts";
import { makeProject, type Project } from "../support/project.ts";
import { makeRalph, type Ralph } from "../support/ralph.ts";
import { call, hang, say, startModel } from "../support/scripted_model.ts";
import { until } from "../support/wait.ts";

const PRD = "tasks/two/prd.md";
const TWO = "# PRD\n\n### US-001: First\n\n- [ ] done\n\n### US-002: Second\n\n- [ ] done\n";
const bash = (command: string) => ({ name: "bash", input: { command, description: "Run it" } });

async function edit({ ralph, project }: { ralph: Ralph; project: Project }, editor: string) {
  const env = { EDITOR: editor };
  const { code, stdout, stderr } = await ralph(["edit", "two"], { cwd: project.root, env });
  return { code, stdout, stderr };
}

Deno.test("the PRD is checked, and nothing is handed over that is none", async () => {
  await using project = await makeProject({ files: { [PRD]: TWO } });
  await using ralph = await makeRalph();
  const here = { ralph, project };
  const prd = () => textOf(join(project.root, PRD));

  assert.match((await edit(here, "true")).stdout, /^`two`: nothing was changed$/m);
  const saved = await edit(here, "sed -i s/Second/Other/");
  assert.equal(saved.stdout, "`two`: US-002 changed; saved\n", saved.stderr);
  assert.match(prd() ?? "", /US-002: Other/);

  const before = prd();
  const broken = await edit(here, "sed -i s/US-002/US-001/");
  assert.notEqual(broken.code, 0);
  const kept = /(\S+\/ralph-edit-\S+\/prd\.md):\d+/.exec(broken.stderr)?.[1] ?? "";
  assert.match(broken.stderr, /US-001.*Nothing was handed over; what you wrote is kept there/);
  assert.match(textOf(kept) ?? "", /US-001: Other/);
  const failed = await edit(here, "false");
  assert.match(failed.stderr, /the editor `false` ended with exit code 1: nothing was handed over/);
  assert.equal(prd(), before);

  for (const mark of ["OPENCODE", "OPENCODE_TERMINAL"]) {
    const agents = await ralph(["edit", "two"], {
      cwd: project.root,
      env: { EDITOR: "sed -i s/First/Mine/", [mark]: "1" },
    });
    assert.match(agents.stderr, /is for a person, and this is an agent's shell/, mark);
    assert.equal(prd(), before);
  }
});

Deno.test("SIGTERM ends the editor too, and what was written is kept", async () => {
  await using project = await makeProject({ files: { [PRD]: TWO } });
  await using ralph = await makeRalph();
  const editor = join(ralph.home, "editor");
  const began = join(ralph.home, "began");
  const script = `#!/bin/sh\necho mine >> "$1"\necho $$ > ${began}\nexec sleep 30\n`;
  await Deno.writeTextFile(editor, script, { mode: 0o755 });
  const child = ralph.start(["edit", "two"], { cwd: project.root, env: { EDITOR: editor } });
  const pid = await until(() => textOf(began)?.trim(), { what: "the editor" });
  child.kill("SIGTERM");
  const { code, stderr } = await child.output();
  assert.equal(code, 143);
  const said = new TextDecoder().decode(stderr);
  assert.match(said, /was ended by SIGTERM: nothing was handed over/);
  assert.match(textOf(/: cat (\S+)$/m.exec(said)?.[1] ?? "") ?? "", /^mine$/m);
  await until(() => textOf(`/proc/${pid}/stat`) === undefined, { what: "the editor's end" });
});

Deno.test("who ticked a story in mid-turn stands with the claim", async () => {
  await using world = await makeWorld({ [PRD]: TWO, "ralph.json": '{"verify": [["true"]]}' });
  const { cli, ralph, project, fake, url } = world;
  fake.setScript(({ step }) =>
    step === 0 ? call(bash("touch begun; until test -e go; do sleep 0.1; done")) : say("half")
  );
  await cli("run", "two", "-n", "1", "--server", url);
  await until(() => textOf(join(project.root, "begun")) !== undefined, { what: "the shell" });
  const ticked = await edit({ ralph, project }, "sed -i '0,/- \\[ ]/s//- [x]/'");
  assert.match(ticked.stdout, /US-001 said to be done; handed over/, ticked.stderr);
  await project.write("go", "");
  await cli("wait", "two");
  assert.match((await cli("show", "two")).stdout, /US-001 holds: a person ticked it/);
  const { stdout: report } = await cli("report", "two", "-o", "-");
  assert.match(report, /US-001 <[^>]*>holds<\/[^>]*>: a person ticked it/);
});

Deno.test("what others changed while the editor was open stays, and a conflict is told", async () => {
  await using project = await makeProject({ files: { [PRD]: TWO } });
  await using ralph = await makeRalph();
  const here = { ralph, project };
  const place = join(project.root, PRD);
  const script = join(ralph.home, "editor");
  const editor = async (theirs: string) => {
    await Deno.writeTextFile(
      script,
      `#!/bin/sh\nsed -i s/Second/Mine/ "$1"\n${theirs} '${place}'\n`,
    );
    await Deno.chmod(script, 0o755);
    return await edit(here, script);
  };
  assert.equal((await editor("sed -i s/First/Theirs/")).code, 0);
  assert.match(textOf(place) ?? "", /US-001: Theirs[^]*US-002: Mine/);

  await Deno.writeTextFile(place, TWO);
  const conflict = await editor("sed -i s/Second/Theirs/");
  assert.equal(conflict.code, 5);
  assert.match(
    conflict.stderr,
    /US-002 was changed there, too; what you wrote is kept as \/.*prd\.md/,
  );
  assert.match(conflict.stderr, /hint: see what differs: diff /);
  assert.match(textOf(place) ?? "", /US-002: Theirs/);
});

Deno.test("in mid-turn: a person's while the agent's shell runs, and the agent is told", async () => {
  await using model = await startModel(() => hang());
  await using server = await startServer({ version: NEWEST, model });
  await using project = await makeProject({ files: { [PRD]: TWO } });
  await using ralph = await makeRalph();
  const here = { ralph, project };
  let told = "";
  let turns = 0;
  model.setScript((request) => {
    if (request.prompt.includes("I have edited the PRD")) {
      told ||= request.prompt;
      // It writes its own copy back, as an agent that has the whole file in mind.
      const whole = TWO.replace("- [ ]", "- [x]");
      return request.step === 0
        ? call(bash(`printf %s '${whole}' > ${PRD}; echo one > one.txt`))
        : say("done");
    }
    if (request.step === 0) turns++;
    if (turns > 1) return tickingAgent()(request);
    return request.step === 0 ? call(bash(`touch begun; sleep 8 # ${PRD}`)) : say("half");
  });
  const run = await ralph(["run", "two", "-n", "5", "--server", server.url], { cwd: project.root });
  assert.equal(run.code, 0, run.stderr);
  await until(() => textOf(join(project.root, "begun")) !== undefined, { what: "the shell" });

  const edited = await edit(here, "sed -i s/Second/Changed/");
  assert.match(
    edited.stdout,
    /US-002 changed; handed over, and the turn at work \(iteration 1\) is/,
  );
  const wait = await ralph(["wait", "two"], { cwd: project.root });
  assert.equal(wait.code, 0, wait.stdout);
  assert.match(told, /I have edited the PRD: US-002 changed\. Read it again/);
  assert.match(textOf(join(project.root, PRD)) ?? "", /US-002: Changed/);
  const history = await ralph(["history", "two"], { cwd: project.root });
  assert.match(history.stdout, /1: a person said to the turn at work: I have edited the PRD/);
});
