/** The environment variables, read in this one place. */

/** The value of a variable; undefined when it is unset or empty. */
export function environment(name: string): string | undefined {
  return Deno.env.get(name) || undefined;
}

/** All variables, by name. */
export function allEnvironment(): Record<string, string> {
  return Deno.env.toObject();
}

/** The names of all variables. */
export function environmentNames(): readonly string[] {
  return Object.keys(allEnvironment());
}

/** Sets one for this process, and for those that it starts. */
export function setVariable(name: string, value: string): void {
  Deno.env.set(name, value);
}

/** Makes these the variables of this process, and of those that it starts. */
export function takeOverEnvironment(values: Readonly<Record<string, string>>): void {
  for (const name of environmentNames()) if (!(name in values)) Deno.env.delete(name);
  for (const [name, value] of Object.entries(values)) Deno.env.set(name, value);
}

/** Whatever is listed in them, in the forms that programs read: names, addresses, ranges. */
const LOOPBACK = ["localhost", "127.0.0.1", "127.0.0.0/8", "::1", "[::1]"];

/**
 * Keeps requests to this machine, the server's password in them, away from every proxy that a variable
 * names (HTTP_PROXY, ALL_PROXY and their like, in both spellings): Deno's `fetch` would send them there
 * (measured, 2.9.6), and so would the OpenCode that `ralph attach` starts. To be called before the
 * first request.
 */
export function keepLoopbackOffProxies(): void {
  if (!environmentNames().some((name) => /^(?!no_).*_proxy$/i.test(name))) return;
  for (const name of ["NO_PROXY", "no_proxy"]) {
    const spared = environment(name) ?? environment("NO_PROXY") ?? environment("no_proxy");
    const known = spared?.split(",") ?? [];
    const missing = LOOPBACK.filter((one) => !known.includes(one));
    Deno.env.set(name, [...known, ...missing].join(","));
  }
}
