/** The commands of `setup`, which make a working tree fit for its gates. */
import * as path from "node:path";
import { gateEnvironmentOf } from "../../app/gates.ts";
import type { Context } from "../../app/context.ts";
import { RalphError } from "../../error.ts";
import { enterSandbox, runInSandbox } from "../../host/process/server_sandbox.ts";
import { portOf } from "../../host/system/port.ts";
import type { Settings } from "../../settings/settings.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { usefulEnd } from "../../verify/gates/gate_output.ts";
import { runGates } from "../../verify/gates/gates.ts";

interface SetUp {
  settings: Settings;
  signal: AbortSignal;
  root: string;
  /** What is done, in words that are safe to show. */
  tell: (text: string) => void;
  /** What it is done for. */
  why: "prepare" | "land";
}

const FAILED = {
  prepare: {
    what: "cannot prepare the worktree",
    next: "once that is mended, run the task again: it goes on there",
  },
  land: {
    what: "cannot land what is in the worktree",
    next: "once that is mended, land it again",
  },
};

/** Throws `RalphError` (`failed`) where one of them fails, and `signal.reason`. */
export async function setUp(
  context: Context,
  { settings, signal, root, tell, why }: SetUp,
): Promise<void> {
  const { clock } = context;
  if (settings.setup.length === 0) return;
  const run = runInSandbox(enterSandbox(portOf(settings.server), clock));
  for (const command of settings.setup) {
    tell(`setup: ${command.name}`);
    const results = await runGates([command], {
      cwd: root,
      env: gateEnvironmentOf(context, settings.gateEnv).variables,
      run,
      clock,
      signal,
      defaultTimeoutMs: settings.limits.gateMs,
    });
    signal.throwIfAborted();
    const [result] = results ?? [];
    if (result?.passed) continue;
    for (const line of usefulEnd(result?.output ?? "").split("\n")) if (line) tell(`  ${line}`);
    const { what, next } = FAILED[why];
    throw new RalphError(
      "failed",
      `${what} ${plain(root, 200)}: \`${command.name}\` of \`setup\` failed: ` +
        (result?.why ?? "it did not run"),
      [{ text: "see it there", command: `cd ${shellWord(root)}` }, { text: next }],
    );
  }
}

/** Files in which the tools of languages say what a project depends on. */
const DEPENDENCIES =
  /^(package\.json|.*[.-]lock([.-].*|b)?|npm-shrinkwrap\.json|deno\.jsonc?|go\.(mod|sum)|Cargo\.toml|pyproject\.toml|.*requirements.*\.txt|Pipfile|Gemfile|composer\.json|pom\.xml|build\.gradle(\.kts)?|mix\.exs|.*\.csproj)$/;

/** Whether one of these files, by their paths, may say that other dependencies are needed. */
export function nameDependencies(files: readonly string[]): boolean {
  return files.some((file) => DEPENDENCIES.test(path.basename(file)));
}
