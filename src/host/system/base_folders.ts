/** The folders of settings, of what lasts and of state, after the XDG Base Directory Specification. */
import * as path from "node:path";

const BASES = {
  XDG_CONFIG_HOME: ".config",
  XDG_DATA_HOME: ".local/share",
  XDG_STATE_HOME: ".local/state",
} as const;
type Base = keyof typeof BASES;
const BASE_NAMES = Object.keys(BASES) as readonly Base[];

export type BaseFolders = Readonly<Record<Base, string>>;

/** Those of an environment. One that is relative does not count. */
export function baseFolders(
  environment: (name: string) => string | undefined,
  home: string,
): BaseFolders {
  const folder = (name: Base) => {
    const set = environment(name);
    return set !== undefined && path.isAbsolute(set) ? set : path.join(home, BASES[name]);
  };
  return {
    XDG_CONFIG_HOME: folder("XDG_CONFIG_HOME"),
    XDG_DATA_HOME: folder("XDG_DATA_HOME"),
    XDG_STATE_HOME: folder("XDG_STATE_HOME"),
  };
}

/** The names of those that are not where they are without a variable. */
export function movedBases(folders: BaseFolders, home: string): readonly Base[] {
  return BASE_NAMES.filter((name) => folders[name] !== path.join(home, BASES[name]));
}
