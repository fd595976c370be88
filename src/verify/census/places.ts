/** Where something stands in a text, found once and asked for often. */

export interface Places {
  /** The last one before `index`; -1 when there is none. */
  lastBefore(index: number): number;
  /** The first one from `index` on; undefined when there is none. */
  firstFrom(index: number): number | undefined;
}

/** `pattern` has the flag `g`. The text is read when the first question comes. */
export function placesOf(text: string, pattern: RegExp): Places {
  let found: Places | undefined;
  const places = () =>
    found ??= sortedPlaces(Array.from(text.matchAll(pattern), ({ index }) => index));
  return {
    lastBefore: (index) => places().lastBefore(index),
    firstFrom: (index) => places().firstFrom(index),
  };
}

export function sortedPlaces(places: readonly number[]): Places {
  const countBefore = (index: number): number => {
    let [low, high] = [0, places.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (places[middle] < index) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return {
    lastBefore: (index) => places[countBefore(index) - 1] ?? -1,
    firstFrom: (index) => places[countBefore(index)],
  };
}
