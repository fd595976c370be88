/** What is offered of the database, of the doctor and of the server. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type CommandContext, commandContext } from "../../../src/cli/command_context.ts";
import { knownToServer } from "../../../src/cli/completion_server.ts";
import { valuesOf } from "../../../src/cli/completion_values.ts";
import { allChecks } from "../../../src/doctor/checks.ts";
import { systemClock } from "../../../src/host/system/clock.ts";
import { PLAIN } from "../../../src/terminal/colors.ts";
import { type Home, makeHome, START, WORKER } from "../../reliability/home.ts";
import { createFakeOpenCode } from "../../support/fake_opencode.ts";
import { serveFake } from "../../support/fake_server.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { hang } from "../../support/scripted_model.ts";

const stream = {
  write: () => {},
  line: () => {},
  isTerminal: false,
  width: () => 80,
  colors: PLAIN,
};

/** As in the project of this home, with the database of it. */
function contextOf(
  { data, project }: Pick<Home, "data" | "project">,
  { home, server }: { home: string; server?: string },
): CommandContext {
  const variables: Record<string, string | undefined> = {
    HOME: home,
    XDG_DATA_HOME: join(data, ".."),
    RALPH_SERVER: server,
  };
  return commandContext({
    output: { out: stream, err: stream, inputIsTerminal: false },
    clock: systemClock,
    environment: (name) => variables[name],
    mainUrl: new URL("../../../main.ts", import.meta.url).href,
    cwd: () => project.root,
  });
}

const NOWHERE = "http://127.0.0.1:1";
const wanted = (command: string, name: string, task?: string) => ({ command, name, task });

Deno.test("what was used before is offered, also without a server; strange names are not", async () => {
  await using home = await makeHome();
  using folder = temporaryFolder();
  const store = home.open();
  for (const [model, agent] of [["a/one", "build"], ["b/two", "-x"], ["c\u001b/x y", "build"]]) {
    const lease = store.startSession(home.task, { ...WORKER, model, agent }, START);
    const opencode = { number: 1, storyId: "US-1", storyTitle: "t", openCodeTitle: "t" };
    store.beginIteration(lease, opencode);
    store.setOpenCodeSession(lease, 1, `ses_${model}`);
    store.endSession(lease, { status: "stopped", reason: "user_stop", detail: "" });
  }
  store.close();
  const context = contextOf(home, { home: folder.path, server: NOWHERE });
  assert.deepEqual(await valuesOf(context, wanted("run", "model")), [
    { value: "b/two", description: "used before" },
    { value: "a/one", description: "used before" },
  ]);
  assert.deepEqual(await valuesOf(context, wanted("run", "agent")), [
    { value: "build", description: "used before" },
  ]);
  assert.deepEqual(await valuesOf(context, wanted("attach", "session")), [
    { value: "ses_b/two", description: "one, iteration 1 (US-1)" },
    { value: "ses_a/one", description: "one, iteration 1 (US-1)" },
  ]);
  assert.deepEqual(await valuesOf(context, wanted("run", "say")), []);
});

Deno.test("stories, sessions and iterations are those of the task that is named", async () => {
  await using home = await makeHome();
  using folder = temporaryFolder();
  const story = (id: string, passes: boolean) => ({ id, title: `Story ${id}`, passes });
  const userStories = [story("A-1", true), story("A-2", false), story("bad id", false)];
  await home.project.write("tasks/two/prd.json", JSON.stringify({ userStories }));
  await home.project.write("tasks/three/prd.md", "# PRD\n\n### B-1: Only\n\n- [ ] done\n");
  const store = home.open();
  for (const taskName of ["one", "two"]) {
    const taskDir = join(home.project.root, "tasks", taskName);
    const lease = store.startSession({ ...home.task, taskName, taskDir }, WORKER, START);
    const opencode = { number: 1, storyId: "A-1", storyTitle: "t", openCodeTitle: taskName };
    store.beginIteration(lease, opencode);
    store.endSession(lease, { status: "stopped", reason: "user_stop", detail: "" });
  }
  store.close();
  const context = contextOf(home, { home: folder.path, server: NOWHERE });
  const values = async (command: string, name: string, task?: string) =>
    (await valuesOf(context, wanted(command, name, task)))
      .map(({ value, description }) => `${value} ${description}`);
  assert.deepEqual(await values("run", "only", "two"), ["A-2 Story A-2"]);
  assert.deepEqual(await values("run", "only", "tasks/two"), ["A-2 Story A-2"]);
  assert.deepEqual((await values("run", "only")).toSorted(), ["A-2 Story A-2", "B-1 Only"]);
  assert.deepEqual(await values("logs", "session", "one"), ["1 one, stopped"]);
  assert.deepEqual(await values("show", "session"), ["2 two, stopped", "1 one, stopped"]);
  assert.deepEqual(await values("logs", "iteration", "one"), ["1 A-1, under way"]);
  assert.deepEqual(await values("show", "number", "one"), ["1 A-1, under way"]);
  assert.deepEqual(await values("show", "number", "three"), []);
});

Deno.test("stop, checkpoint and attach are offered tasks that run, the others all", async () => {
  await using home = await makeHome();
  using folder = temporaryFolder();
  await home.project.write("tasks/idle/prd.md", "# PRD\n\n### US-001: Only\n\n- [ ] done\n");
  const store = home.open();
  const elsewhere = (name: string) => ({
    taskName: name,
    taskDir: `/gone/tasks/${name}`,
    projectRoot: "/gone",
  });
  store.startSession(home.task, WORKER, START);
  store.startSession(elsewhere("far"), WORKER, START);
  const ended = store.startSession(elsewhere("over"), WORKER, START);
  store.endSession(ended, { status: "stopped", reason: "user_stop", detail: "" });
  store.close();
  const context = contextOf(home, { home: folder.path, server: NOWHERE });
  const names = async (command: string) =>
    (await valuesOf(context, wanted(command, "task"))).map(({ value }) => value).toSorted();
  for (const command of ["stop", "checkpoint", "attach"]) {
    assert.deepEqual(await names(command), ["far", "one"], command);
  }
  assert.deepEqual(await names("status"), ["far", "idle", "one", "over"]);
  assert.deepEqual(await names("run"), ["idle", "one"]);
});

Deno.test("every check and group of the doctor is offered", async () => {
  await using home = await makeHome();
  const context = contextOf(home, { home: home.project.root, server: NOWHERE });
  const values = (await valuesOf(context, wanted("doctor", "checks"))).map(({ value }) => value);
  for (const { id, group } of allChecks({ deep: true })) {
    assert(values.includes(id) && values.includes(group.toLowerCase()), id);
  }
});

Deno.test("the server is asked about an empty folder, and not where only the project names it", async () => {
  const fake = createFakeOpenCode({ clock: systemClock, script: () => hang() });
  const folders: string[] = [];
  const note = ({ directory }: { directory: string }) => folders.push(directory) < 0;
  fake.fault({ on: note, act: () => Promise.reject(new Error("never")) });
  await using server = await serveFake(fake);
  await using home = await makeHome();
  using folder = temporaryFolder();
  const context = contextOf(home, { home: folder.path, server: server.url });
  assert((await knownToServer(context, "model")).includes("fake/ok"));
  assert.deepEqual(await knownToServer(context, "agent"), ["build", "plan"]);
  assert(folders.length > 0);
  assert(!folders.includes(home.project.root), "nothing of the project is loaded");

  const before = folders.length;
  await home.project.write("ralph.json", JSON.stringify({ server: server.url }));
  const unnamed = contextOf(home, { home: folder.path });
  assert.deepEqual(await knownToServer(unnamed, "model"), []);
  assert.equal(folders.length, before);
});

Deno.test("a server that does not answer is not waited for", async () => {
  let asked = 0;
  const controller = new AbortController();
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, signal: controller.signal, onListen() {} },
    () => new Promise<Response>(() => asked++),
  );
  await using home = await makeHome();
  using folder = temporaryFolder();
  const store = home.open();
  store.startSession(home.task, { ...WORKER, model: "a/one" }, START);
  store.close();
  const url = `http://127.0.0.1:${server.addr.port}`;
  const found = await valuesOf(
    contextOf(home, { home: folder.path, server: url }),
    wanted("run", "model"),
  );
  assert.deepEqual(found, [{ value: "a/one", description: "used before" }]);
  controller.abort();
});
