/** Environment variables that programs need to find their way, and that hold no keys: for what ralph starts. */

/**
 * Not among them: what makes git work elsewhere (`GIT_DIR`), what changes how an interpreter runs
 * (`NODE_OPTIONS`), and ralph's and the server's own, with its password.
 */
export const NO_SECRETS: readonly string[] = [
  "HOME PATH USER LOGNAME SHELL LANG LANGUAGE TZ TMPDIR",
  // locale(7)
  "LC_ALL LC_ADDRESS LC_COLLATE LC_CTYPE LC_IDENTIFICATION LC_MEASUREMENT LC_MESSAGES LC_MONETARY",
  "LC_NAME LC_NUMERIC LC_PAPER LC_TELEPHONE LC_TIME",
  // XDG Base Directory Specification 0.8
  "XDG_CONFIG_HOME XDG_DATA_HOME XDG_STATE_HOME XDG_CACHE_HOME XDG_RUNTIME_DIR",
  "XDG_CONFIG_DIRS XDG_DATA_DIRS",
  // homes, caches and package sources of tool chains
  "ANDROID_HOME ANDROID_SDK_ROOT ASDF_DATA_DIR ASDF_DIR BUN_INSTALL BUNDLE_PATH CARGO_HOME",
  "CARGO_TARGET_DIR CONDA_DEFAULT_ENV CONDA_PREFIX COREPACK_HOME CYPRESS_CACHE_FOLDER DENO_DIR",
  "DENO_INSTALL DOCKER_CONFIG DOCKER_HOST DOTNET_ROOT FLUTTER_ROOT FNM_DIR GEM_HOME GEM_PATH",
  "GOBIN GOCACHE GOMODCACHE GOPATH GOPRIVATE GOPROXY GOROOT GOSUMDB GRADLE_HOME GRADLE_USER_HOME",
  "JAVA_HOME M2_HOME MAVEN_HOME MISE_DATA_DIR NIX_PATH NIX_PROFILES NPM_CONFIG_CACHE",
  "NPM_CONFIG_PREFIX NPM_CONFIG_REGISTRY NPM_CONFIG_USERCONFIG NUGET_PACKAGES NVM_BIN NVM_DIR",
  "PIP_CACHE_DIR PIP_INDEX_URL PLAYWRIGHT_BROWSERS_PATH PNPM_HOME POETRY_HOME PUB_CACHE",
  "PUPPETEER_CACHE_DIR PYENV_ROOT PYENV_VERSION RBENV_ROOT RBENV_VERSION RUSTUP_HOME",
  "RUSTUP_TOOLCHAIN SDKMAN_DIR UV_CACHE_DIR UV_INDEX_URL UV_PYTHON_INSTALL_DIR VIRTUAL_ENV",
  "VOLTA_HOME",
  // proxies, in both spellings that are in use, and certificates
  "ALL_PROXY HTTPS_PROXY HTTP_PROXY NO_PROXY all_proxy https_proxy http_proxy no_proxy",
  "CARGO_HTTP_CAINFO CURL_CA_BUNDLE DENO_CERT DENO_TLS_CA_STORE GIT_SSL_CAINFO NIX_SSL_CERT_FILE",
  "NODE_EXTRA_CA_CERTS PIP_CERT REQUESTS_CA_BUNDLE SSL_CERT_DIR SSL_CERT_FILE",
].join(" ").split(" ");

/** Where a desktop is: to show something on it, or to be asked for a password. */
export const OF_DESKTOP: readonly string[] = [
  "DBUS_SESSION_BUS_ADDRESS",
  "DISPLAY",
  "WAYLAND_DISPLAY",
  "XAUTHORITY",
];

/** Of git, to sign commits: where keys are asked for or kept, never a key itself. */
export const OF_SIGNING: readonly string[] = [
  ..."EMAIL GNUPGHOME GPG_AGENT_INFO GPG_TTY SSH_AGENT_PID SSH_AUTH_SOCK".split(" "),
  ...OF_DESKTOP,
];

/** ralph's own and the server's, with its password: never handed on, whatever a setting says. */
const OURS = /^(?:RALPH|OPENCODE)_/;

/** Whether one of `names` is this variable, or stands for it, as `AWS_*` for all that begin so. */
export function isNamed(variable: string, names: readonly string[]): boolean {
  if (isOurs(variable)) return false;
  return names.some((one) =>
    one.endsWith("*") ? variable.startsWith(one.slice(0, -1)) : one === variable
  );
}

export const isOurs = (variable: string): boolean => OURS.test(variable);
