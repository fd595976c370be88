/** A draft as people see it. */
import type { Draft } from "../../plan/draft.ts";
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
    ...draft.stories.flatMap((story) => [
      "",
      ...hanging(`${plain(story.id, 40)}  `, colors.bold(plain(story.title)), columns),
      ...story.description === "" ? [] : hanging("  ", plainText(story.description), columns),
      ...story.dependsOn.length === 0
        ? []
        : hanging("  after ", plain(story.dependsOn.join(", ")), columns),
      ...story.criteria.flatMap((text) => hanging("  - ", plain(text), columns)),
    ]),
    ...list("Gates", draft.gates),
    ...list("Not to be done", draft.nonGoals),
    ...list(
      "Open questions",
      draft.questions.map(({ question, choices }) =>
        choices.length === 0 ? question : `${question} (${choices.join(" / ")})`
      ),
    ),
  ];
}

const plainText = (text: string) => plain(text.replaceAll(/\s+/g, " "));
