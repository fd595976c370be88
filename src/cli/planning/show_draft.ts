/** A draft as people see it. */
import { type Draft, type DraftStory, questionLine } from "../../plan/draft.ts";
import type { Colors } from "../../terminal/colors.ts";
import { plain } from "../../terminal/plain.ts";
import { hanging } from "../../terminal/table.ts";

/** The lines of it. Nothing of the model's is in them raw. */
export function draftLines(
  draft: Omit<Draft, "name">,
  { columns, colors, name }: { columns: number; colors: Colors; name: string },
): readonly string[] {
  const list = (title: string, lines: readonly string[]) =>
    lines.length === 0
      ? []
      : ["", colors.bold(title), ...lines.flatMap((line) => hanging("  - ", plain(line), columns))];
  return [
    ...hanging(`\`${plain(name, 80)}\`: `, plain(draft.title), columns),
    ...draft.description === "" ? [] : hanging("", plainText(draft.description), columns),
    ...draft.stories.flatMap((story) => storyLines(story, { columns, colors })),
    ...list("Gates", draft.gates),
    ...list("Not to be done", draft.nonGoals),
    ...list("Open questions", draft.questions.map(questionLine)),
  ];
}

/** A story, after an empty line. */
export function storyLines(
  { id, title, description, dependsOn, criteria }: DraftStory,
  { columns, colors }: { columns: number; colors: Colors },
): readonly string[] {
  return [
    "",
    ...hanging(`${plain(id, 60)}  `, colors.bold(plain(title)), columns),
    ...description === "" ? [] : hanging("  ", plainText(description), columns),
    ...dependsOn.length === 0 ? [] : hanging("  after ", plain(dependsOn.join(", ")), columns),
    ...criteria.flatMap((text) => hanging("  - ", plain(text), columns)),
  ];
}

const plainText = (text: string) => plain(text.replaceAll(/\s+/g, " "));
