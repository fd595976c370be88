/**
 * A session whose machine is taken away: what `--state` holds is enough to go on with it on another one,
 * which has another boot, other process ids, another name and a server that knows nothing of it.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { textOf } from "../../src/host/files/read_file.ts";
import { tickingAgent } from "../support/agent.ts";
import { temporaryFolder } from "../support/folder.ts";
import { NEWEST } from "../support/install.ts";
import { startServer } from "../support/opencode_server.ts";
import { makeRalph, RALPH } from "../support/ralph.ts";
import { hang, startModel } from "../support/scripted_model.ts";
import { until } from "../support/wait.ts";
import { oneStoryProject } from "./one_story.ts";

/** A machine in namespaces: its own process ids, so its own boot, and its own name. */
const ELSEWHERE = [
  ...["unshare", "--pid", "--fork", "--mount", "--mount-proc", "--uts"],
  ...["sh", "-c", 'hostname elsewhere && exec "$@"', "sh"],
];
const [program, ...rest] = ELSEWHERE;
const ignore = !await new Deno.Command(program, { args: [...rest, "true"], stderr: "null" })
  .output().then(({ success }) => success, () => false);

interface Event {
  type: string;
  session?: number;
  continues?: string;
  iterations?: number;
  status?: string;
  reason?: string;
}

const eventsIn = (stdout: string): Event[] =>
  stdout.trim().split("\n").map((one) => JSON.parse(one));
const last = (stdout: string, type: string) =>
  eventsIn(stdout).findLast((event) => event.type === type);

for (
  const [signal, how] of [
    ["SIGTERM", /after iteration 1: its worker was asked to end/],
    ["SIGKILL", /with iteration 1: its worker died/],
  ] as const
) {
  Deno.test({
    name: `a session whose worker got ${signal} goes on, once, with its state on another machine`,
    ignore,
    async fn() {
      await using project = await oneStoryProject();
      using folder = temporaryFolder();
      const [here, there] = [join(folder.path, "here"), join(folder.path, "there")];
      await using ralph = await makeRalph();
      const run = (url: string) => ["run", "one", "-f", "--json", "--grace", "30s", "-s", url];
      {
        await using model = await startModel(() => hang());
        await using server = await startServer({ version: NEWEST, model });
        const child = ralph.start([...run(server.url), "--state", here], { cwd: project.root });
        await until(() => model.requests.length > 0, { what: "the agent to work" });
        child.kill(signal);
        const { code, stdout } = await child.output();
        assert.equal(code, signal === "SIGTERM" ? 143 : 137);
        if (signal === "SIGTERM") {
          const { status, reason } = last(new TextDecoder().decode(stdout), "session_ended") ?? {};
          assert.deepEqual([status, reason], ["failed", "worker_ended"]);
        }
      }
      // With its lock files, and the log of what SQLite has not yet put into the database.
      await new Deno.Command("cp", { args: ["-a", here, there] }).output();
      await Deno.remove(here, { recursive: true });

      await using model = await startModel(tickingAgent());
      await using server = await startServer({ version: NEWEST, model });
      const [shell, ...args] = [...ELSEWHERE, ...RALPH, ...run(server.url)];
      const { code, stdout, stderr } = await new Deno.Command(shell, {
        args,
        cwd: project.root,
        env: { HOME: ralph.home, RALPH_STATE: there, NO_COLOR: "1" },
      }).output();
      const text = new TextDecoder().decode(stdout);
      assert.equal(code, 0, text + new TextDecoder().decode(stderr));
      const started = last(text, "session_started");
      assert.match(started?.continues ?? "", how);
      const { session, status, iterations } = last(text, "session_ended") ?? {};
      assert.deepEqual([session, status, iterations], [1, "completed", 2]);
      assert.equal(textOf(join(project.root, "work.txt")), "US-001\n");
      assert.deepEqual(
        Array.from(Deno.readDirSync(ralph.home), ({ name }) => name).filter((one) =>
          one === ".local"
        ),
        [],
        "nothing of ralph's is elsewhere",
      );
    },
  });
}

Deno.test("what is not recorded within --grace is found by the next run", async () => {
  await using project = await oneStoryProject();
  using folder = temporaryFolder();
  let reply: Parameters<typeof startModel>[0] = () => hang();
  await using model = await startModel((request) => reply(request));
  await using server = await startServer({ version: NEWEST, model });
  await using ralph = await makeRalph();
  const where = { cwd: project.root, env: { RALPH_STATE: folder.path } };
  const run = ["run", "one", "-f", "--json", "-s", server.url];
  const child = ralph.start([...run, "--grace", "1s"], where);
  await until(() => model.requests.length > 0, { what: "the agent to work" });
  Deno.kill(server.pid, "SIGSTOP");
  child.kill("SIGTERM");
  const { code, stderr } = await child.output();
  Deno.kill(server.pid, "SIGCONT");
  assert.equal(code, 143);
  assert.match(new TextDecoder().decode(stderr), /not all is recorded: the time for that is over/);

  await server.kill();
  await server.start();
  reply = tickingAgent();
  const second = await ralph(run, where);
  assert.equal(second.code, 0, second.stdout + second.stderr);
  assert.match(last(second.stdout, "session_started")?.continues ?? "", /its worker died/);
  assert.equal(last(second.stdout, "session_ended")?.session, 1);
});

Deno.test("a RALPH_STATE that is relative is refused, and a --state is not", async () => {
  await using project = await oneStoryProject();
  await using ralph = await makeRalph();
  const env = { RALPH_STATE: "state" };
  const { code, stderr } = await ralph(["status"], { cwd: project.root, env });
  assert.equal(code, 2);
  assert.match(stderr, /RALPH_STATE is no absolute path/);
  const shown = await ralph(["run", "one", "--print-prompt", "--state", "../state"], {
    cwd: project.root,
  });
  assert.equal(shown.code, 0, shown.stderr);
});
