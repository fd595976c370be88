/** Chance that can be had again: the same seed and name draw the same. */

export interface Random {
  /** From 0 up to, and without, 1. */
  (): number;
  /** A whole number, both ends included. */
  between(min: number, max: number): number;
  chance(probability: number): boolean;
  pick<T>(list: readonly T[]): T;
  /** One of the keys, each as likely as its weight says. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K;
}

/** `name` keeps draws apart: one draw more for the agent does not move what the server draws. */
export function createRandom(seed: number, name: string): Random {
  const draw = mulberry32(hash(`${seed} ${name}`));
  const between = (min: number, max: number) => min + Math.floor(draw() * (max - min + 1));
  return Object.assign(draw, {
    between,
    chance: (probability: number) => draw() < probability,
    pick: <T>(list: readonly T[]): T => list[between(0, list.length - 1)],
    weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
      const entries = Object.entries(weights) as [K, number][];
      let left = draw() * entries.reduce((sum, [, weight]) => sum + weight, 0);
      return (entries.find(([, weight]) => (left -= weight) < 0) ?? entries[0])[0];
    },
  });
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  }
  return value >>> 0;
}

/** Tommy Ettinger's generator, by way of Mulberry32: 32 bits of state, good enough for dice. */
function mulberry32(state: number): () => number {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
  };
}
