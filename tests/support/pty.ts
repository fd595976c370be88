/** A program in a terminal: what it sends goes to an emulator, which knows what is on the screen. */
import { join } from "node:path";
import xterm from "@xterm/headless";
import { temporaryFolder } from "./folder.ts";
import { until } from "./wait.ts";

export interface Pty extends AsyncDisposable {
  /** The lines on the screen, without the spaces at their ends. */
  lines(): readonly string[];
  text(): string;
  /** Whether it is the screen that programs of a whole screen use. */
  isAlternate(): boolean;
  /** All that was sent, as it came. */
  readonly sent: string;
  /** Sends keys, as a terminal does. */
  type(keys: string): Promise<void>;
  /** Resolves once the screen has text that fits. */
  shows(what: RegExp): Promise<void>;
  resize(columns: number, rows: number): Promise<void>;
  /** What stty(1) says of the terminal. */
  modes(): Promise<string>;
  /** Of the shell that the program was started by. */
  readonly pid: number;
  readonly status: Promise<Deno.CommandStatus>;
}

interface PtyOptions {
  cwd: string;
  env: Readonly<Record<string, string>>;
  columns?: number;
  rows?: number;
}

/** Runs a line of sh(1) in a terminal of its own. */
export async function openPty(
  line: string,
  { cwd, env, columns = 100, rows = 30 }: PtyOptions,
): Promise<Pty> {
  const folder = temporaryFolder("ralph-pty-");
  const facts = join(folder.path, "facts");
  const begin = `stty cols ${columns} rows ${rows}; echo "$$ $(tty)" > '${facts}'`;
  const child = new Deno.Command("script", {
    args: ["-qefc", `${begin}; ${line}`, "/dev/null"],
    cwd,
    clearEnv: true,
    env: { PATH: Deno.env.get("PATH") ?? "", SHELL: "/bin/sh", TERM: "xterm-256color", ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true });
  const writer = child.stdin.getWriter();
  let sent = "";
  const decoder = new TextDecoder();
  const reading = (async () => {
    for await (const bytes of child.stdout) {
      sent += decoder.decode(bytes, { stream: true });
      await new Promise<void>((resolve) => terminal.write(bytes, resolve));
    }
  })();
  const known = await until(
    () => Deno.readTextFile(facts).then((text) => text.trim(), () => ""),
    { what: "the terminal" },
  );
  const [pid, device] = known.split(" ");
  const stty = async (...args: string[]) => {
    const { stdout } = await new Deno.Command("stty", { args: ["-F", device, ...args] }).output();
    return decoder.decode(stdout);
  };
  const lines = () => {
    const { active } = terminal.buffer;
    return Array.from(
      { length: terminal.rows },
      (_, i) => active.getLine(active.baseY + i)?.translateToString(true) ?? "",
    );
  };
  const text = () => lines().join("\n");
  return {
    lines,
    text,
    isAlternate: () => terminal.buffer.active.type === "alternate",
    get sent() {
      return sent;
    },
    type: (keys) => writer.write(new TextEncoder().encode(keys)),
    async shows(what) {
      await until(() => what.test(text()), { what: `${what} on the screen` })
        .catch((error) => {
          throw new Error(`${error.message}; it shows:\n${text()}`);
        });
    },
    async resize(columns, rows) {
      terminal.resize(columns, rows);
      await stty("cols", String(columns), "rows", String(rows));
    },
    modes: () => stty("-a"),
    pid: Number(pid),
    status: child.status,
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended.
      }
      await child.status;
      await writer.close().catch(() => {});
      await reading.catch(() => {});
      terminal.dispose();
      folder[Symbol.dispose]();
    },
  };
}
