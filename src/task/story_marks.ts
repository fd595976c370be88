/** Where the state of a markdown story stands, and how it is changed. */
import type { Heading } from "./markdown_lines.ts";
import type { StateSpan } from "./prd_document.ts";
import type { Edit, Source } from "./source.ts";
import type { readStoryBody } from "./story_body.ts";
import { headingBox, headingChecks, type MarkedSign, type Sign } from "./story_state.ts";

/**
 * What holds the state of a story: its boxes, the box and the marks in its heading, its status; `around`
 * is what says so outside of it.
 */
export function marksOf(
  { view }: Source,
  heading: Heading,
  { boxes, statuses, around }:
    & Pick<ReturnType<typeof readStoryBody>, "boxes" | "statuses">
    & { around?: Sign },
) {
  const text = view.slice(heading.textStart, heading.end);
  const inFile = (sign: MarkedSign) => ({
    ...sign,
    start: heading.textStart + sign.start,
    end: heading.textStart + sign.end,
  });
  const box = [headingBox(text)].flatMap((sign) => sign ? [inFile(sign)] : []).at(0);
  const checks = headingChecks(text).map(inFile);
  const ofBoxes = { what: "its boxes", done: boxes.every(({ ticked }) => ticked) };
  const said = statuses.flatMap(({ sign }) => sign ? [sign] : []);
  // a heading holds it where nothing else can: a mark is there only once it is done
  const place = heading.textStart + (/^[ \t]*/.exec(text)?.[0].length ?? 0);
  const lacksBox = boxes.length === 0 && !box && said.length === 0;
  const newBox = (passes: boolean): Edit => ({
    start: place,
    end: place,
    text: `${text === "" || place > heading.textStart ? "" : " "}[${passes ? "x" : " "}] `,
  });
  const signs = [
    boxes.length > 0 ? ofBoxes : undefined,
    box,
    checks.at(0),
    ...saidOnce(said),
    around,
  ]
    .filter((one) => one !== undefined);
  const spans: StateSpan[] = [
    { name: "heading", start: heading.start, end: heading.end },
    ...boxes.map(({ mark }) => ({ name: "box", ...mark })),
    ...statuses.map(({ valueStart: start, valueEnd: end }) => ({ name: "status", start, end })),
  ];
  return {
    signs,
    names: [
      ...boxes.length > 0 ? ["boxes"] : [],
      ...box || lacksBox ? ["heading"] : [],
      ...said.length > 0 ? ["status"] : [],
    ],
    spans: spans.toSorted((a, b) => a.start - b.start),
    ...lacksBox && { box: newBox },
    edits: (passes: boolean): readonly Edit[] => {
      const mark = passes ? "x" : " ";
      const edits: readonly (Edit | undefined)[] = [
        ...boxes.filter(({ ticked }) => ticked !== passes)
          .map(({ mark: { start, end } }) => ({ start, end, text: mark })),
        box && box.done !== passes ? { ...box, text: mark } : undefined,
        ...checks.map((check) => passes ? undefined : { ...check, text: "" }),
        ...said.map((sign) =>
          sign.done === passes
            ? undefined
            : { ...sign, text: passes ? sign.words.done : sign.words.open }
        ),
        lacksBox ? newBox(passes) : undefined,
      ];
      return edits.filter((edit) => edit !== undefined)
        .map(({ start, end, text }) => ({ start, end, text }))
        .toSorted((a, b) => a.start - b.start || a.end - b.end);
    },
  };
}

/** Of several that say the same, one. */
const saidOnce = (said: readonly Sign[]) =>
  said.filter(({ done }, i) => said.findIndex((one) => one.done === done) === i);
