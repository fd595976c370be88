/** Stories of one copy of a PRD put into another, byte for byte. */
import { RalphError } from "../../error.ts";
import { openPrd, type PrdDocument } from "../../task/prd.ts";

/** A story, and what stands between it and the one before. */
interface Piece {
  id: string;
  lead: string;
  text: string;
}

/**
 * `ours` with each of these stories as it is in `theirs`: changed, added behind the one that it
 * follows there or at the end, or removed. Throws `RalphError` (`usage`) when that makes no PRD.
 */
export function takeStories(
  ours: PrdDocument,
  theirs: PrdDocument,
  ids: ReadonlySet<string>,
): PrdDocument {
  const { view, path } = ours.source;
  const pieces = piecesOf(ours);
  const wanted = piecesOf(theirs);
  const isJson = ours.format === "json";
  if (isJson && [...pieces, ...wanted].some(({ lead }) => /[^\s,]/.test(lead))) {
    throw new RalphError("usage", "the stories are in several lists");
  }
  for (const id of ids) {
    const at = pieces.findIndex((piece) => piece.id === id);
    const from = wanted.findIndex((piece) => piece.id === id);
    const { text = "", lead = "" } = wanted[from] ?? {};
    if (from < 0) {
      // in markdown, what stands before it belongs to no story
      const [gone] = at < 0 ? [] : pieces.splice(at, 1);
      if (!isJson && gone && pieces[at]) pieces[at].lead = gone.lead + pieces[at].lead;
    } else if (at >= 0) {
      pieces[at].text = text;
    } else {
      const known = new Set(pieces.map((piece) => piece.id));
      const before = wanted.slice(0, from).findLast((piece) => known.has(piece.id));
      const isLast = !wanted.slice(from).some((piece) => known.has(piece.id));
      const place = isLast
        ? pieces.length
        : pieces.findIndex((piece) => piece.id === before?.id) + 1;
      pieces.splice(place, 0, { id, text, lead: isJson ? lead || ",\n    " : "" });
    }
  }
  const { entries } = ours;
  const made = [
    view.slice(0, entries[0].offset),
    ...isJson
      ? pieces.flatMap(({ lead, text }, i) => [i === 0 ? "" : lead || ",\n    ", text])
      : pieces.flatMap(({ lead, text }) => [lead, apart(text)]),
    view.slice(entries[entries.length - 1].end),
  ].join("");
  return openPrd({ path, bytes: Uint8Array.from(made, (char) => char.charCodeAt(0)) });
}

function piecesOf({ source: { view }, entries }: PrdDocument): Piece[] {
  return entries.map(({ story, offset, end }, i) => ({
    id: story.id,
    lead: i === 0 ? "" : view.slice(entries[i - 1].end, offset),
    text: view.slice(offset, end),
  }));
}

/** A section that ended its file may lack the empty line that the next one needs. */
function apart(text: string): string {
  return /\n\s*\n$/.test(text) ? text : `${text.trimEnd()}\n\n`;
}
