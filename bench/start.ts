/** How long the binary takes to start: against an empty program, turn by turn. */
import { join } from "node:path";
import { median, spread } from "./statistics.ts";

/** Compiles the empty program, with the Deno that runs this. */
export async function benchStart({ starts }: { starts: number }): Promise<void> {
  const binary = await ralphBinary();
  const folder = await Deno.makeTempDir({ prefix: "ralph-bench-" });
  try {
    const empty = await compileEmpty(folder);
    console.log("start, wall time");
    await compareTimes(empty, {
      starts,
      cwd: folder,
      env: { HOME: folder },
      commands: {
        "--help": [binary, "--help"],
        "--version": [binary, "--version"],
        "status": [binary, "status"],
      },
    });
    const size = async (file: string) => `${((await Deno.stat(file)).size / 1e6).toFixed(1)} MB`;
    console.log(`  size         ${await size(binary)}, empty ${await size(empty)}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The binary that RALPH_BINARY names, or else dist/ralph. */
export function ralphBinary(): Promise<string> {
  return Deno.realPath(Deno.env.get("RALPH_BINARY") || "dist/ralph");
}

/** A program that does nothing, compiled like ralph. Returns its path. */
export async function compileEmpty(folder: string): Promise<string> {
  const empty = join(folder, "empty");
  await Deno.writeTextFile(`${empty}.ts`, "");
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["compile", "--quiet", "--no-config", "--no-code-cache", "-o", empty, `${empty}.ts`],
  }).spawn().status;
  if (!success) throw new Error("`deno compile` failed");
  return empty;
}

/** Runs the commands and the empty program in turn, and prints what each takes over that. */
export async function compareTimes(
  empty: string,
  { starts, commands, cwd, env }: {
    starts: number;
    commands: Readonly<Record<string, readonly string[]>>;
    cwd: string;
    env: Record<string, string>;
  },
): Promise<void> {
  const all = { empty: [empty], ...commands };
  const times = new Map<string, number[]>(Object.keys(all).map((name) => [name, []]));
  for (let i = 0; i <= starts; i++) {
    for (const [name, [program, ...args]] of Object.entries(all)) {
      const begin = performance.now();
      const { code } = await new Deno.Command(program, {
        args,
        cwd,
        env,
        stdout: "null",
        stderr: "null",
      }).output();
      if (code !== 0) throw new Error(`\`${name}\` ended with ${code}`);
      // The first round warms up.
      if (i > 0) times.get(name)?.push(performance.now() - begin);
    }
  }
  const base = median(times.get("empty") ?? []);
  for (const [name, values] of times) {
    const over = name === "empty" ? "" : `, ${(median(values) - base).toFixed(1)} ms over empty`;
    console.log(`  ${name.padEnd(12)} ${spread(values)}${over}`);
  }
}
