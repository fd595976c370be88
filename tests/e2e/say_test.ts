/** `ralph say`: the real program and a real server; only the model is scripted. */
import assert from "node:assert/strict";
import { assignment, inRounds, tickingAgent } from "../support/agent.ts";
import { NEWEST, TESTED } from "../support/install.ts";
import { startServer } from "../support/opencode_server.ts";
import { makeWorld } from "../reliability/processes.ts";
import { makeProject } from "../support/project.ts";
import { makeRalph } from "../support/ralph.ts";
import { call, hang, type ModelRequest, say, startModel } from "../support/scripted_model.ts";
import { until } from "../support/wait.ts";
import { ONE_STORY, statusOf } from "./one_story.ts";

const WORDS = "the key is in .env.staging";
const bash = (command: string) => ({ name: "bash", input: { command, description: "Run it" } });

/** `ralph` in a project of one story, on a server of this version. */
async function world(version: typeof TESTED[number]) {
  await using stack = new AsyncDisposableStack();
  const model = stack.use(await startModel(() => hang()));
  const server = stack.use(await startServer({ version, model }));
  const project = stack.use(await makeProject({ files: { "tasks/one/prd.md": ONE_STORY } }));
  const ralph = stack.use(await makeRalph());
  const owned = stack.move();
  return {
    model,
    server,
    project,
    ralph,
    async type(...args: string[]): Promise<string> {
      const { code, stdout, stderr } = await ralph(args, { cwd: project.root });
      assert.equal(code, 0, `${args.join(" ")}: ${stdout}${stderr}`);
      return stdout;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

for (const version of TESTED) {
  Deno.test(`a turn at work is told, and the next prompt says nothing of it, OpenCode ${version}`, async () => {
    await using here = await world(version);
    const { model, server, type } = here;
    const prompts: string[] = [];
    let told: ModelRequest | undefined;
    model.setScript((request) => {
      if (request.prompt.includes(WORDS)) {
        told = request;
        return say("I use that key.");
      }
      if (request.step === 0) prompts.push(request.prompt);
      if (prompts.length > 1) return tickingAgent()(request);
      return inRounds(request, [() => [bash("sleep 4")], () => [bash("true")]], () => "half done");
    });
    await type("run", "one", "--server", server.url);
    await until(() => model.requests.length > 0, { what: "the turn" });
    assert.match(
      await type("say", "one", ...WORDS.split(" ")),
      /handed to the turn at work \(itera/,
    );
    await type("wait", "one");

    assert(told, "the agent was told");
    assert.match(told.prompt, /A person says, while you work/);
    assert.equal(prompts.length, 2);
    assert.doesNotMatch(prompts[1], /key is in/);
    const { words } = JSON.parse(await type("status", "one", "--json"));
    assert.deepEqual([words[0].text, words[0].told.iteration, words[0].told.how], [
      WORDS,
      1,
      "turn",
    ]);
    assert.match(
      await type("history", "one"),
      /^ {2}1: a person said to the turn at work: the key/m,
    );
    assert.match(await type("logs", "one"), /a person says to the turn at work: the key is in/);
  });
}

Deno.test("with --next it is the next prompt, and without a session the first one", async () => {
  await using here = await world(NEWEST);
  const { model, server, type } = here;
  const prompts: string[] = [];
  model.setScript((request) => {
    if (request.step === 0) prompts.push(request.prompt);
    if (prompts.length > 1) return tickingAgent()(request);
    return request.step === 0 ? call(bash("sleep 3")) : say("half done");
  });
  assert.match(await type("say", "one", "first of all"), /first prompt of `ralph run one`$/m);
  assert.match(
    await type("run", "one", "--print-prompt"),
    /# What a person says\n\n.*first of all/,
  );
  await type("run", "one", "--server", server.url);
  await until(() => model.requests.length > 0, { what: "the turn" });
  assert.match(await type("say", "one", "--next", "later"), /told with its next prompt/);
  assert.match(await type("status", "one"), /said: .*waits for the next prompt: later/);
  await type("wait", "one");
  assert.match(prompts[0], /# What a person says\n\n.*UTC: first of all\n/);
  assert.match(prompts[1], /# What a person says\n\n.*UTC: later\n/);
  assert.doesNotMatch(prompts[1], /first of all/);
});

Deno.test("an agent that needs a person goes on where that person has spoken meanwhile", async () => {
  await using here = await world(NEWEST);
  const { model, server, type } = here;
  const prompts: string[] = [];
  model.setScript((request) => {
    if (request.step === 0) prompts.push(request.prompt);
    if (prompts.length > 1) return tickingAgent()(request);
    return request.step === 0 ? call(bash("sleep 3")) : say("<blocked>the key</blocked>");
  });
  await type("run", "one", "--server", server.url);
  await until(() => model.requests.length > 0, { what: "the turn" });
  await type("say", "one", "--next", WORDS);
  assert.match(await type("wait", "one"), /completed/);
  assert.match(prompts[1], new RegExp(WORDS));
});

Deno.test("a worker that is killed in between: told once, and followed to the answer", async () => {
  await using here = await world(NEWEST);
  const { model, server, type, project, ralph } = here;
  let told = 0;
  const go = Promise.withResolvers<void>();
  model.setScript(async (request) => {
    if (!request.prompt.includes(WORDS)) {
      const { story } = assignment(request.prompt);
      return request.step === 0 ? call(bash(`echo ${story}; sleep 3`)) : say("the old key");
    }
    told++;
    await go.promise;
    return request.step === 0
      ? call(bash(`sed -i 's/\\[ \\]/[x]/' tasks/one/prd.md; echo a > a`))
      : say("ok");
  });
  await type("run", "one", "--server", server.url);
  await until(() => model.requests.length > 0, { what: "the turn" });
  await type("say", "one", WORDS);
  await until(() => told > 0, { what: "the agent to be told" });
  const [{ workerPid }] = await statusOf(ralph, project.root);
  Deno.kill(workerPid ?? 0, "SIGKILL");
  await until(async () => (await statusOf(ralph, project.root))[0].status === "failed", {
    what: "its end",
  });
  go.resolve();
  assert.match(await type("run", "one", "--server", server.url), /continues session 1/);
  assert.match(await type("wait", "one"), /completed/);
  const { words, iteration } = JSON.parse(await type("status", "one", "--json"));
  assert.deepEqual([iteration, words.length, words[0].told.how], [1, 1, "turn"]);
});

Deno.test("a turn that is stopped had the words in vain: the next one has them again", async () => {
  await using here = await world(NEWEST);
  const { model, server, type } = here;
  await type("say", "one", WORDS);
  await type("run", "one", "--server", server.url);
  await until(() => model.requests.length > 0, { what: "the turn" });
  await type("stop", "one");
  assert.match(await type("status", "one"), /waits for the next prompt: the key/);
  model.setScript(tickingAgent());
  await type("run", "one", "--foreground", "--server", server.url);
  assert.match(model.requests.at(-1)?.prompt ?? "", new RegExp(WORDS));
});

Deno.test("what cannot be said", async () => {
  await using project = await makeProject({ files: { "tasks/one/prd.md": ONE_STORY } });
  await using ralph = await makeRalph();
  const refused = async (text: string) => {
    const { code, stderr } = await ralph(["say", "one", text], { cwd: project.root });
    return `${code} ${stderr}`;
  };
  assert.match(await refused("  "), /^2 error: there are no words to say/);
  assert.match(
    await refused("x".repeat(4_001)),
    /^2 error: what is said has 4,001 characters, and may have 4,000$/m,
  );
  for (let i = 0; i < 3; i++) assert.match(await refused("x".repeat(4_000)), /^0/);
  assert.match(
    await refused("x"),
    /^5 error: cannot take more words: those that wait for the next prompt have 12,000 characters/,
  );
});

Deno.test("words for a turn that a dead worker has left promise no more than is known", async () => {
  await using world = await makeWorld();
  await world.run("one");
  await world.modelCalls(1);
  const { workerPid } = await world.row("one");
  Deno.kill(workerPid, "SIGKILL");
  await until(async () => (await world.row("one")).status === "failed", { what: "the end" });
  const { stdout } = await world.cli("say", "one", "mind the tests");
  assert.match(
    stdout,
    /its worker is gone\. If the turn that it left is still at work when `ralph /,
  );
  const next = await world.cli("say", "one", "--next", "and the docs");
  assert.match(next.stdout, /told with the first prompt of `ralph run one`/);
});
