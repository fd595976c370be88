/** As far as a slip of the fingers goes: two wrong, missing or superfluous letters. */
const DISTANCE_MAX = 2;

/**
 * The candidate that `name` was probably meant to be, undefined when none is near. Upper and lower
 * case count as the same; of several equally near ones it is the first.
 */
export function didYouMean(name: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = DISTANCE_MAX + 1;
  for (const candidate of candidates) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    // two edits make anything of a name with two letters
    const likely = distance < Math.min(name.length, candidate.length);
    if (likely && distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Levenshtein's distance in UTF-16 units; Infinity when the lengths alone are too far apart. */
function editDistance(from: string, to: string): number {
  if (Math.abs(from.length - to.length) > DISTANCE_MAX) return Infinity;
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const replace = from[row - 1] === to[column - 1] ? 0 : 1;
      current.push(Math.min(
        previous[column] + 1,
        current[column - 1] + 1,
        previous[column - 1] + replace,
      ));
    }
    previous = current;
  }
  return previous[to.length];
}
