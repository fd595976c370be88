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
const BUNDLED = /^(aisdk:)?@ai-sdk\//;

const words = z.union([z.string(), z.array(z.string().catch(""))]).transform((one) =>
  typeof one === "string" ? one : one.join(" ")
);
const programs = z.record(
  z.string(),
  z.object({ command: words.optional().catch(undefined) }).catch({}),
).catch({});
const commandTexts = z.record(
  z.string(),
  z.object({ template: z.string().catch("") }).catch({ template: "" }),
).catch({});
/** The package that a provider is loaded from. In its models' settings: of that one alone. */
const byNpm = z.object({ npm: z.string().optional().catch(undefined) });
const byPackage = z.object({ package: z.string().optional().catch(undefined) });
const settings = z.object({
  plugin: z.array(z.union([z.string(), z.tuple([z.string()]).rest(z.unknown())]).catch("?"))
    .catch([]),
  mcp: programs,
  lsp: programs,
  formatter: programs,
  shell: z.string().optional().catch(undefined),
  command: commandTexts,
  provider: z.record(
    z.string(),
    byNpm.extend({
      models: z.record(z.string(), z.object({ provider: byNpm }).catch({ provider: {} })).catch({}),
    }).transform(({ npm, models }) => [
      npm,
      ...Object.values(models).map(({ provider }) => provider.npm),
    ]).catch([]),
  ).catch({}),
  // Before 1.18: commands after an edit, and at the end of a session.
  experimental: z.object({ hook: z.unknown() }).catch({ hook: undefined }),
});
/** What OpenCode 2 has in other words, in its build of July 2026. */
const settings2 = z.object({
  plugins: z.array(
    z.union([
      z.string(),
      z.object({ package: z.string() }).transform((plugin) => plugin.package),
    ]).catch("?"),
  ).catch([]),
  mcp: z.object({ servers: programs }).catch({ servers: {} }),
  commands: commandTexts,
  providers: z.record(
    z.string(),
    byPackage.extend({ models: z.record(z.string(), byPackage.catch({})).catch({}) })
      .transform(({ models, ...provider }) =>
        [provider, ...Object.values(models)].map((one) => one.package)
      ).catch([]),
  ).catch({}),
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
  const one = settings.parse(value);
  const two = settings2.parse(value);
  const run = (what: string, of: typeof one.mcp) =>
    Object.entries(of).flatMap(([name, { command }]) =>
      command === undefined ? [] : [`${what} ${name}: ${command}`]
    );
  const load = (providers: Readonly<Record<string, readonly (string | undefined)[]>>) =>
    Object.entries(providers).flatMap(([name, modules]) =>
      [...new Set(modules)].flatMap((module) =>
        module === undefined || BUNDLED.test(module) ? [] : [`provider ${name}: ${module}`]
      )
    );
  return [
    ...one.plugin.map((plugin) => `plugin ${typeof plugin === "string" ? plugin : plugin[0]}`),
    // `-name` turns one off
    ...two.plugins.filter((plugin) => !plugin.startsWith("-")).map((plugin) => `plugin ${plugin}`),
    ...run("mcp", one.mcp),
    ...run("mcp", two.mcp.servers),
    ...run("lsp", one.lsp),
    ...run("formatter", one.formatter),
    ...one.shell === undefined ? [] : [`shell ${one.shell}`],
    ...[one.command, two.commands].flatMap(Object.entries<{ template: string }>)
      .filter(([, { template }]) => SHELL.test(template))
      .map(([name]) => `command ${name} (shell commands)`),
    ...load(one.provider),
    ...load(two.providers),
    ...one.experimental.hook === undefined ? [] : [`hook ${JSON.stringify(one.experimental.hook)}`],
  ];
}
