/** What a PRD says beside its stories: some of it goes into the prompt, and checks in it are offered. */
import type { JsonNode, JsonObject } from "./json_scan.ts";
import { valueOf } from "./json_stories.ts";
import { headingText, type MarkdownLine } from "./markdown_lines.ts";
import { type Source, textAt } from "./source.ts";

/** A part with its name: a heading with what is below it, or a field. */
export interface Section {
  name: string;
  text: string;
}

/** Of all of it, and of one section, in UTF-16 units: some 1,500 tokens in all. */
const ABOUT_MAX = 6_000;
const SECTION_MAX = 2_000;
/** What changes how a story is to be done comes first where there is not room for all. */
const WEIGHTY =
  /non-?goal|scope|requirement|technical|constraint|consideration|overview|introduction|description|goal|quality|gate|architecture|design/i;
const GATES = /^[^A-Za-z]*quality gates?\b/i;
const GATE_FIELDS = ["qualityGates", "quality_gates", "verifyCommand", "verify_command"];
const COMMAND_FIELDS = ["command", "cmd", "run", "shell"];

/** The sections in their order, as many as there is room for, with the names of those left out. */
export function aboutText(sections: readonly Section[]): string {
  const shown = sections.filter(({ text }) => text !== "").map(({ name, text }) => ({
    name,
    text: text.length > SECTION_MAX
      ? `${text.slice(0, SECTION_MAX).replace(/[\ud800-\udbff]$/, "")} … (it goes on)`
      : text,
  }));
  const kept = new Set<Section>();
  let room = ABOUT_MAX;
  const isWeighty = ({ name }: Section) => name === "" || WEIGHTY.test(name);
  for (const some of [shown.filter(isWeighty), shown.filter((one) => !isWeighty(one))]) {
    for (const section of some) {
      const length = section.name.length + section.text.length + 4;
      if (length > room) continue;
      room -= length;
      kept.add(section);
    }
  }
  const left = shown.filter((section) => !kept.has(section)).map(({ name }) => name);
  return [
    ...shown.filter((section) => kept.has(section))
      .map(({ name, text }) => name === "" ? text : `${name}:\n${text}`),
    left.length === 0 ? "" : `(left out here: ${left.join(", ").slice(0, 500)})`,
  ].filter(Boolean).join("\n\n");
}

/** The lines outside of stories, by their headings. */
export function markdownSections(
  source: Source,
  lines: readonly MarkdownLine[],
  isInStory: (index: number) => boolean,
): readonly Section[] {
  const sections: { name: string; lines: string[] }[] = [{ name: "", lines: [] }];
  for (const [index, line] of lines.entries()) {
    if (isInStory(index) || line.kind === "comment") continue;
    if (line.kind === "heading") {
      sections.push({ name: line.level === 1 ? "" : headingText(source, line), lines: [] });
    } else sections[sections.length - 1].lines.push(textAt(source, line.start, line.end));
  }
  return sections.map(({ name, lines }) => ({
    name,
    text: lines.join("\n").replaceAll(/\n{3,}/g, "\n\n").replace(/(?:^|\n)-{3,}\s*$/, "").trim(),
  }));
}

/** The commands of a section `Quality Gates`: what stands in code in its list, or in a block of code. */
export function markdownOffers(sections: readonly Section[]): readonly string[] {
  return sections.filter(({ name }) => GATES.test(name)).flatMap(({ text }) => {
    let inBlock = false;
    return text.split("\n").flatMap((line) => {
      if (/^\s*(?:`{3,}|~{3,})/.test(line)) {
        inBlock = !inBlock;
        return [];
      }
      if (inBlock) return /^\s*(?:#|$)/.test(line) ? [] : [line.trim().replace(/^\$\s+/, "")];
      const code = /^\s*(?:[-*+]|\d+[.)])\s.*?`([^`]+)`/.exec(line)?.[1].trim();
      return code === undefined || !isCommand(code) ? [] : [code];
    });
  });
}

/** A name alone, such as that of a file, is no check. */
const isCommand = (text: string) =>
  /^[a-z][\w./-]*(?:\s+\S.*)?$/i.test(text) && !/\.\w+$/.test(text);

/** The commands that others' fields name as checks, of the PRD and of its stories. */
export function jsonOffers(objects: readonly JsonObject[]): readonly string[] {
  const found = objects.flatMap((object) =>
    GATE_FIELDS.flatMap((name) => {
      const value = valueOf(object, name);
      return value === undefined ? [] : commandsOf(value);
    })
  );
  return [...new Set(found)];
}

function commandsOf(node: JsonNode): readonly string[] {
  if (node.type === "array") return node.items.flatMap(commandsOf);
  if (node.type === "string") return node.value.trim() === "" ? [] : [node.value.trim()];
  if (node.type !== "object") return [];
  const named = COMMAND_FIELDS.map((name) => valueOf(node, name)).find((one) => one !== undefined);
  return named ? commandsOf(named) : node.members.flatMap(({ value }) => commandsOf(value));
}
