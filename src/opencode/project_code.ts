/** What a project has OpenCode run as soon as it works there, read from the files alone. */
import * as path from "node:path";
import { z } from "zod";
import { plain } from "../terminal/plain.ts";
import { type ProjectFiles, projectSettings } from "./settings_files.ts";

/** Of one name or command, in characters. */
const WORDS_MAX = 100;
const SHOWN_MAX = 8;
/** Of one folder: nobody reads more names than that. */
const FILES_MAX = 50;
/** How deep commands are looked for in folders. */
const DEPTH_MAX = 4;

/** A command's text has its shell commands in `` !`…` ``: they run when somebody gives the command. */
const SHELL = /!`/;
/** Providers that OpenCode brings along: it installs and loads any other package. */
const BUNDLED = /^@ai-sdk\//;

const words = z.union([z.string(), z.array(z.string().catch(""))]).transform((one) =>
  typeof one === "string" ? one : one.join(" ")
);
const programs = z.record(
  z.string(),
  z.object({ command: words.optional().catch(undefined) }).catch({}),
).catch({});
const settings = z.object({
  plugin: z.array(z.union([z.string(), z.tuple([z.string()]).rest(z.unknown())]).catch("?"))
    .catch([]),
  mcp: programs,
  lsp: programs,
  formatter: programs,
  shell: z.string().optional().catch(undefined),
  command: z.record(
    z.string(),
    z.object({ template: z.string().catch("") }).catch({ template: "" }),
  )
    .catch({}),
  provider: z.record(
    z.string(),
    z.object({ npm: z.string().optional().catch(undefined) }).catch({}),
  ).catch({}),
  // Before 1.18: commands after an edit, and at the end of a session.
  experimental: z.object({ hook: z.unknown() }).catch({ hook: undefined }),
});

/**
 * Files and commands, each in words that are safe to show: plugins and tools, which a server loads with
 * the project (1.1.53, 1.18.33), and the programs that its settings name. Empty where there are none.
 */
export function projectCode(files: ProjectFiles): readonly string[] {
  const folder = path.join(files.root, ".opencode");
  return [
    ...scripts(files, folder, ["plugin", "plugins"]),
    ...scripts(files, folder, ["tool", "tools"]),
    ...commands(files, folder),
    ...files.list(folder).includes("package.json") ? [".opencode/package.json (packages)"] : [],
    ...projectSettings(files).flatMap(({ name, value }) =>
      ofSettings(value).map((one) => `${name}: ${plain(one, WORDS_MAX)}`)
    ),
  ];
}

/** The first of them, on one line; undefined where there are none. */
export function codeWords(code: readonly string[]): string | undefined {
  if (code.length === 0) return undefined;
  const more = code.length > SHOWN_MAX ? `; and ${code.length - SHOWN_MAX} more` : "";
  return code.slice(0, SHOWN_MAX).join("; ") + more;
}

function scripts(
  { list }: ProjectFiles,
  folder: string,
  names: readonly string[],
): readonly string[] {
  return names.flatMap((name) =>
    list(path.join(folder, name)).filter((file) => /\.[cm]?[jt]s$/.test(file)).toSorted()
      .slice(0, FILES_MAX).map((file) => plain(`.opencode/${name}/${file}`, WORDS_MAX))
  );
}

function commands({ root, list, readText }: ProjectFiles, folder: string): readonly string[] {
  const within = (at: string, depth: number): readonly string[] =>
    depth > DEPTH_MAX ? [] : list(at).toSorted().slice(0, FILES_MAX).flatMap((name) => {
      const file = path.join(at, name);
      return name.endsWith(".md") ? [file] : within(file, depth + 1);
    });
  return ["command", "commands"].flatMap((name) => within(path.join(folder, name), 1))
    .filter((file) => SHELL.test(readText(file) ?? ""))
    .map((file) => plain(`${path.relative(root, file)} (shell commands)`, WORDS_MAX));
}

function ofSettings(value: unknown): readonly string[] {
  const { plugin, mcp, lsp, formatter, shell, command, provider, experimental } = settings.parse(
    value,
  );
  const run = (what: string, of: typeof mcp) =>
    Object.entries(of).flatMap(([name, { command }]) =>
      command === undefined ? [] : [`${what} ${name}: ${command}`]
    );
  return [
    ...plugin.map((one) => `plugin ${typeof one === "string" ? one : one[0]}`),
    ...run("mcp", mcp),
    ...run("lsp", lsp),
    ...run("formatter", formatter),
    ...shell === undefined ? [] : [`shell ${shell}`],
    ...Object.entries(command).filter(([, { template }]) => SHELL.test(template))
      .map(([name]) => `command ${name} (shell commands)`),
    ...Object.entries(provider).flatMap(([name, { npm }]) =>
      npm === undefined || BUNDLED.test(npm) ? [] : [`provider ${name}: ${npm}`]
    ),
    ...experimental.hook === undefined ? [] : [`hook ${JSON.stringify(experimental.hook)}`],
  ];
}
