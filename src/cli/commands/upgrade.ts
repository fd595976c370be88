/** `ralph upgrade`: another release in place of this program, by the rules of `install.sh`. */
import { Command } from "@commander-js/extra-typings";
import * as path from "node:path";
import { onPath } from "../../app/names.ts";
import { type Hint, RalphError } from "../../error.ts";
import { environment } from "../../host/system/environment.ts";
import { NO_SECRETS } from "../../no_secrets.ts";
import { RELEASES } from "../../settings/variables.ts";
import { commandJson } from "../../terminal/json_text.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { NPM_PACKAGE, VERSION } from "../../version.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { EXIT } from "../exit_codes.ts";

export function command(context: CommandContext, done: Done) {
  return new Command("upgrade")
    .option("--check", "say whether there is a newer release, and change nothing")
    .option("--to <version>", "that release, in place of the newest")
    .option("--json", "print one JSON object; needs --check")
    .addHelpText(
      "after",
      `
Examples:
  ralph upgrade --check        is there a newer one?
  ralph upgrade                put it in place of this one
  ralph upgrade --to 0.1.0     go back

Sessions that run go on to their end with the program that they began with.`,
    )
    .action(async ({ check = false, to, json = false }) => {
      if (check && to !== undefined) {
        throw new RalphError(
          "usage",
          "`--check` is about the newest release, and `--to` about another",
        );
      }
      done(await (check ? checkRelease(context, { json }) : upgrade(context, { to, json })));
    });
}

async function checkRelease(
  context: CommandContext,
  { json }: { json: boolean },
): Promise<number> {
  const { out } = context.output;
  const latest = await newest(context);
  const isNewer = compare(latest, VERSION) > 0;
  if (json) out.line(commandJson({ current: VERSION, latest, newer: isNewer }));
  else if (isNewer) out.line(`${latest} is there, and this is ${VERSION}: ralph upgrade`);
  else out.line(notOlder(latest));
  return EXIT.done;
}

const newest = async (context: CommandContext) =>
  plain((await install(context, ["--print-latest"]) ?? "").trim(), 40);

/** Of a program that is not older than the newest release. */
const notOlder = (latest: string) =>
  compare(latest, VERSION) === 0
    ? `${VERSION} is the newest release`
    : `this is ${VERSION}, and the newest release is ${latest}`;

async function upgrade(
  context: CommandContext,
  { to, json }: { to?: string; json: boolean },
): Promise<number> {
  if (json) throw new RalphError("usage", "`--json` is for `--check` alone");
  const folder = ownFolder();
  // Going back is for `--to` alone: an older program may not read what this one has stored.
  const wanted = to ?? await newest(context);
  if (to === undefined && compare(wanted, VERSION) <= 0) {
    context.output.out.line(notOlder(wanted));
    return EXIT.done;
  }
  const words = to === undefined ? ["upgrade"] : ["upgrade", "--to", to];
  needWritable(context, { folder, words });
  const { out, err } = context.output;
  err.line("downloading…");
  const args = ["--into", folder, "--version", wanted];
  const said = await install(context, args, { shown: err.isTerminal });
  if (said === undefined) return EXIT.failed;
  for (const line of said.trimEnd().split("\n")) out.line(plain(line));
  return EXIT.done;
}

/** Releases are numbers with points between them. */
const { compare } = new Intl.Collator("en", { numeric: true });

/** The folder of this program. Throws `RalphError` (`usage`) where it is not `install.sh`'s to fill. */
function ownFolder(): string {
  if (!Deno.build.standalone) {
    throw new RalphError("usage", "this ralph runs from its source, which is upgraded by git", [
      { text: "get what is new", command: "git pull" },
    ]);
  }
  const program = Deno.realPathSync(Deno.execPath());
  if (program.includes("/node_modules/")) {
    throw new RalphError("usage", "this ralph was installed by npm, which also upgrades it", [
      { text: "for all projects", command: `npm install --global ${NPM_PACKAGE}@latest` },
    ]);
  }
  if (path.basename(program) === "ralph") return path.dirname(program);
  throw new RalphError(
    "usage",
    `this program is ${plain(program, 200)}, and a release is installed as \`ralph\``,
    [{ text: "put another one beside it: install.sh --into FOLDER" }],
  );
}

/**
 * Throws `RalphError` (`failed`) where this user may put nothing beside the program, with the command
 * of who may: what the script would advise, another folder, is no upgrade. `words`: those of this one.
 */
function needWritable(
  context: CommandContext,
  { folder, words }: { folder: string; words: readonly string[] },
): void {
  try {
    Deno.removeSync(Deno.makeTempDirSync({ dir: folder, prefix: ".ralph-install." }));
  } catch (error) {
    const why = error instanceof Error ? plain(error.message.split(": ", 1)[0], 100) : "";
    const command = [path.join(folder, "ralph"), ...words].map(shellWord).join(" ");
    const asRoot = onPath(context, "sudo") === undefined
      ? `su -c ${shellWord(command)}`
      : `sudo ${command}`;
    throw new RalphError(
      "failed",
      `cannot upgrade: cannot write to ${plain(folder, 200)}: ${why}`,
      error instanceof Deno.errors.PermissionDenied ? [{ text: "as root", command: asRoot }] : [],
    );
  }
}

/**
 * Runs the script that this program brings along; hands back what it printed. Throws what it says of a
 * failure; `shown`: the terminal gets that, and how far it is, and what comes back is undefined.
 */
async function install(
  { mainUrl }: CommandContext,
  args: readonly string[],
  { shown = false } = {},
): Promise<string | undefined> {
  const script = Deno.readTextFileSync(new URL("./install.sh", mainUrl));
  const names = [...NO_SECRETS, RELEASES];
  const env = names.flatMap((name) => {
    const value = environment(name);
    return value === undefined ? [] : [[name, value]];
  });
  // in this process's group: Ctrl-C is for both
  const ended = await new Deno.Command("/bin/sh", {
    args: ["-c", script, "install.sh", ...args],
    clearEnv: true,
    env: Object.fromEntries(env),
    stdin: "null",
    stderr: shown ? "inherit" : "piped",
  }).output();
  const decoder = new TextDecoder();
  if (ended.code === 0) return decoder.decode(ended.stdout);
  if (shown) return undefined;
  throw failureOf(decoder.decode(ended.stderr));
}

/** What the script says when it fails, as an error of this program. */
function failureOf(said: string): RalphError {
  const lines = said.trim().split("\n");
  const line = lines.find((one) => one.startsWith("error: ")) ?? lines.at(-1) ?? "";
  const hints: readonly Hint[] = lines.filter((one) => one.startsWith("hint: "))
    .map((one) => ({ text: one.slice("hint: ".length) }));
  const why = line.replace(/^error: /, "");
  return new RalphError("failed", `cannot upgrade: ${plain(why, 500)}`, hints);
}
