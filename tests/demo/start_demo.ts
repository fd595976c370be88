/** The demo as tests run it. */
import { fileURLToPath } from "node:url";

const DEMO = fileURLToPath(new URL("./demo.ts", import.meta.url));

/** The demo with a folder of its own for everything temporary. */
export function startDemo(temporary: string, ...args: readonly string[]) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", DEMO, ...args],
    env: { TMPDIR: temporary, NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let shown = "";
  const collect = async (stream: ReadableStream<Uint8Array>) => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) shown += text;
  };
  const ended = Promise.all([child.status, collect(child.stdout), collect(child.stderr)])
    .then(([{ code }]) => code);
  return { child, ended, shown: () => shown };
}

/** What runs with that folder in its command line or its environment. */
export function processesOf(folder: string): string[] {
  return [...Deno.readDirSync("/proc")].map(({ name }) => name).filter((name) => {
    try {
      return /^\d+$/.test(name) &&
        ["cmdline", "environ"].some((file) =>
          Deno.readTextFileSync(`/proc/${name}/${file}`).includes(folder)
        );
    } catch {
      return false; // it has ended, or is not ours
    }
  });
}
