/**
 * A cycle in what waits for what, its first id at the end again; undefined when there is none.
 * Every id that is waited for must be a key.
 */
export function findCycle(
  waitsFor: ReadonlyMap<string, readonly string[]>,
): readonly string[] | undefined {
  // Kahn's algorithm: take away what waits for nothing, until only cycles lead on.
  const waiters = new Map<string, string[]>([...waitsFor.keys()].map((id) => [id, []]));
  for (const [id, others] of waitsFor) for (const other of others) waiters.get(other)?.push(id);
  const left = new Map([...waitsFor].map(([id, others]) => [id, others.length]));
  const free = [...waitsFor.keys()].filter((id) => left.get(id) === 0);
  for (const id of free) {
    left.delete(id);
    for (const waiter of waiters.get(id) ?? []) {
      const count = (left.get(waiter) ?? 0) - 1;
      left.set(waiter, count);
      if (count === 0) free.push(waiter);
    }
  }

  const trail = new Set<string>();
  let [id]: Iterable<string | undefined> = left.keys();
  while (id !== undefined && !trail.has(id)) {
    trail.add(id);
    id = waitsFor.get(id)?.find((other) => left.has(other));
  }
  if (id === undefined) return undefined;
  const ids = [...trail];
  return [...ids.slice(ids.indexOf(id)), id];
}
