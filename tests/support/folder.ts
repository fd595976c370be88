/** A temporary folder that is removed at the end of a test. */
export function temporaryFolder(prefix = "ralph-test-"): { path: string } & Disposable {
  const path = Deno.realPathSync(Deno.makeTempDirSync({ prefix }));
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}
