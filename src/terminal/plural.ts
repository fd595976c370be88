/** A whole number with its thousands apart: `12,345`. */
export function count(value: number): string {
  return String(Math.round(value)).replaceAll(/\B(?=(\d{3})+$)/g, ",");
}

/** `1 commit`, `2 commits`, `3 stories`. */
export function plural(value: number, noun: string): string {
  const all = value === 1 ? noun : `${noun.replace(/([^aeiou])y$/, "$1ie")}s`;
  return `${count(value)} ${all}`;
}
