/** Where the state of a markdown story stands, and how it is changed. */
import type { Heading } from "./markdown_lines.ts";
import type { StateSpan } from "./prd_document.ts";
import type { Edit, Source } from "./source.ts";
import type { readStoryBody } from "./story_body.ts";
import { headingBox, headingCheck, type MarkedSign } from "./story_state.ts";

/** What holds the state of a story: its boxes, the box and the mark in its heading, its status. */
export function marksOf(
  { view }: Source,
  heading: Heading,
  { boxes, status }: Pick<ReturnType<typeof readStoryBody>, "boxes" | "status">,
) {
  const text = view.slice(heading.textStart, heading.end);
  const inFile = (sign: MarkedSign | undefined) =>
    sign && {
      ...sign,
      start: heading.textStart + sign.start,
      end: heading.textStart + sign.end,
    };
  const box = inFile(headingBox(text));
  const check = inFile(headingCheck(text));
  const ofBoxes = { what: "its boxes", done: boxes.every(({ ticked }) => ticked) };
  // a heading holds it where nothing else can: a mark is there only once it is done
  const place = heading.textStart + (/^[ \t]*/.exec(text)?.[0].length ?? 0);
  const lacksBox = boxes.length === 0 && !box && !status;
  const newBox = (passes: boolean): Edit => ({
    start: place,
    end: place,
    text: `${text === "" || place > heading.textStart ? "" : " "}[${passes ? "x" : " "}] `,
  });
  const signs = [boxes.length > 0 ? ofBoxes : undefined, box, check, status]
    .filter((sign) => sign !== undefined);
  const spans: StateSpan[] = [
    { name: "heading", start: heading.start, end: heading.end },
    ...boxes.map(({ mark }) => ({ name: "box", ...mark })),
    ...status ? [{ name: "status", start: status.valueStart, end: status.valueEnd }] : [],
  ];
  return {
    signs,
    names: [
      ...boxes.length > 0 ? ["boxes"] : [],
      ...box || lacksBox ? ["heading"] : [],
      ...status ? ["status"] : [],
    ],
    spans: spans.toSorted((a, b) => a.start - b.start),
    ...lacksBox && { box: newBox },
    edits: (passes: boolean): readonly Edit[] => {
      const mark = passes ? "x" : " ";
      const edits: readonly (Edit | undefined)[] = [
        ...boxes.filter(({ ticked }) => ticked !== passes)
          .map(({ mark: { start, end } }) => ({ start, end, text: mark })),
        box && box.done !== passes ? { ...box, text: mark } : undefined,
        check && !passes ? { ...check, text: "" } : undefined,
        status && status.done !== passes
          ? { ...status, text: view[status.start] === "[" ? `[${mark}]` : passes ? "Done" : "Open" }
          : undefined,
        lacksBox ? newBox(passes) : undefined,
      ];
      return edits.filter((edit) => edit !== undefined)
        .map(({ start, end, text }) => ({ start, end, text }))
        .toSorted((a, b) => a.start - b.start);
    },
  };
}
