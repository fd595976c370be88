/**
 * The whole job on a small project: a real OpenCode server, a real git repository with real tests,
 * the real ralph; only the model is scripted. Leaves nothing behind, but for the project with `--keep`.
 */
import { dirname, join } from "node:path";
import { NEWEST, OPENCODE2, opencodeBinary } from "../support/install.ts";
import { startServer } from "../support/opencode_server.ts";
import { makeProject } from "../support/project.ts";
import { RALPH } from "../support/ralph.ts";
import { onOpenCode2 } from "../support/agent.ts";
import { startModel } from "../support/scripted_model.ts";
import { shopAgent } from "./agent.ts";
import { IDEA, planningAgent, REVIEWED } from "./planner.ts";
import { FILES, PRD, TASK } from "./shop.ts";

const VERSION = OPENCODE2 === undefined ? NEWEST : "2";
/** From an empty idea: the agent drafts the PRD, too, and its work is reviewed. */
const PLANS = Deno.args.includes("--plan");
/** The project stays, to look around in. */
const KEEPS = Deno.args.includes("--keep");
/** OpenCode 2 always has one. */
const PASSWORD = OPENCODE2 === undefined ? undefined : crypto.randomUUID();

const NEXT = `
In a project of your own:
  ralph doctor
  ralph new my-feature
  ralph run my-feature`;

/** Copies the project to where nobody removes it. Returns the path. */
async function keep(root: string): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "ralph-demo-" });
  const { success } = await new Deno.Command("cp", { args: ["-R", root, folder] }).output();
  if (!success) throw new Error(`the project cannot be copied to ${folder}`);
  return join(folder, "shop");
}

/** Runs the demo. Returns the exit code of `ralph run`, or of the signal that came before it. */
async function demo(): Promise<number> {
  let child: Deno.ChildProcess | undefined;
  let interrupted = 0;
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    Deno.addSignalListener(signal, () => {
      interrupted = code;
      if (child) child.kill(signal);
      else console.log("stopping …");
    });
  }
  const show = async (command: readonly string[], label: string): Promise<number> => {
    if (interrupted) return interrupted;
    console.log(`\n$ ${label}`);
    child = new Deno.Command(command[0], {
      args: command.slice(1),
      cwd: project.root,
      env: {
        // for the gate `deno test`, also where Deno is not installed
        PATH: `${dirname(Deno.execPath())}:${Deno.env.get("PATH") ?? "/usr/bin:/bin"}`,
        XDG_DATA_HOME: join(server.home, "ralph", "data"),
        XDG_STATE_HOME: join(server.home, "ralph", "state"),
        XDG_CONFIG_HOME: join(server.home, "ralph", "config"),
        ...PASSWORD !== undefined && { OPENCODE_SERVER_PASSWORD: PASSWORD },
        RALPH_TEST_OPENCODE2: "", // it is no setting of ralph's
      },
      detached: true, // a Ctrl-C reaches it once: through the listener above
    }).spawn();
    const { code } = await child.status;
    child = undefined;
    return code;
  };

  console.log(
    "The model is scripted; the rest is real. With a model of your own: `opencode auth login`, " +
      "then `ralph run <task>` in your project.",
  );
  console.log(`Starting OpenCode ${VERSION}, which is installed first when it is missing …`);
  await opencodeBinary(VERSION);
  const agent = PLANS ? planningAgent : shopAgent;
  await using model = await startModel(VERSION === "2" ? onOpenCode2(agent) : agent);
  await using server = await startServer({ version: VERSION, model, password: PASSWORD });
  // all below the server's home, which is removed however this process ends
  const { [PRD]: prd, ...others } = FILES;
  const files = PLANS ? { ...others, ...REVIEWED } : { ...others, [PRD]: prd };
  await using project = await makeProject({ name: "shop", files, parent: server.home });

  if (PLANS) {
    const planned = await show(
      [...RALPH, "plan", IDEA, "--yes", "--server", server.url],
      `ralph plan '${IDEA}' --yes --server ${server.url}`,
    );
    if (planned !== 0) return planned;
    const command = "git add tasks && git commit --quiet -m 'docs: what is to be done'";
    await show(["/bin/sh", "-c", command], command);
  }
  const code = await show(
    [...RALPH, "run", TASK, "--foreground", "--server", server.url],
    `ralph run ${TASK} --foreground --server ${server.url}`,
  );
  await show([...RALPH, "history", TASK], `ralph history ${TASK}`);
  await show(["git", "--no-pager", "log", "--oneline"], "git log --oneline");
  if (KEEPS) console.log(`\nThe project is kept: ${await keep(project.root)}`);
  if (!interrupted) console.log(NEXT);
  return code;
}

try {
  Deno.exit(await demo());
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  Deno.exit(1);
}
