/** `ralph doctor`: every check, with the command that mends it. It changes nothing. */
import { allChecks } from "../doctor/checks.ts";
import type { Check } from "../doctor/check.ts";
import { hasFailed, type Look, MARKS, reportJson, reportLines } from "../doctor/report.ts";
import { runChecks, selectChecks } from "../doctor/run_checks.ts";
import { RalphError } from "../error.ts";
import { selfCommand } from "../host/self.ts";
import { readFileIfAny } from "../host/files.ts";
import { systemTree } from "../host/tree.ts";
import { fitUnit, type UnitFile, unitFileText } from "../host/unit_file.ts";
import { readSettings } from "../settings/read.ts";
import { DEFAULT_SERVER_URL, serverUrl } from "../settings/server_url.ts";
import { findProjectRoot } from "../task/find.ts";
import { nearest } from "../task/nearest.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";
import { table } from "../terminal/table.ts";
import type { Context } from "./context.ts";
import { type DoctorOrder, doctorProbes } from "./doctor_probes.ts";
import { EXIT } from "./exit_codes.ts";
import { programOf } from "./names.ts";

export interface DoctorOptions {
  /** Ids of checks, or names of groups; all when there is none. */
  checks: readonly string[];
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

export async function doctor(context: Context, options: DoctorOptions): Promise<number> {
  if (options.printUnit !== undefined) return printUnit(context, options, options.printUnit);
  const checks = allChecks({ deep: options.deep });
  if (options.list) return list(context, checks);
  const wanted = chosen(checks, options.checks);

  const order = await orderOf(context, options);
  const results = await runChecks(wanted, {
    probes: doctorProbes(context, order),
    clock: context.clock,
    limitMs: options.deep ? DEEP_MS : undefined,
  });
  const { out } = context.output;
  if (options.json) out.line(reportJson(results));
  else for (const line of reportLines(results, lookOf(context), options.verbose)) out.line(line);
  return hasFailed(results, options) ? EXIT.failed : EXIT.done;
}

/** The settings as the loop would have them; what is wrong with them is a check's to tell. */
async function orderOf(context: Context, { server, deep }: DoctorOptions): Promise<DoctorOrder> {
  const flags = server === undefined ? {} : { server: serverUrl(server) };
  const projectRoot = findProjectRoot(context.cwd(), systemTree) ?? context.cwd();
  try {
    const { settings } = await readSettings({
      projectRoot,
      environment: context.environment,
      variableNames: [],
      readFile: readFileIfAny,
      flags,
    });
    const { model } = settings;
    return {
      serverUrl: settings.server,
      model: model && `${model.providerId}/${model.modelId}`,
      deep,
    };
  } catch (error) {
    if (!(error instanceof RalphError)) throw error;
    return { serverUrl: flags.server ?? DEFAULT_SERVER_URL, deep, settingsProblem: error };
  }
}

async function printUnit(
  context: Context,
  options: DoctorOptions,
  which: UnitFile | true,
): Promise<number> {
  const name = which === true ? "opencode" : which;
  const text = unitFileText(name, context.mainUrl);
  const { serverUrl } = await orderOf(context, options);
  const port = Number(new URL(serverUrl).port) || 80;
  if (name === "resume") {
    const self = selfCommand(context.mainUrl).map(shellWord).join(" ");
    context.output.out.write(text.replace("%h/.local/bin/ralph", () => self));
    return EXIT.done;
  }
  context.output.out.write(
    name === "opencode"
      ? fitUnit(text, {
        port,
        program: programOf(context, "opencode"),
        home: context.environment("HOME") ?? "/",
      })
      : text,
  );
  return EXIT.done;
}

function list({ output }: Context, checks: readonly Check[]): number {
  for (const line of table(checks.map(({ id, title }) => [id, title]))) output.out.line(line);
  return EXIT.done;
}

/** Throws `RalphError` (`usage`) for a name that is neither a check nor a group. */
function chosen(checks: readonly Check[], names: readonly string[]): readonly Check[] {
  if (names.length === 0) return checks;
  const known = [...new Set(checks.flatMap(({ id, group }) => [group.toLowerCase(), id]))];
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return selectChecks(checks, names);
  if (allChecks({ deep: true }).some(({ id }) => id === unknown)) {
    throw new RalphError("usage", `the check \`${unknown}\` costs a model call`, [
      { text: "if that is all right", command: `ralph doctor --deep ${unknown}` },
    ]);
  }
  const near = nearest(unknown, known);
  throw new RalphError("usage", `there is no check \`${plain(unknown, 60)}\``, [
    ...(near === undefined ? [] : [{ text: `did you mean \`${near}\`?` }]),
    { text: "see which there are", command: "ralph doctor --list" },
  ]);
}

/** Words where symbols may not be shown, or nobody looks at them. */
function lookOf({ output, environment }: Context): Look {
  const locale = environment("LC_ALL") ?? environment("LC_CTYPE") ?? environment("LANG") ?? "";
  const symbols = output.out.isTerminal && /utf-?8/i.test(locale);
  return { marks: symbols ? MARKS.symbols : MARKS.words, colors: output.out.colors };
}
