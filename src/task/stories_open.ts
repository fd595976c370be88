/** How many stories are left, in words. */
export function storiesOpen(open: number, total: number): string {
  return total === 1 ? `${open} story open` : `${open} of ${total} stories open`;
}
