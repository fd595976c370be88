/** What is wrong with a file: all of it at once, each fault with its place and what to write instead. */
import { type Hint, RalphError } from "../error.ts";
import { plain } from "../terminal/plain.ts";
import { lineAt, type Source, textAt } from "./source.ts";
import { plural } from "../terminal/plural.ts";

export interface Fault {
  /** A byte of the file. */
  offset: number;
  reason: string;
  hints?: readonly Hint[];
}

/** More would fill the screen; the rest is counted. */
const SHOWN_MAX = 10;

/** A file that cannot be read. Its message is its first fault; its hints have the others. */
class FileError extends RalphError {
  constructor(source: Source, readonly faults: readonly Fault[]) {
    super("usage", messageOf(source, faults), hintsOf(source, faults));
  }
}

/** The error for a file that is wrong at `offset`. */
export function prdError(
  source: Source,
  offset: number,
  reason: string,
  hints: readonly Hint[] = [],
): FileError {
  return new FileError(source, [{ offset, reason, hints }]);
}

/** Throws `FileError` for what is wrong, if anything is. Of faults at one place the first is told. */
export function refuse(source: Source, faults: readonly Fault[]): void {
  if (faults.length === 0) return;
  const places = new Set<number>();
  const apart = faults.filter(({ offset }) => !places.has(offset) && places.add(offset));
  throw new FileError(source, apart.toSorted((a, b) => a.offset - b.offset));
}

/** What `read` gives, or `otherwise` when it throws a `FileError`, whose faults go to `report`. */
export function reading<T>(
  report: (fault: Fault) => void,
  read: () => T,
  otherwise: T,
): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    error.faults.forEach(report);
    return otherwise;
  }
}

function messageOf(source: Source, [{ offset, reason }, ...others]: readonly Fault[]): string {
  const more = others.length;
  return `cannot read ${source.what} at ${plain(source.path)}:${
    placeOf(source, offset)
  }: ${reason}` +
    (more === 0 ? "" : ` (and ${plural(more, "more fault")})`);
}

/** Line and column, which counts characters, from 1. */
function placeOf(source: Source, offset: number): string {
  const line = lineAt(source, offset);
  return `${line}:${textAt(source, source.lineStarts[line - 1], offset).length + 1}`;
}

/** Of the first fault its hints; of each other one what is wrong, and its hints. */
function hintsOf(source: Source, [first, ...others]: readonly Fault[]): readonly Hint[] {
  const shown = others.slice(0, SHOWN_MAX).map(({ offset, reason, hints = [] }) => ({
    text: [`${placeOf(source, offset)}: ${reason}`, ...hints.map(({ text }) => text)].join("; "),
  }));
  const more = others.length - shown.length;
  return [
    ...first.hints ?? [],
    ...shown,
    ...more > 0
      ? [{ text: `${plural(more, "more fault")} ${more === 1 ? "is" : "are"} not shown` }]
      : [],
  ];
}
