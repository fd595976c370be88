#!/bin/sh
# Installs ralph, upgrades it, or removes it. It needs curl or wget, tar, gzip and sha256sum (or shasum),
# and no rights of the administrator.
#
#   sh install.sh                     # the newest release, into ~/.local/bin
#   sh install.sh --version 0.2.0     # that one
#   sh install.sh --prefix /opt/ralph # into /opt/ralph/bin
#   sh install.sh --into ~/bin        # into that folder itself
#   sh install.sh --print-latest      # only say which release is the newest
#   sh install.sh --uninstall
#
# The archive is compared with SHA256SUMS of the same release; where `gh` or `cosign` is installed, it
# is also shown where it was built. What is there stays until the new program has run once, and
# altogether where it is another program.
set -eu

RELEASES=${RALPH_RELEASES:-https://github.com/ralph-loop/ralph/releases}
REPOSITORY=ralph-loop/ralph

usage() {
  cat <<'TEXT'
usage: install.sh [--version X] [--prefix FOLDER | --into FOLDER] [--print-latest | --uninstall]

  --version X      that release; default: the newest
  --prefix FOLDER  install into FOLDER/bin; default: ~/.local
  --into FOLDER    install into FOLDER itself
  --print-latest   say which release is the newest, and install nothing
  --uninstall      remove the program, and say what else of it is there
TEXT
}

# A line for each.
say() { printf '%s\n' "$@"; }

# As one word of a shell.
word() {
  case $1 in
    *[!0-9A-Za-z/.,:_+@%-]* | '') say "'$(say "$1" | sed "s/'/'\\\\''/g")'" ;;
    *) say "$1" ;;
  esac
}

# What failed, why, and then lines that help.
fail() {
  printf 'error: %s\n' "$1" >&2
  shift
  for hint; do printf 'hint: %s\n' "$hint" >&2; done
  exit 1
}

main() {
  version='' bin='' action=install
  while [ $# -gt 0 ]; do
    case $1 in
      --version=* | --prefix=* | --into=*)
        option=${1%%=*} value=${1#*=}
        shift
        set -- "$option" "$value" "$@"
        ;;
    esac
    case $1 in
      --version | --prefix | --into)
        if [ $# -lt 2 ] || [ -z "$2" ]; then
          usage >&2
          exit 2
        fi
        case $1 in
          --version) version=${2#v} ;;
          --prefix) bin=$2/bin ;;
          --into) bin=$2 ;;
        esac
        shift
        ;;
      --print-latest) action=print_latest ;;
      --uninstall) action=uninstall ;;
      -h | --help) usage; exit 0 ;;
      *) printf 'error: unknown argument: %s\n' "$1" >&2; usage >&2; exit 2 ;;
    esac
    shift
  done
  case $version in
    *[!0-9A-Za-z.+-]*) fail "\`$version\` is no version" ;;
  esac
  if [ -z "$bin" ]; then
    [ -n "${HOME:-}" ] || fail 'HOME is not set' 'name a folder: --prefix FOLDER'
    bin=$HOME/.local/bin
  fi
  case $bin in /*) ;; *) bin=$(pwd)/$bin ;; esac
  "$action"
}

print_latest() {
  latest=$(newest)
  say "$latest"
}

install() {
  need_programs
  target=$(platform)
  version=${version:-$(newest)}
  base=$RELEASES/download/v$version
  archive=ralph-$target.tar.gz

  other=$(other_program)
  [ -z "$other" ] || fail "$bin/ralph is $other, which stays" 'put this one elsewhere: --prefix FOLDER' \
    "or move that one away, and try again: mv $(word "$bin/ralph") $(word "$bin/ralph.before")"
  mkdir -p "$bin" 2>/dev/null || cannot_write
  # beside the program, so that putting it in place is one rename
  work=$(mktemp -d "$bin/.ralph-install.XXXXXX" 2>/dev/null) || cannot_write
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  trap 'exit 141' PIPE
  # of one that was killed
  find "$bin" -maxdepth 1 -name '.ralph-install.*' -mmin +60 -exec rm -rf {} + 2>/dev/null || true
  need_exec

  say "ralph $version for $target, from $RELEASES"
  fetch "$base/$archive" "$work/$archive" shown
  fetch "$base/SHA256SUMS" "$work/SHA256SUMS"
  check_sum "$archive"
  check_origin "$archive"

  said=$(tar -xzf "$work/$archive" -C "$work" ralph 2>&1) || {
    need_room "$work/ralph"
    fail "cannot unpack \`ralph\` out of $archive: $said"
  }
  chmod 755 "$work/ralph"
  said=$("$work/ralph" --version 2>&1) ||
    fail "the program does not run here: ${said:-exit code $?}" "the release is for $target: $(uname -srm)"
  before=$(installed)
  running=$(running_tasks)
  mv -f "$work/ralph" "$bin/ralph" || cannot_write
  rm -rf "$work"

  if [ -z "$before" ]; then say "installed: $bin/ralph"
  elif [ "$before" = "$version" ]; then say "installed again: $bin/ralph"
  else say "upgraded from $before: $bin/ralph"
  fi
  [ -z "$running" ] || say 'running, and going on to its end with the program from before:' "$running"
  after_install
}

uninstall() {
  [ -e "$bin/ralph" ] || [ -L "$bin/ralph" ] || fail "there is no $bin/ralph" \
    'if it is elsewhere, name the folder above its bin: --prefix FOLDER'
  other=$(other_program)
  [ -z "$other" ] || fail "$bin/ralph is $other, which stays" "see what it is: ls -ld $(word "$bin/ralph")"
  running=$(running_tasks)
  [ -z "$running" ] || fail 'a worker is running, and without the program nothing would stop it' \
    "stop it first, then try again:
$running"
  rm -f "$bin/ralph" || cannot_write
  say "removed: $bin/ralph"
  data=${XDG_DATA_HOME:-${HOME:-}/.local/share}/ralph
  config=${XDG_CONFIG_HOME:-${HOME:-}/.config}/ralph
  state=${XDG_STATE_HOME:-${HOME:-}/.local/state}/ralph
  for folder in "$data" "$config" "$state"; do
    [ ! -d "$folder" ] || say "left alone: $folder (remove it: rm -r $(word "$folder"))"
  done
  unit=${config%/ralph}/systemd/user/opencode.service
  [ ! -f "$unit" ] ||
    say 'left alone: the OpenCode server (stop it: systemctl --user disable --now opencode)'
}

# What is there in place of this program; nothing when that is this program, or nothing is there. It is
# not asked itself: nobody knows what another one does. This one brings this script along.
other_program() {
  if [ -L "$bin/ralph" ]; then say "a link to $(readlink "$bin/ralph")"
  elif [ -d "$bin/ralph" ]; then say 'a folder'
  elif [ ! -e "$bin/ralph" ]; then return 0
  elif [ ! -r "$bin/ralph" ]; then say 'a file that you may not read'
  elif ! LC_ALL=C grep -qxF "REPOSITORY=$REPOSITORY" "$bin/ralph"; then say 'another program'
  fi
}

# The version of the program that is there; nothing when there is none.
installed() {
  [ -x "$bin/ralph" ] || return 0
  "$bin/ralph" --version 2>/dev/null | sed -n '1s/^ralph \([^ ]*\).*/\1/p'
}

# A line for each task that is being worked on, with the command that stops it; nothing when none is.
running_tasks() {
  [ -n "$(installed)" ] || return 0
  tab=$(printf '\t')
  "$bin/ralph" status 2>/dev/null | while IFS=$tab read -r task status _; do
    [ "$status" = running ] || continue
    say "  $task: $(word "$bin/ralph") stop $(word "$task")"
  done
}

# A file system can be mounted such that it keeps programs, and runs none.
need_exec() {
  printf '#!/bin/sh\n' 2>/dev/null > "$work/try" || need_room "$work/try"
  chmod 755 "$work/try"
  "$work/try" 2>/dev/null || fail "no program runs in $bin: this system does not allow it" \
    "see how it is mounted (\`noexec\`?): findmnt -T $(word "$bin")" 'name another folder: --prefix FOLDER'
}

# Ends with the true reason when a file that could not be written has no room to grow.
need_room() {
  ! head -c 1000000 /dev/zero 2>/dev/null >> "$1" || return 0
  folder=${1%/*} folder=${folder%/.ralph-install.*}
  fail "there is no room in $folder" \
    "make some (a release takes 150 MB beside the one that is there): df -h $(word "$folder")"
}

need_programs() {
  for program in tar gzip; do
    command -v "$program" >/dev/null 2>&1 || fail "there is no $program to unpack the release with" \
      "install it, for instance: apt-get install $program"
  done
  command -v curl >/dev/null 2>&1 || ! command -v wget >/dev/null 2>&1 || is_gnu_wget ||
    printf 'warning: %s\n' 'this wget may not look who answers: curl does' >&2
}

is_gnu_wget() { wget --version 2>/dev/null | grep -q GNU; }

platform() {
  case $(uname -s) in
    Linux) os=linux ;;
    Darwin) os=macos ;;
    *) fail "there is no ralph for $(uname -s)" 'on Windows, use it in WSL' ;;
  esac
  case $(uname -m) in
    x86_64 | amd64) arch=x64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *) fail "there is no ralph for $(uname -m) processors: only for x86-64 and arm64" ;;
  esac
  if [ "$os" = linux ] && ldd --version 2>&1 | grep -qi musl; then
    fail 'this system has the C library musl (as Alpine does), and ralph needs glibc' \
      'run it on Debian, Ubuntu, Fedora or another system with glibc, or in a container of one'
  fi
  say "$os-$arch"
}

newest() {
  file=$(mktemp "${TMPDIR:-/tmp}/ralph-version.XXXXXX" 2>/dev/null) ||
    fail "cannot write to ${TMPDIR:-/tmp}" 'name a folder that you may write to: export TMPDIR=FOLDER'
  # a subshell, so that the file goes when fetching fails
  (fetch "$RELEASES/latest/download/VERSION" "$file") || { rm -f "$file"; exit 1; }
  latest=$(head -n 1 "$file")
  rm -f "$file"
  case $latest in
    '' | *[!0-9A-Za-z.+-]*) fail "$RELEASES/latest does not say which version it is" ;;
  esac
  say "$latest"
}

# Downloads the whole of a URL into a file, or fails. A third argument: how far it is, is shown in a
# terminal, where what the program says of its failure then is, too.
fetch() {
  only='=https'
  case $1 in
    https://*) ;;
    http://127.0.0.1:* | http://localhost:*) only='=http' ;;
    *) fail "$1 is not an https address" ;;
  esac
  progress=''
  [ $# -lt 3 ] || [ ! -t 2 ] || progress=yes
  if command -v curl >/dev/null 2>&1; then
    why=$(with_curl "$1" "$2") && return
  elif command -v wget >/dev/null 2>&1; then
    why=$(with_wget "$1" "$2") && return
  else
    fail 'there is neither curl nor wget' 'install one of them, for instance: apt-get install curl'
  fi
  need_room "$2"
  case $why in
    *404*) fail "there is no $1" "see which releases there are: $RELEASES" ;;
  esac
  proxy=${HTTPS_PROXY:-${https_proxy:-${ALL_PROXY:-${all_proxy:-}}}}
  if [ -n "$proxy" ]; then
    fail "cannot download $1: $why" 'HTTPS_PROXY or ALL_PROXY is set: see whether that proxy lets it through'
  fi
  fail "cannot download $1: $why"
}

# Prints what went wrong.
with_curl() {
  # a download that stands still for a minute is given up
  set -- --fail --show-error --location --proto "$only" --retry 2 \
    --connect-timeout 20 --speed-limit 1 --speed-time 60 --output "$2" "$1"
  if [ -z "$progress" ]; then curl --silent "$@" 2>&1
  else curl --progress-bar --write-out 'the last answer was %{http_code}' "$@"
  fi
}

# That of busybox knows short options alone.
with_wget() {
  if ! is_gnu_wget; then
    wget -q -T 20 -O "$2" "$1" 2>&1 || { say 'wget ended with an error'; return 1; }
  elif [ -z "$progress" ]; then
    wget --no-verbose --tries=3 --timeout=20 --output-document="$2" "$1" 2>&1 ||
      { say 'wget ended with an error'; return 1; }
  else
    wget --quiet --show-progress --tries=3 --timeout=20 --output-document="$2" "$1" ||
      { say "wget ended with exit code $?"; return 1; }
  fi
}

# The archive is the one that the release names.
check_sum() {
  wanted=$(sed -n "s/^\([0-9a-f]\{64\}\)  \*\{0,1\}$1\$/\1/p" "$work/SHA256SUMS")
  [ -n "$wanted" ] || fail "SHA256SUMS of the release does not name $1"
  if command -v sha256sum >/dev/null 2>&1; then found=$(sha256sum "$work/$1")
  elif command -v shasum >/dev/null 2>&1; then found=$(shasum -a 256 "$work/$1")
  else fail 'there is neither sha256sum nor shasum to check the download with'
  fi
  found=${found%% *}
  [ "$found" = "$wanted" ] || fail "$1 is not what the release names: its sha256 is $found, not $wanted" \
    'half a download, or somebody between: try again, and if it stays so, tell us'
}

# Who built it, where a program is installed that can tell.
check_origin() {
  if command -v gh >/dev/null 2>&1 && gh auth status >/dev/null 2>&1; then
    gh attestation verify "$work/$1" --repo "$REPOSITORY" >/dev/null 2>&1 ||
      fail "\`gh attestation verify\` does not find that $1 was built by $REPOSITORY"
    say "checked: sha256, and built by $REPOSITORY (gh)"
  elif command -v cosign >/dev/null 2>&1; then
    fetch "$base/SHA256SUMS.sigstore.json" "$work/SHA256SUMS.sigstore.json"
    cosign verify-blob --bundle "$work/SHA256SUMS.sigstore.json" \
      --certificate-oidc-issuer https://token.actions.githubusercontent.com \
      --certificate-identity-regexp "^https://github.com/$REPOSITORY/" \
      "$work/SHA256SUMS" >/dev/null 2>&1 ||
      fail "\`cosign verify-blob\` does not find that SHA256SUMS was signed by $REPOSITORY"
    say "checked: sha256, and signed by $REPOSITORY (cosign)"
  else say 'checked: sha256'
  fi
}

cannot_write() {
  fail "cannot write to $bin" 'name a folder that you may write to, without sudo: --prefix FOLDER'
}

after_install() {
  shell=$(basename "${SHELL:-sh}")
  first=$(command -v ralph) || first=''
  case :${PATH:-}: in
    *:"$bin":*) ;;
    *) add_to_path ;;
  esac
  called=ralph
  # shellcheck disable=SC3013 # every sh has it, and POSIX since 2024
  if [ ! "$first" -ef "$bin/ralph" ]; then
    called=$(word "$bin/ralph")
    [ -z "$first" ] || say "\`ralph\` alone runs another program: $first"
  fi
  case $shell in
    bash | zsh | fish) say "completions for $shell: $called completions --help" ;;
  esac
  say "next: $called doctor"
}

# Says what puts the program on PATH, in this shell and in those to come; done twice it changes nothing.
add_to_path() {
  say "$bin is not on your PATH. Add it:"
  # shellcheck disable=SC2088,SC2016 # for the shell that it is pasted into
  case $shell in
    fish) say "  fish_add_path $(word "$bin")"; return ;;
    zsh) files='"${ZDOTDIR:-$HOME}/.zshrc"' ;;
    bash) files="$(login_file) ~/.bashrc" ;;
    *) files='~/.profile' ;;
  esac
  line="export PATH=$(word "$bin"):\"\$PATH\""
  text=$(word "$line")
  say "  for file in $files; do grep -qsxF $text \"\$file\" || printf '\\n%s\\n' $text >> \"\$file\"; done; $line"
}

# The one that bash reads at login: the first that is there.
login_file() {
  for name in .bash_profile .bash_login .profile; do
    [ ! -r "${HOME:-}/$name" ] || break
  done
  # shellcheck disable=SC2088 # for the shell that it is pasted into
  say "~/$name"
}

# At the end, so that half of this file does nothing.
main "$@"
