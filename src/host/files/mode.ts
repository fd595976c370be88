/**
 * Permission bits and owner of what is at a path, and where a link there leads: then they are those of
 * what it leads to. Undefined when nothing is there.
 */
export function modeOf(
  path: string,
): { mode: number; uid: number; gid?: number; isLinkTo?: string } | undefined {
  try {
    const isLinkTo = Deno.lstatSync(path).isSymlink ? Deno.readLinkSync(path) : undefined;
    const { mode, uid, gid } = Deno.statSync(path);
    return { mode: (mode ?? 0) & 0o777, uid: uid ?? 0, gid: gid ?? undefined, isLinkTo };
  } catch {
    return undefined;
  }
}
