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

/** Makes these the variables of this process, and of those that it starts. */
export function takeOverEnvironment(values: Readonly<Record<string, string>>): void {
  for (const name of environmentNames()) if (!(name in values)) Deno.env.delete(name);
  for (const [name, value] of Object.entries(values)) Deno.env.set(name, value);
}

/**
 * Keeps requests to this machine away from a proxy that HTTP_PROXY names: Deno's `fetch` would send
 * them there too (measured, 2.9.6). To be called before the first request; child processes see it.
 */
export function keepLoopbackOffProxies(): void {
  if (!environment("HTTP_PROXY") && !environment("http_proxy")) return;
  const spared = environment("NO_PROXY") ?? environment("no_proxy");
  Deno.env.set("NO_PROXY", [spared, "127.0.0.1", "localhost", "::1"].filter(Boolean).join(","));
}
