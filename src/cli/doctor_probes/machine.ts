/** What the doctor learns of programs, files and processes. */
import * as path from "node:path";
import type { Clock } from "../../clock.ts";
import { textOf } from "../../host/files/read_file.ts";
import { ask } from "../../host/process/ask.ts";
import { readProc } from "../../host/process/proc.ts";
import type { Context } from "../../app/context.ts";
import { COMPLETING_SHELLS, type CompletionFile } from "../../doctor/completion_setup.ts";

/** How long `opencode --version` may take, which starts the whole program: less than a check may. */
const VERSION_MS = 8_000;

/** What a program says to `--version`: neither where it is late, or says something else. */
export async function versionOf(
  { clock }: Context,
  program: string,
): Promise<{ version?: string; refusal?: string }> {
  const answer = await ask([program, "--version"], { clock, timeoutMs: VERSION_MS });
  switch (answer.kind) {
    case "missing":
      return { refusal: "it cannot be started" };
    case "killed":
      return { refusal: `it was ended by ${answer.signal}` };
    case "late":
      return {};
  }
  if (answer.code === 0) return { version: /\d+\.\d+[^\s]*/.exec(answer.stdout)?.[0] };
  const [said] = `${answer.stderr}\n${answer.stdout}`.split("\n").filter((line) => line.trim());
  return { refusal: said ?? `exit code ${answer.code}` };
}

/** The variables of a process; undefined when they cannot be read. */
export async function environmentOf(
  pid: number,
  clock: Clock,
): Promise<ReadonlyMap<string, string> | undefined> {
  const text = await readProc([`/proc/${pid}/environ`], clock);
  return text === undefined ? undefined : new Map(
    text.split("\0").map((pair) => {
      const at = pair.indexOf("=");
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

/** How long the list of users may take, which can come from a directory in the network. */
const USERS_MS = 1_000;

/** The other people who may log in here, by name: of getent(1), else of /etc/passwd. */
export async function otherUsers(clock: Clock): Promise<readonly string[]> {
  const answer = await ask(["getent", "passwd"], { clock, timeoutMs: USERS_MS });
  const text = answer.kind === "ended" && answer.stdout !== "" ? answer.stdout : undefined;
  return loginsIn(text ?? textOf("/etc/passwd") ?? "", Deno.uid() ?? 0);
}

/** From 1000 on accounts are people's (login.defs(5), UID_MIN); 65534 is nobody. */
const FIRST_PERSON = 1000;
const NOBODY = 65534;

/** Of a passwd(5): who has an account as people have, and a shell, and is not `uid`. */
export function loginsIn(passwd: string, uid: number): readonly string[] {
  return passwd.split("\n").flatMap((line) => {
    const [name, , id, , , , shell = ""] = line.split(":");
    const isPerson = Number(id) >= FIRST_PERSON && Number(id) !== NOBODY && Number(id) !== uid;
    return isPerson && !/\/(?:nologin|false)$/.test(shell) ? [name] : [];
  });
}

/** The name of the user's shell; empty where it is not known. */
export const shellOf = ({ environment }: Pick<Context, "environment">): string =>
  path.basename(environment("SHELL") ?? "");

/** Where the user's shell learns how to complete. */
export function completionsOf(
  context: Pick<Context, "environment">,
  home: string,
): CompletionFile | undefined {
  const { environment } = context;
  const shell = COMPLETING_SHELLS.find((one) => one === shellOf(context));
  if (shell === undefined) return undefined;
  const config = environment("XDG_CONFIG_HOME") ?? path.join(home, ".config");
  const file = {
    bash: path.join(home, ".bashrc"),
    zsh: path.join(environment("ZDOTDIR") ?? home, ".zshrc"),
    fish: path.join(config, "fish", "completions", "ralph.fish"),
  }[shell];
  return { shell, file, text: textOf(file) };
}

/** What OpenCode's own settings take of the environment: `{env:NAME}`, but in lines of comments. */
export function settingsVariables(configHome: string) {
  return ["opencode.json", "opencode.jsonc"].flatMap((name) => {
    const file = path.join(configHome, "opencode", name);
    const text = (textOf(file) ?? "").replaceAll(/^\s*\/\/.*$/gm, "");
    const names = [...text.matchAll(/\{env:([A-Za-z_][A-Za-z0-9_]*)\}/g)].map(([, one]) => one);
    return [...new Set(names)].map((variable) => ({ file, variable }));
  });
}
