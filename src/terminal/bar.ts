/** How far something is: `████░░`. Full only when all is done, and empty only when nothing is. */
export function bar(done: number, total: number, cells = 10): string {
  if (total <= 0) return "";
  const share = Math.round(done / total * cells);
  const full = done >= total ? cells : done <= 0 ? 0 : Math.min(Math.max(share, 1), cells - 1);
  return "█".repeat(full) + "░".repeat(cells - full);
}
