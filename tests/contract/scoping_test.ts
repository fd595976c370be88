/** Every request belongs to one directory, whatever its name, and sees nothing of the others. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { systemClock } from "../../src/host/system/clock.ts";
import { createClient } from "../../src/opencode/connect.ts";
import { makeProject } from "../support/project.ts";
import { startProxy } from "../support/recording_proxy.ts";
import { call, type ModelRequest, type Reply, say } from "../support/scripted_model.ts";
import { onEachVersion, type World } from "./world.ts";

/** Says in which directory the agent's shell is. */
function whereAmI({ step, lastToolOutput }: ModelRequest): Reply {
  if (step > 0) return say(lastToolOutput.trim());
  return call({ name: "bash", input: { command: "pwd -P", description: "Where am I" } });
}

function clientIn(world: World, directory: string) {
  return createClient({ url: world.server.url, directory, clock: systemClock });
}

/** Makes an OpenCode session in `directory`, checks who sees it, and runs a turn there. */
async function assertScoped(world: World, directory: string): Promise<void> {
  const client = clientIn(world, directory);
  const { id } = await client.createSession({ title: "scoped" });
  assert.equal((await client.session(id))?.directory, directory);
  assert.deepEqual((await client.sessions()).map((session) => session.id), [id]);
  assert.equal(await world.client.session(id), undefined);
  assert.ok(!(await world.client.sessions()).some((session) => session.id === id));

  const { end } = await world.turn({ directory });
  assert.deepEqual(end, { kind: "finished", finish: "stop", error: undefined, text: directory });
}

onEachVersion("scoping", async (t, world) => {
  world.model.setScript(whereAmI);
  // More than one step uses these, since each cold project takes a real server 4 s.
  await using second = await makeProject();
  await using percent = await makeProject({ name: "100% zażółć&b=c" });

  await t.step("a second project, reached through a symlink, by its real path", async () => {
    const link = join(dirname(second.root), "link");
    await Deno.symlink(second.root, link);
    await assertScoped(world, await Deno.realPath(link));
  });

  await t.step("a subfolder of the project", async () => {
    await Deno.mkdir(join(world.project.root, "sub"));
    await assertScoped(world, join(world.project.root, "sub"));
  });

  await t.step("a worktree of the project", async () => {
    const worktree = join(dirname(world.project.root), "worktree");
    await world.project.git("worktree", "add", "--quiet", "-b", "other", worktree);
    await assertScoped(world, worktree);

    // What the server gives up it has again for who asks next.
    const client = clientIn(world, worktree);
    const before = (await client.sessions()).map(({ id }) => id);
    await client.unload();
    assert.deepEqual((await client.sessions()).map(({ id }) => id), before);
    assert.equal((await world.turn({ directory: worktree })).end.kind, "finished");
  });

  await t.step("a folder whose name has all that means something in a URL", async () => {
    await using project = await makeProject({ name: "zażółć two&b=c #d?e ✓" });
    await assertScoped(world, project.root);
  });

  await t.step("a folder with a % in its name", () => assertScoped(world, percent.root));

  for (const name of ["x%20z", "%2Fetc"]) {
    await t.step(`a folder named ${name}, which the server may take for another`, async () => {
      await using project = await makeProject({ name });
      if (world.version === "1.1.53") return await assertScoped(world, project.root);
      await assert.rejects(clientIn(world, project.root).createSession({ title: "x" }), {
        problem: "refused",
        message: /would work in another folder/,
      });
    });
  }

  await t.step("a directory that the server takes for another one is refused", async () => {
    const client = clientIn(world, join(world.project.root, "sub", ".."));
    assert.equal(client.directory, world.project.root); // `join` has normalised it
    const twisted = clientIn(world, `${world.project.root}/sub/..`);
    if (world.version === "1.1.53") {
      // Kept as it is, as an instance of its own: nothing is mixed up.
      assert.equal((await twisted.createSession({ title: "x" })).directory, twisted.directory);
    } else {
      await assert.rejects(twisted.createSession({ title: "x" }), {
        name: "OpenCodeError",
        problem: "refused",
      });
    }
  });

  await t.step("no request of a whole turn lacks the directory", async () => {
    await using proxy = await startProxy(world.server.url);
    await world.turn({ url: proxy.url });
    world.model.setScript(({ step }) => {
      const same = { name: "bash", input: { command: "echo same", description: "Same" } };
      return step === 0 ? call(same, same, same, same) : say("done");
    });
    const { answers } = await world.turn({ url: proxy.url });
    await world.turn({ url: proxy.url, onSent: (stop) => stop() });
    world.model.setScript(whereAmI);

    assert.ok(answers.length > 0, "the agent asked nothing");
    for (const { method, path, query, headers, body } of proxy.requests) {
      assert.deepEqual(query.getAll("directory"), [world.project.root], `${method} ${path}`);
      assert.equal(headers.get("x-opencode-directory"), null);
      assert.ok(!body.includes("messageID"), body);
    }
    const paths = proxy.requests.map(({ method, path }) =>
      `${method} ${path.replace(/(ses|per|que)_\w+/, "ID")}`
    );
    for (
      const expected of [
        "GET /event",
        "GET /session/ID/children",
        "GET /session/ID/message",
        "GET /session/status",
        "POST /permission/ID/reply",
        "POST /session",
        "POST /session/ID/abort",
        "POST /session/ID/prompt_async",
      ]
    ) assert.ok(paths.includes(expected), `${expected} was not asked`);
  });

  await t.step("a path with a % goes in the header, and only there", async () => {
    await using proxy = await startProxy(world.server.url);
    await world.turn({ url: proxy.url, directory: percent.root });
    for (const { method, path, query, headers } of proxy.requests) {
      assert.equal(query.get("directory"), null, `${method} ${path}`);
      assert.equal(
        headers.get("x-opencode-directory"),
        encodeURIComponent(percent.root),
        `${method} ${path}`,
      );
    }
    assert.ok(proxy.requests.length >= 6);
  });

  await t.step("two turns at once do not see each other", async () => {
    const [here, sameDirectory, elsewhere] = await Promise.all([
      world.turn(),
      world.turn(),
      world.turn({ directory: second.root }),
    ]);
    for (const turn of [here, sameDirectory, elsewhere]) {
      assert.equal(turn.end.kind, "finished");
      assert.equal(turn.usage.modelCalls, 2);
      const seen = turn.events.flatMap((event) => "sessionId" in event ? [event.sessionId] : []);
      assert.deepEqual(new Set(seen), new Set([turn.sessionId]));
    }
    assert.equal(elsewhere.end.kind === "finished" && elsewhere.end.text, second.root);
  });
});

onEachVersion("sessions", async (t, { client }) => {
  await t.step("a session is made, found, listed and deleted", async () => {
    const made = await client.createSession({ title: "Größe <1> & more" });
    assert.match(made.id, /^ses_/);
    assert.equal(made.title, "Größe <1> & more");
    assert.equal(made.parentId, undefined);
    assert.ok(Math.abs(made.createdAt - Date.now()) < 60_000);
    assert.deepEqual(await client.session(made.id), made);
    assert.deepEqual(await client.messages(made.id), []);
    assert.deepEqual(await client.children(made.id), []);
    assert.equal((await client.busy()).size, 0);

    await client.deleteSession(made.id);
    assert.equal(await client.session(made.id), undefined);
    assert.deepEqual(await client.sessions(), []);
  });

  await t.step("more sessions than a page of the server are listed", async () => {
    const made: string[] = [];
    for (let count = 0; count < 105; count++) {
      made.push((await client.createSession({ title: `${count}` })).id);
    }
    const listed = (await client.sessions()).map((session) => session.id);
    assert.deepEqual(listed.toSorted(), made.toSorted());
  });

  await t.step("agents and models are listed", async () => {
    const agents = await client.agents();
    assert.deepEqual(agents.toSorted(), ["build", "plan"]);
    const models = await client.models();
    assert.ok(models.includes("fake/ok") && models.includes("fake/tiny"), `${models}`);
  });

  await t.step("health tells the version", async () => {
    assert.match((await client.health()).version, /^1\.\d+\.\d+$/);
  });
});
