/** Filters that files of a repository are to go through (gitattributes(5)), and that cannot run here. */
import * as path from "node:path";
import type { Clock } from "../../clock.ts";
import { textOf } from "../files/read_file.ts";
import { findProgram, isExecutable } from "../process/programs.ts";
import { gitFolders } from "./git_folder.ts";
import { gitText } from "./run_git.ts";

/** Files of a repository are to go through it (gitattributes(5)). */
export interface MissingFilter {
  readonly name: string;
  /** What is to run, and is not there; undefined: nothing is set up, and git takes files in as they are. */
  readonly program?: string;
  /** Without it no such file can be committed (`filter.<name>.required`, gitattributes(5)). */
  readonly required: boolean;
}

interface Options {
  clock: Clock;
  signal?: AbortSignal;
  /** PATH, as this process has it. */
  searchPath: string;
}

const ATTRIBUTES = ":(glob)**/.gitattributes";
const NAMED = /^(?!\s*#).*?\sfilter=(\S+)/gm;
/** A program and its arguments: what else a shell would make of the line nobody knows. */
const PLAIN = /^(?:"([\w./+-]+)"|([\w./+-]+))(?:\s|$)/;

/** None where git does not answer. Nothing is run but git. */
export async function missingFilters(
  root: string,
  { searchPath, ...options }: Options,
): Promise<readonly MissingFilter[]> {
  const names = await filtersNamed(root, options);
  if (names.size === 0) return [];
  const settings = await filterSettings(root, options);
  return [...names].sort().flatMap((name) => missing(name, { settings, searchPath }));
}

/** Those that the files of attributes name, which git has or which are the repository's own. */
async function filtersNamed(
  root: string,
  options: Omit<Options, "searchPath">,
): Promise<ReadonlySet<string>> {
  const listed = await gitText(root, ["ls-files", "-z", "--", ATTRIBUTES], options);
  const own = gitFolders(root);
  const files = (listed ?? "").split("\0").filter(Boolean).map((file) => path.join(root, file))
    .concat(own ? [path.join(own.common, "info", "attributes")] : []);
  const texts = files.flatMap((file) => textOf(file) ?? []);
  return new Set(texts.flatMap((text) => [...text.matchAll(NAMED)].map(([, name]) => name)));
}

type FilterSettings = ReadonlyMap<string, string>;

async function filterSettings(
  root: string,
  options: Omit<Options, "searchPath">,
): Promise<FilterSettings> {
  const args = ["config", "--null", "--get-regexp", String.raw`^filter\.`];
  const printed = await gitText(root, args, options) ?? "";
  return new Map(
    printed.split("\0").filter(Boolean).map((field) => {
      const [key, ...value] = field.split("\n");
      return [key, value.join("\n")];
    }),
  );
}

function missing(
  name: string,
  { settings, searchPath }: { settings: FilterSettings; searchPath: string },
): readonly MissingFilter[] {
  const setting = (what: string) => settings.get(`filter.${name}.${what}`);
  const required = /^(true|yes|on|1)$/i.test(setting("required") ?? "");
  const command = setting("process") || setting("clean");
  if (!command) return setting("smudge") ? [] : [{ name, required }];
  const [, quoted, bare] = PLAIN.exec(command) ?? [];
  const program = quoted ?? bare;
  if (program === undefined) return [];
  const isThere = program.includes("/")
    ? !path.isAbsolute(program) || isExecutable(program)
    : findProgram(program, { searchPath, folders: [] }) !== undefined;
  return isThere ? [] : [{ name, program, required }];
}
