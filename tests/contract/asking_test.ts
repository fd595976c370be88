/** Nothing that an agent or its sub-agents ask may wait, and nobody else's question is answered. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { makeProject } from "../support/project.ts";
import { startProxy } from "../support/recording_proxy.ts";
import { call, type ModelRequest, type Reply, say } from "../support/scripted_model.ts";
import { until } from "../support/wait.ts";
import { onEachVersion } from "./world.ts";

const same = { name: "bash", input: { command: "echo same", description: "Same" } };
const question = {
  name: "question",
  input: {
    questions: [{
      question: "Which of the two?",
      header: "Choice",
      options: [{ label: "A", description: "a" }, { label: "B", description: "b" }],
    }],
  },
};
const subagent = {
  name: "task",
  input: { description: "sub job", prompt: "look outside", subagent_type: "general" },
};

/** An agent that hands `work` to a sub-agent. */
const delegate = (work: Reply) => ({ isSubagent, step }: ModelRequest): Reply => {
  if (step > 0) return say(isSubagent ? "child done" : "parent done");
  return isSubagent ? work : call(subagent);
};

onEachVersion("asking", async (t, world) => {
  const { model, client, version } = world;

  await t.step("a sub-agent may leave the project, and is counted", async () => {
    model.setScript(delegate(call({ name: "read", input: { filePath: "/etc/passwd" } })));
    const { end, answers, usage, sessionId, events } = await world.turn();
    assert.equal(end.kind === "finished" && end.text, "parent done");
    assert.deepEqual(
      answers.map(({ kind, asked, reply }) => ({ kind, asked, reply })),
      [{ kind: "permission", asked: "external_directory /etc/*", reply: "once" }],
    );
    const [child] = await client.children(sessionId);
    assert.equal(answers[0]?.sessionId, child?.id);
    assert.equal(usage.modelCalls, 4);
    assert.equal(usage.inputTokens, 4 * 800);
    assert.equal(usage.complete, true);
    assert.ok(events.some((event) => event.type === "text" && event.sessionId === child?.id));
    assert.deepEqual(await client.permissions(), []);
  });

  await t.step("what the user's own rules deny stays denied, to sub-agents too", async () => {
    await using ruled = await makeProject({
      files: {
        "opencode.json": JSON.stringify({
          permission: {
            bash: { "*": "allow", "git push*": "deny", "rm -rf*": "deny" },
            edit: { "*": "allow", "secrets/**": "deny" },
          },
        }),
        "secrets/readme.txt": "secret\n",
      },
    });
    const denied = ["git push origin main", "rm -rf secrets"].map((command) =>
      call({ name: "bash", input: { command, description: "Denied" } })
    );
    const write = call({
      name: "write",
      input: { filePath: join(ruled.root, "secrets/new.txt"), content: "stolen\n" },
    });
    const works = [...denied, write, call(same)];
    for (const bySubagent of [false, true]) {
      model.setScript((request) => {
        const { isSubagent, step } = request;
        if (bySubagent && !isSubagent) return delegate(say(""))(request);
        return works[step] ?? say("went on");
      });
      const { end, answers, events, toolRuns } = await world.turn({ directory: ruled.root });
      assert.equal(end.kind === "finished" && end.text, bySubagent ? "parent done" : "went on");
      assert.deepEqual(answers, []);
      assert.equal(toolRuns?.filter(({ refused }) => refused).length, 3);
      const ended = events.flatMap((event) =>
        event.type === "tool" && event.tool !== "task" &&
          ["completed", "error"].includes(event.status)
          ? [`${event.tool} ${event.status}${event.refused ? " refused" : ""}`]
          : []
      );
      assert.deepEqual([...new Set(ended)], [
        "bash error refused",
        "write error refused",
        "bash completed",
      ]);
      await assert.rejects(ruled.read("secrets/new.txt"));
      assert.equal(await ruled.read("secrets/readme.txt"), "secret\n");
    }
  });

  await t.step("what asks is allowed once, in the project and outside of it", async () => {
    model.setScript(({ step }) =>
      step === 0 ? call({ name: "read", input: { filePath: "/etc/hostname" } }) : say("went on")
    );
    const { end, answers } = await world.turn();
    assert.equal(end.kind === "finished" && end.text, "went on");
    assert.deepEqual(answers.map(({ asked, reply }) => ({ asked, reply })), [
      { asked: "external_directory /etc/*", reply: "once" },
    ]);
  });

  await t.step("the same call again and again is refused, which ends the turn", async () => {
    model.setScript(({ step }) => step === 0 ? call(same, same, same, same) : say("went on"));
    const { end, answers } = await world.turn();
    assert.deepEqual(answers.map(({ asked, reply }) => ({ asked, reply })), [
      { asked: "doom_loop bash", reply: "reject" },
    ]);
    assert.equal(end.kind, "finished");
    assert.match(end.kind === "finished" ? end.error?.message ?? "" : "", /go another way/);
  });

  await t.step("a question is answered by nobody is here, or never asked", async () => {
    model.setScript(({ step, lastToolOutput }) =>
      step === 0 ? call(question) : say(lastToolOutput)
    );
    const { end, answers } = await world.turn();
    assert.equal(end.kind, "finished");
    const text = end.kind === "finished" ? end.text : "";
    if (version === "1.1.53") {
      assert.match(text, /Decide yourself/);
      assert.deepEqual(answers.map(({ kind, asked, reply }) => ({ kind, asked, reply })), [
        { kind: "question", asked: "Which of the two?", reply: "decide_yourself" },
      ]);
    } else {
      assert.match(text, /unavailable tool 'question'/);
      assert.deepEqual(answers, []);
    }
  });

  await t.step("a sub-agent's question does not wait either", async () => {
    model.setScript(delegate(call(question)));
    const { end, answers } = await world.turn();
    assert.equal(end.kind === "finished" && end.text, "parent done");
    for (const answer of answers) assert.equal(answer.reply, "decide_yourself");
  });

  await t.step("what other people's sessions ask is left alone", async () => {
    model.setScript(({ step }) => step === 0 ? call(same, same, same) : say("done"));
    const { id: theirs } = await client.createSession({ title: "somebody else" });
    await client.prompt(theirs, { text: "go" });
    const asked = async () =>
      (await client.permissions()).some((each) => each.sessionId === theirs);
    await until(asked, { what: "their question" });

    const { end, answers } = await world.turn();
    assert.equal(end.kind, "finished");
    assert.ok(answers.length > 0 && answers.every((answer) => answer.sessionId !== theirs));
    assert.equal(await asked(), true);
    assert.equal((await client.busy()).has(theirs), true);
    await client.abort(theirs);
  });

  await t.step("without the event stream, questions are found by looking", async () => {
    await using proxy = await startProxy(world.server.url);
    proxy.intercept(({ path }, forward) => {
      return path === "/event" ? new Response("no", { status: 503 }) : forward();
    });
    model.setScript(delegate(call({ name: "read", input: { filePath: "/etc/passwd" } })));
    const { end, answers, usage, events } = await world.turn({ url: proxy.url });
    assert.equal(end.kind === "finished" && end.text, "parent done");
    assert.equal(answers.length, 1);
    assert.equal(usage.modelCalls, 4);
    assert.deepEqual(events, []);
  });
});
