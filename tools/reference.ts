/**
 * Makes docs/commands.md of the command tree, and docs/json.md of the forms in json_schemas.ts:
 * `deno run -A tools/reference.ts`.
 */
import * as path from "node:path";
import * as z from "zod";
import { commandContext } from "../src/cli/command_context.ts";
import { MEANINGS } from "../src/cli/exit_codes.ts";
import { type CommandPage, pagesOf } from "../src/cli/pages.ts";
import { COMMANDS, program } from "../src/cli/program.ts";
import { systemClock } from "../src/host/system/clock.ts";
import { PLAIN } from "../src/terminal/colors.ts";
import { PRINTED } from "./json_schemas.ts";

const DOCS = path.join(import.meta.dirname ?? "", "../docs");

/** The files below docs/ that are made here, and their texts. */
export const REFERENCE: Readonly<Record<string, () => Promise<string>>> = {
  "commands.md": commandsText,
  "json.md": jsonText,
};

/** Text of a table or a paragraph: what is not in backticks is no Markdown and no HTML. */
function words(text: string): string {
  return text.split(/(`[^`]*`)/).map((part, i) =>
    i % 2 === 1 ? part : part.replaceAll(/[<*_]/g, "\\$&")
  ).join("").replaceAll("|", "\\|");
}

const code = (text: string) => `\`${text.replaceAll("|", "\\|")}\``;
const block = (text: string) => "```\n" + text + "\n```\n";

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n") + "\n";
}

async function commandsText(): Promise<string> {
  const stream = { write() {}, line() {}, isTerminal: false, width: () => 100, colors: PLAIN };
  const context = commandContext({
    output: { out: stream, err: stream, inputIsTerminal: false },
    clock: systemClock,
    environment: () => undefined,
    mainUrl: import.meta.url,
    cwd: () => "/",
  });
  const [ralph, ...commands] = pagesOf(await program(context, () => {}, Object.keys(COMMANDS)));
  return await formatted([
    "# Commands\n",
    "All that `--help` says, in one place. [usage.md](usage.md) says what the commands do,",
    "[settings.md](settings.md) which options are also settings and variables.",
    "This file is made by `tools/reference.ts`.\n",
    ...commands.map(({ name, summary }) =>
      `- [${code(name)}](#${anchor(name)}): ${words(summary)}`
    ),
    "\nWithout a command, `ralph` shows this project, and what makes sense now.\n",
    table(["option", ""], optionRows(ralph)),
    ...commands.map(commandText),
    "## Exit codes\n",
    table(["code", "meaning"], MEANINGS.map(([exit, meaning]) => [String(exit), words(meaning)])),
    "Codes are only ever added: treat an unknown one other than 0 as a failure.",
  ].join("\n"));
}

const anchor = (name: string) => name.replaceAll(" ", "-");

const optionRows = ({ options }: CommandPage) =>
  options.flatMap(({ terms }) => terms).map(({ term, description }) => [
    code(term),
    words(description),
  ]);

function commandText(page: CommandPage): string {
  const json = page.name.split(" ")[1];
  const rows = [
    ...page.arguments.map(({ term, description }) => [code(term), words(description)]),
    ...optionRows(page),
  ];
  return [
    `## ${page.name}\n`,
    `${words(capital(page.summary))}.\n`,
    block(`${page.name} ${page.usage}`),
    ...rows.length > 0 ? [table(["argument, option", ""], rows)] : [],
    ...page.after.map(block),
    ...Object.hasOwn(PRINTED, json) ? [`With \`--json\`: [the fields](json.md#${json}).\n`] : [],
  ].join("\n");
}

const capital = (text: string) => text.slice(0, 1).toUpperCase() + text.slice(1);

type JsonSchema = z.core.JSONSchema.JSONSchema;

function jsonText(): Promise<string> {
  const parts = new Map<string, JsonSchema>();
  const sections = Object.entries(PRINTED).map(([name, { what, forms, alone = [] }]) => {
    const shown = [...forms, ...alone].map((form) => {
      const { $defs = {}, title, ...schema } = z.toJSONSchema(form);
      for (const [id, part] of Object.entries($defs)) parts.set(id, part as JsonSchema);
      return `${title === undefined ? "" : `${capital(words(title))}:\n\n`}${fieldTable(schema)}`;
    });
    return [`## ${name}\n`, `${words(what)} [Schema](schemas/${name}.json).\n`, ...shown].join(
      "\n",
    );
  });
  return formatted([
    "# JSON\n",
    "What each command prints with `--json`. [usage.md](usage.md#json) says what holds for all of it.",
    "Each object has `schema`, the number of its form, too. `version` is `ralph --version --json`,",
    "and `error` what stands on standard error.",
    "This file is made by `tools/reference.ts`.\n",
    ...sections,
    "# Parts\n",
    ...[...parts].map(([id, part]) => `## ${id}\n\n${fieldTable(part)}`),
  ].join("\n"));
}

function fieldTable(schema: JsonSchema): string {
  return table(["field", "type", "meaning"], fieldRows(schema, ""));
}

function fieldRows({ properties = {}, required = [] }: JsonSchema, before: string): string[][] {
  return Object.entries(properties).flatMap(([name, schema]) => {
    if (typeof schema === "boolean" || name === "schema") return [];
    const place = `${before}${name}`;
    const items = schema.items as JsonSchema | undefined;
    const list = items?.properties ?? items?.$ref ? items : listIn(schema);
    const rows = list?.properties ? fieldRows(list, `${place}[].`) : fieldRows(schema, `${place}.`);
    const absent = required.includes(name) ? "" : "; may be absent";
    return [[code(place), typeOf(schema), words(meaning(schema)) + absent], ...rows];
  });
}

/** The objects of a list that may be null. */
const listIn = ({ anyOf }: JsonSchema) =>
  (anyOf as JsonSchema[] | undefined)?.find(({ items }) => items)?.items as JsonSchema | undefined;

function meaning({ description = "", examples = [] }: JsonSchema): string {
  const shown = examples.map((one) => `\`${one}\``).join(", ");
  return shown === "" ? description : `${description} (such as ${shown})`;
}

function typeOf(schema: JsonSchema): string {
  const { $ref, anyOf, type, format, items, enum: values } = schema;
  if ($ref !== undefined) {
    const id = $ref.split("/").at(-1);
    return `[${id}](#${id})`;
  }
  if (anyOf) return anyOf.map((one) => typeOf(one as JsonSchema)).join(" or ");
  if ("const" in schema) return code(JSON.stringify(schema.const));
  if (values) return values.map((value) => code(String(value))).join(", ");
  if (format === "date-time") return "time";
  if (type === "array") return `list of ${typeOf(items as JsonSchema)}`;
  return [type ?? "any"].flat().join(" or ");
}

/** As `deno fmt` has it, which the checks of this project want. */
async function formatted(text: string): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--quiet", "--ext=md", "-"],
    cwd: path.join(DOCS, ".."),
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const input = child.stdin.getWriter();
  await input.write(new TextEncoder().encode(text));
  await input.close();
  const { success, stdout } = await child.output();
  if (!success) throw new Error("`deno fmt` failed");
  return new TextDecoder().decode(stdout);
}

if (import.meta.main) {
  for (const [name, text] of Object.entries(REFERENCE)) {
    await Deno.writeTextFile(path.join(DOCS, name), await text());
  }
}
