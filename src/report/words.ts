/** A time as a report tells it: `2026-11-30 07:08 UTC`. Text that is no time stays as it is. Pure. */
export function utc(time: string | number): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return String(time);
  return `${date.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
