/** What work changed, as a reviewer sees it. Pure. */

/** One file of a diff. */
export interface FilePatch {
  path: string;
  /** As `git diff` prints it, the line `diff --git …` included. */
  patch: string;
}

/** The highest line that a file had before, as far as its patch tells; 0 where it tells none. */
export function oldLines(patch: string): number {
  const hunks = [...patch.matchAll(/^@@ -(\d+)(?:,(\d+))? \+/gm)];
  return Math.max(0, ...hunks.map(([, from, many = "1"]) => Number(from) + Number(many) - 1));
}

/**
 * The patches within `max` UTF-16 units, each with a fair share of the room; `cut`: how many are not
 * whole.
 */
export function patchesWithin(
  files: readonly FilePatch[],
  max: number,
): { text: string; cut: number } {
  let room = max;
  const bySize = files.toSorted((a, b) => a.patch.length - b.patch.length);
  const shown = new Map<FilePatch, string>();
  bySize.forEach((file, i) => {
    const share = Math.floor(room / (bySize.length - i));
    const isWhole = file.patch.length <= share;
    const text = isWhole ? file.patch : `${file.patch.slice(0, share)}\n[cut here: read the file]`;
    shown.set(file, text);
    room = Math.max(0, room - text.length);
  });
  const texts = files.map((file) => (shown.get(file) ?? "").trimEnd());
  const cut = files.filter((file) => file.patch !== shown.get(file)).length;
  return { text: texts.join("\n"), cut };
}
