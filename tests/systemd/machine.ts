/** A machine of a new user, for tests of `ralph doctor`: OpenCode, a model, a project, no service. */
import assert from "node:assert/strict";
import { bash, tickingAgent } from "../support/agent.ts";
import type { Version } from "../support/install.ts";
import { configOf } from "../support/opencode_server.ts";
import { call, say, type Script, startModel } from "../support/scripted_model.ts";
import {
  type ExecOptions,
  installOpencode,
  shareRalph,
  startTestbed,
  type Testbed,
  type TestbedOptions,
} from "../support/testbed.ts";
import { until } from "../support/wait.ts";

export const USER = "tester";
export const HOME = `/home/${USER}`;
export const UNIT = `${HOME}/.config/systemd/user/opencode.service`;
export const PROJECT = `${HOME}/project`;
/** The fastest to start. */
const QUICK: Version = "1.1.53";

const PRD = JSON.stringify(
  {
    project: "Ticks",
    verify: [["true"]],
    userStories: [{
      id: "US-001",
      title: "Tick",
      description: "Tick the box.",
      acceptanceCriteria: ["It is ticked"],
      priority: 1,
      passes: false,
      notes: "",
    }],
  },
  null,
  2,
);

interface Finding {
  id: string;
  level: "ok" | "warn" | "fail" | "skip";
  found: string | null;
  remedy: { text: string; command?: string }[];
}

/** In the project: what the agent that holds waits for, until somebody writes into it. */
export const HOLD = "hold";

/** It works on stories, and answers doctor's question. `holds`: it first waits for a word. */
function agent({ holds }: { holds: boolean }): Script {
  const ticking = tickingAgent();
  return (request) => {
    const { prompt, step, toolOutputs } = request;
    if (prompt.includes("single word")) return say("ready");
    if (!holds) return ticking(request);
    if (step === 0) return call(bash(`read line < ${HOLD}`));
    return ticking({ ...request, step: step - 1, toolOutputs: toolOutputs.slice(1) });
  };
}

/** A user with an OpenCode, a model and a project; nothing is installed in systemd. */
export async function machine(
  options: TestbedOptions & { version?: Version; holds?: boolean } = {},
) {
  await using stack = new AsyncDisposableStack();
  const model = stack.use(await startModel(agent({ holds: options.holds ?? false })));
  const testbed: Testbed = stack.use(await startTestbed(options));
  const ralph = await shareRalph(testbed);
  await installOpencode(testbed, { user: USER, version: options.version ?? QUICK });
  const modelPort = Number(new URL(model.url).port);
  await testbed.lead(modelPort);
  const env = { ...ralph.env };
  const asUser = (given: ExecOptions): ExecOptions => ({
    user: USER,
    ...given,
    env: { ...env, ...given.env },
  });
  const sh = (script: string, given: ExecOptions = {}) => testbed.sh(script, asUser(given));

  await sh(`mkdir -p ~/.config/opencode && cat > ~/.config/opencode/opencode.json`, {
    stdin: JSON.stringify(configOf(model)),
    session: false, // a login would start the user's systemd
  });
  const addProject = async (root: string) => {
    await sh(
      `mkdir -p ${root}/tasks/my-feature && cd ${root} && git init --quiet -b main
       cat > tasks/my-feature/prd.json`,
      { stdin: PRD, session: false },
    );
  };
  await addProject(PROJECT);

  const run = (args: readonly string[], given: ExecOptions = {}) =>
    testbed.exec(
      ["/bin/sh", "-c", `cd ${PROJECT} && exec "$@"`, "sh", ...ralph.command, ...args],
      asUser(given),
    );

  async function findings(given: ExecOptions = {}): Promise<Finding[]> {
    const { stdout, stderr } = await run(["doctor", "--json"], given);
    assert.notEqual(stdout, "", stderr);
    return JSON.parse(stdout).checks;
  }

  const owned = stack.move();
  return {
    testbed,
    model,
    run,
    /** `ralph run`, until its agent is at work. */
    async begin(args: readonly string[], given: ExecOptions = {}) {
      const before = model.requests.length;
      const started = await run(["run", ...args], given);
      assert.equal(started.code, 0, started.stderr);
      await until(() => model.requests.length > before, { what: "the agent to be at work" });
      return started;
    },
    sh,
    addProject,
    /** What ralph needs in the environment of a unit, as lines of one. */
    unitEnvironment: Object.entries(env).map(([name, value]) => `Environment=${name}=${value}`)
      .join("\n"),
    findings,
    /** The ids of what failed. */
    async failures(given: ExecOptions = {}): Promise<string[]> {
      return (await findings(given)).filter(({ level }) => level === "fail").map(({ id }) => id);
    },
    /** Pastes every command of a report, from top to bottom, into one shell of the user's. */
    async paste(report: string, given: ExecOptions = {}): Promise<void> {
      const commands = report.split("\n").flatMap((line) => /^ +\$ (.+)$/.exec(line)?.[1] ?? []);
      assert(commands.length > 0, `nothing to paste in\n${report}`);
      await testbed.exec(["/bin/bash"], asUser({ stdin: commands.join("\n"), ...given }));
    },
    /** Doctor, paste, doctor: the second is green. Returns what the first said. */
    async mend(given: ExecOptions = {}): Promise<string> {
      const first = await run(["doctor"], given);
      assert.equal(first.code, 1, `nothing was found:\n${first.stdout}${first.stderr}`);
      await this.mendBy(first.stdout, given);
      return first.stdout;
    },
    /** Pastes a report of a while ago, then doctor: it is green. */
    async mendBy(report: string, given: ExecOptions = {}): Promise<void> {
      await this.paste(report, given);
      const second = await until(async () => {
        const again = await run(["doctor"], given);
        // A busy machine may take longer to start the server than doctor waits; nothing is pasted.
        return !/does not answer yet|did not answer within|the time was over/.test(again.stdout) &&
          again;
      }, { what: "the server to have started" });
      assert.equal(second.code, 0, `${report}\n--- after pasting:\n${second.stdout}`);
    },
    /** Logs in for the rest of the test, and puts everything in place by what doctor says. */
    async setUp(): Promise<void> {
      owned.use(await testbed.login(USER));
      await this.mend();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Enables the unit that goes on with what ran when the machine went down. */
export async function resumeAtBoot(
  m: Pick<Awaited<ReturnType<typeof machine>>, "run" | "sh" | "unitEnvironment">,
): Promise<void> {
  const folder = `/home/${USER}/.config/systemd/user`;
  const self = (await m.run(["doctor", "--print-unit", "resume"])).stdout;
  await m.sh(
    `cat > ${folder}/ralph-resume.service; systemctl --user daemon-reload
     systemctl --user enable ralph-resume.service
     systemd-analyze --user verify ${folder}/ralph-resume.service`,
    { stdin: self.replace("[Service]", `[Service]\n${m.unitEnvironment}`) },
  );
}
