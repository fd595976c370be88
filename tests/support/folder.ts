/** A temporary folder that is removed at the end of a test; `dir`: where, by default in TMPDIR. */
export function temporaryFolder(
  prefix = "ralph-test-",
  dir?: string,
): { path: string } & Disposable {
  const path = Deno.realPathSync(Deno.makeTempDirSync({ prefix, dir }));
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}
