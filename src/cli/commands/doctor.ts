/** `ralph doctor`: every check, with the command that fixes it. It changes nothing. */
import * as path from "node:path";
import { Argument, Command, Option } from "@commander-js/extra-typings";
import { allChecks } from "../../doctor/checks.ts";
import type { Check } from "../../doctor/check.ts";
import { hasFailed, type Look, MARKS, reportJson, reportLines } from "../../doctor/report.ts";
import { isCalled, runChecks, selectChecks } from "../../doctor/run_checks.ts";
import { RalphError } from "../../error.ts";
import { findProgram } from "../../host/process/programs.ts";
import { selfCommand } from "../../host/process/self.ts";
import { readWhole } from "../../host/files/read_file.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import { baseFolders } from "../../host/system/base_folders.ts";
import { portOf } from "../../host/system/port.ts";
import {
  fitUnit,
  lastingFolder,
  type UnitFile,
  unitFileText,
  withFolders,
} from "../../host/system/unit_file.ts";
import { readSettings } from "../../settings/read.ts";
import { DEFAULT_SERVER_URL, serverUrl } from "../../settings/server_url.ts";
import { findProjectRoot } from "../../task/find.ts";
import { didYouMean } from "../../task/did_you_mean.ts";
import { commandJson } from "../../terminal/json_text.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { table } from "../../terminal/table.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { shellOf } from "../doctor_probes/machine.ts";
import { type DoctorOrder, doctorProbes } from "../doctor_probes/probes.ts";
import { EXIT } from "../exit_codes.ts";
import { columnsOf } from "../output/streams.ts";
import { programOf } from "../../app/names.ts";
import { ownCommand } from "../../app/own_name.ts";
import { serverOption } from "../arguments.ts";
import { modelName } from "../../settings/settings.ts";

export function command(context: CommandContext, done: Done) {
  return new Command("doctor")
    .addArgument(new Argument("[checks...]", "groups or checks (default: all)"))
    .option("--deep", "also send one tiny prompt to the model, which costs a model call")
    .option("--strict", "exit with 1 for warnings too")
    .option("--list", "show the checks and run none")
    .option("-v, --verbose", "show every check, with its id and time")
    .addOption(serverOption())
    .addOption(
      new Option(
        "--print-unit [name]",
        "print the systemd unit of the server, or one of its drop-ins",
      ).choices(["opencode", "unattended", "limits", "hardening", "resume"]).preset("opencode"),
    )
    .option("--json", "print everything as JSON")
    .addHelpText(
      "after",
      `
It shows what is wrong, and counts the rest. It changes nothing: each failure comes with a command to
paste.

Examples:
  ralph doctor                      everything, in about a second
  ralph doctor server               one group, and what it needs
  ralph doctor model git            some checks: --list names them all
  ralph doctor --deep               everything, and one prompt to the model
  ralph doctor --print-unit > ~/.config/systemd/user/opencode.service`,
    )
    .action(async (checks, options) => {
      const { deep = false, strict = false, list = false, verbose = false, json = false } = options;
      const named = checks.length > 0;
      done(await doctor(context, { ...options, checks, named, deep, strict, list, verbose, json }));
    });
}

interface DoctorOptions {
  /** Ids of checks, or names of groups; all when there is none. */
  checks: readonly string[];
  /** Whether a person has asked for them: then each is shown. */
  named: boolean;
  server?: string;
  deep: boolean;
  strict: boolean;
  verbose: boolean;
  list: boolean;
  json: boolean;
  printUnit?: UnitFile | true;
}

/** With `--deep` a model answers, which may take a minute. */
const DEEP_MS = 90_000;

/** Looks at what these checks are about, and prints it. */
export async function doctor(context: CommandContext, options: DoctorOptions): Promise<number> {
  if (options.printUnit !== undefined) return printUnit(context, options, options.printUnit);
  const checks = allChecks({ deep: options.deep });
  if (options.list) return list(context, checks, options);
  const wanted = chosen(checks, options.checks);

  const order = await orderOf(context, options);
  const results = await runChecks(wanted, {
    probes: await doctorProbes(context, order),
    clock: context.clock,
    limitMs: options.deep ? DEEP_MS : undefined,
  });
  const { out } = context.output;
  if (options.json) out.line(reportJson(results));
  else {
    const detail = options.verbose ? "times" : options.named ? "all" : "wrong";
    const look = { ...lookOf(context), isPart: options.checks.length > 0 };
    for (const line of reportLines(results, look, detail)) out.line(line);
  }
  return hasFailed(results, options) ? EXIT.failed : EXIT.done;
}

/** The settings as the loop would have them; what is wrong with them is a check's to tell. */
async function orderOf(
  context: CommandContext,
  { server, deep }: DoctorOptions,
): Promise<DoctorOrder> {
  const flags = server === undefined ? {} : { server: serverUrl(server) };
  const projectRoot = findProjectRoot(context.cwd(), systemTree) ?? context.cwd();
  try {
    const { settings } = await readSettings({
      projectRoot,
      environment: context.environment,
      variableNames: [],
      readFile: readWhole,
      flags,
    });
    const { model, agent, verify, gateEnv, protect } = settings;
    return {
      serverUrl: settings.server,
      serverOfProject: settings.serverOfProject,
      model: model && modelName(model),
      agent,
      deep,
      verify,
      gateEnv,
      protect,
    };
  } catch (error) {
    if (!(error instanceof RalphError)) throw error;
    const none = { verify: [], gateEnv: [], protect: [] };
    const serverUrl = flags.server ?? DEFAULT_SERVER_URL;
    return { serverUrl, serverOfProject: false, deep, ...none, settingsProblem: error };
  }
}

async function printUnit(
  context: CommandContext,
  options: DoctorOptions,
  which: UnitFile | true,
): Promise<number> {
  const name = which === true ? "opencode" : which;
  const text = unitFileText(name, context.mainUrl);
  const { serverUrl } = await orderOf(context, options);
  const port = portOf(serverUrl);
  if (name === "resume") {
    const self = selfCommand(context.mainUrl).map(shellWord).join(" ");
    const home = context.environment("HOME") ?? "/";
    const folders = baseFolders(context.environment, home);
    context.output.out.write(
      withFolders(text.replace("%h/.local/bin/ralph", () => self), { folders, home }),
    );
    return EXIT.done;
  }
  context.output.out.write(name === "opencode" ? fitted(context, text, port) : text);
  return EXIT.done;
}

function fitted(context: CommandContext, text: string, port: number): string {
  const { environment } = context;
  const home = environment("HOME") ?? "/";
  const { realPath } = systemTree;
  const program = programOf(context, "opencode");
  if (program !== undefined && lastingFolder(path.dirname(program), realPath) === undefined) {
    context.warn(
      `${program} does not last, and is not in the unit's PATH: install OpenCode elsewhere`,
    );
  }
  return fitUnit(text, {
    port,
    program,
    home,
    folders: baseFolders(environment, home),
    found: (folders) => findProgram("opencode", { searchPath: folders.join(":"), folders: [] }),
    realPath,
  });
}

function list(
  { output }: CommandContext,
  checks: readonly Check[],
  { json }: { json: boolean },
): number {
  const { out } = output;
  if (json) {
    const listed = checks.map(({ id, group, title }) => ({
      id,
      group: group.toLowerCase(),
      title,
    }));
    out.line(commandJson({ checks: listed }, 2));
    return EXIT.done;
  }
  for (const line of table(checks.map(({ id, title }) => [id, title]), columnsOf(out))) {
    out.line(line);
  }
  return EXIT.done;
}

/** Throws `RalphError` (`usage`) for a name that is neither a check nor a group. */
function chosen(checks: readonly Check[], names: readonly string[]): readonly Check[] {
  if (names.length === 0) return checks;
  const isNone = (name: string, of: readonly Check[]) => !of.some((check) => isCalled(check, name));
  const unknown = names.find((name) => isNone(name, checks));
  if (unknown === undefined) return selectChecks(checks, names);
  if (!isNone(unknown, allChecks({ deep: true }))) {
    throw new RalphError("usage", `the check \`${unknown}\` costs a model call`, [
      { text: "if that is all right", command: `ralph doctor --deep ${shellWord(unknown)}` },
    ]);
  }
  const groups = [...new Set(checks.map(({ group }) => group.toLowerCase()))];
  const ends = checks.map(({ id }) => id.slice(id.indexOf(".") + 1));
  const near = didYouMean(unknown, [...groups, ...ends, ...checks.map(({ id }) => id)]);
  throw new RalphError("usage", `there is no check \`${plain(unknown, 60)}\``, [
    ...(near === undefined ? [] : [{ text: `did you mean \`${near}\`?` }]),
    { text: `the groups are: ${groups.join(", ")}` },
    { text: "see which checks there are", command: "ralph doctor --list" },
  ]);
}

/** Words where symbols may not be shown, or nobody looks at them. */
function lookOf(context: CommandContext): Look {
  const { output, environment } = context;
  const locale = environment("LC_ALL") ?? environment("LC_CTYPE") ?? environment("LANG") ?? "";
  const symbols = output.out.isTerminal && /utf-?8/i.test(locale);
  const { out } = output;
  return {
    marks: symbols ? MARKS.symbols : MARKS.words,
    colors: out.colors,
    columns: columnsOf(out),
    shell: shellOf(context),
    more: ownCommand(context)("ralph doctor -v"),
  };
}
