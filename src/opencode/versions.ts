/** Which versions of OpenCode this ralph was tested with. */

export const TESTED_VERSIONS = "1.1.53 to 1.18";

/** Whether a version lies between the oldest and the newest that the tests run with. */
export function isTestedVersion(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split(/[.-]/).map(Number);
  if (major !== 1 || minor < 1 || minor > 18) return false;
  return minor > 1 || patch >= 53;
}
