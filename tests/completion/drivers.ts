/** What is measured: ralph, and two plain loops. */
import { dirname } from "node:path";
import { makeRalph } from "../support/ralph.ts";
import { grepPromise } from "./peers/grep_promise.ts";
import { trustPasses } from "./peers/trust_passes.ts";
import type { PeerEnd, PeerTask } from "./peers/turn.ts";
import { type Scenario, TASK_FOLDER } from "./scenario.ts";

export interface Job {
  readonly scenario: Scenario;
  readonly root: string;
  readonly server: string;
  readonly password?: string;
  readonly providerId: string;
  readonly modelId: string;
}

/** What a driver said at its end. */
export interface Said {
  readonly completed: boolean;
  /** A word for it, ralph's reason for one. */
  readonly reason: string;
  /** The same for people. */
  readonly detail: string;
}

export interface Driver {
  readonly name: string;
  /** Undefined when it cannot run such a task at all. */
  run(job: Job): Promise<Said | undefined>;
}

/** Far more than any scenario takes, three at once on a machine with other work included. */
const RALPH_TIMEOUT_MS = 600_000;

const RALPH: Driver = {
  name: "ralph",
  async run({ scenario, root, server, password, providerId, modelId }) {
    await using ralph = await makeRalph();
    const child = ralph.start(
      ["run", "statistics", "--foreground", "--json", "--server", server]
        .concat("--max-iterations", `${scenario.iterations}`)
        .concat("--model", `${providerId}/${modelId}`),
      // the gates run `deno`
      {
        cwd: root,
        env: {
          PATH: `${dirname(Deno.execPath())}:${Deno.env.get("PATH")}`,
          ...password !== undefined && { OPENCODE_SERVER_PASSWORD: password },
        },
      },
    );
    const timer = setTimeout(() => child.kill("SIGKILL"), RALPH_TIMEOUT_MS);
    const { code, stdout, stderr } = await child.output();
    clearTimeout(timer);
    const decoder = new TextDecoder();
    const last = decoder.decode(stdout).trim().split("\n").at(-1) || "{}";
    const { type, reason, detail } = JSON.parse(last);
    if (type === "session_ended") return { completed: code === 0, reason, detail };
    return { completed: false, reason: `exit code ${code}`, detail: decoder.decode(stderr) };
  },
};

function peer(name: string, loop: (task: PeerTask) => Promise<PeerEnd>): Driver {
  return {
    name,
    async run({ scenario: { files, iterations }, root, server, providerId, modelId }) {
      const prd = ["prd.json", "prd.md"].map((file) => `${TASK_FOLDER}/${file}`)
        .find((path) => path in files);
      if (!prd && loop === trustPasses) return undefined;
      const { completed, why } = await loop({
        server,
        root,
        model: { providerID: providerId, modelID: modelId },
        prd,
        prompt: files[`${TASK_FOLDER}/prompt.md`],
        iterations,
      });
      return { completed, reason: completed ? "completed" : "not completed", detail: why };
    },
  };
}

export const DRIVERS: readonly Driver[] = [
  RALPH,
  peer("greps the promise", grepPromise),
  peer("trusts `passes`", trustPasses),
];
