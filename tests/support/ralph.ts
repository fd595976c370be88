/** The program under test: from the source, or the binary that RALPH_BINARY names. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkPrinted } from "./printed_json.ts";

const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));

/** The command line of ralph. */
export const RALPH: readonly string[] = Deno.env.get("RALPH_BINARY")
  ? [await Deno.realPath(Deno.env.get("RALPH_BINARY") ?? "")]
  : [Deno.execPath(), "run", "-A", "--quiet", MAIN];

/** The binary is on PATH, as it is for users; from the source ralph has no name of its own there. */
const ON_PATH = RALPH.length === 1 ? `${dirname(RALPH[0])}:` : "";

export interface RalphResult {
  code: number;
  stdout: string;
  stderr: string;
}

export interface Ralph extends AsyncDisposable {
  /** Home of everything that ralph keeps. */
  readonly home: string;
  /** Runs a command to its end. */
  (args: readonly string[], options: RalphOptions): Promise<RalphResult>;
  /** Starts a command and leaves it running. */
  start(args: readonly string[], options: RalphOptions): Deno.ChildProcess;
}

export interface RalphOptions {
  cwd: string;
  env?: Readonly<Record<string, string>>;
}

/** A ralph with a home of its own, in a temporary folder. */
export async function makeRalph(): Promise<Ralph> {
  const home = await Deno.realPath(await Deno.makeTempDir({ prefix: "ralph-home-" }));
  const command = (args: readonly string[], { cwd, env }: RalphOptions) =>
    new Deno.Command(RALPH[0], {
      args: [...RALPH.slice(1), ...args],
      cwd,
      clearEnv: true,
      env: {
        PATH: `${ON_PATH}${Deno.env.get("PATH") ?? "/usr/bin:/bin"}`,
        HOME: home,
        // from the source, ralph needs what Deno has cached
        DENO_DIR: Deno.env.get("DENO_DIR") ??
          join(
            Deno.env.get("XDG_CACHE_HOME") ?? join(Deno.env.get("HOME") ?? "", ".cache"),
            "deno",
          ),
        DENO_NO_UPDATE_CHECK: "1",
        NO_COLOR: "1",
        ...env,
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
  const run = async (args: readonly string[], options: RalphOptions): Promise<RalphResult> => {
    const { code, stdout, stderr } = await command(args, options).output();
    const decoder = new TextDecoder();
    const result = { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
    checkPrinted(args, result);
    return result;
  };
  return Object.assign(run, {
    home,
    start: (args: readonly string[], options: RalphOptions) => command(args, options).spawn(),
    [Symbol.asyncDispose]: () => Deno.remove(home, { recursive: true }),
  });
}
