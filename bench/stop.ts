/** `ralph stop` while the agent works: from the command's start to its end, and by its own clock. */
import { makeProject } from "../tests/support/project.ts";
import { makeRalph } from "../tests/support/ralph.ts";
import { hang, startModel } from "../tests/support/scripted_model.ts";
import { startServer } from "../tests/support/opencode_server.ts";
import { until } from "../tests/support/wait.ts";
import { spread } from "./statistics.ts";

const STOPS = 30;

export async function benchStop(): Promise<void> {
  await using model = await startModel(() => hang());
  await using server = await startServer({ version: "1.18.33", model });
  await using project = await makeProject({
    files: { "tasks/one/prd.md": "# PRD\n\n### US-001: One\n\n- [ ] done\n" },
  });
  await using ralph = await makeRalph();
  const own: number[] = [];
  const whole: number[] = [];
  for (let i = 0; i < STOPS; i++) {
    const asked = model.requests.length;
    await ralph(["run", "one", "--server", server.url], { cwd: project.root });
    await until(() => model.requests.length > asked, { what: "the agent", timeoutMs: 60_000 });
    const begin = performance.now();
    const { stdout, stderr } = await ralph(["stop", "one", "--json"], { cwd: project.root });
    whole.push(performance.now() - begin);
    if (stderr) throw new Error(stderr);
    const told = JSON.parse(stdout);
    if (told.turn !== "aborted" || !told.workerGone) throw new Error(stdout);
    own.push(told.tookMs);
  }
  console.log(`stop, ${STOPS} times with an agent at work, OpenCode 1.18.33`);
  console.log(
    `  confirmed    ${spread(own)} from the request to worker gone, turn and status confirmed`,
  );
  console.log(`  command      ${spread(whole)} with the start of the program`);
}
