#!/bin/bash
# A real systemd for tests: PID 1, D-Bus, logind, polkit, user managers and a journal, in namespaces
# of their own over this machine's file system. Root on Debian or Ubuntu; it boots in a second.
#
#   systemd_testbed.sh install            the packages that it needs, with apt-get
#   systemd_testbed.sh check              exit 0, or why it cannot run here
#   systemd_testbed.sh run STATE [--no-polkit] [--volatile-journal]
#       boots and prints `up`. Each line on stdin is a reboot, with another `up`. When stdin ends,
#       all of it is ended and removed.
#   systemd_testbed.sh exec STATE [--user NAME [--no-session]] [-E VAR=VALUE]... -- COMMAND [ARG...]
#       without --user as root, with the caller's environment; with --user in a login session through
#       PAM, as ssh makes one; with --no-session as cron or sudo would. A missing user is created.
#
# As on the machine, and live: everything that is not named here, so /usr, /root, /tmp.
# Private: /etc, /var and /home (overlays in STATE, kept over a reboot), the network (loopback alone,
# kept over a reboot). New at each boot: /run, /dev, /proc, /sys.
# No cgroup controller reaches the inside: memory and CPU limits are accepted and do nothing.
set -u
SELF=$(readlink -f "$0")
PACKAGES="systemd dbus dbus-user-session libpam-systemd polkitd util-linux passwd"
BOOT_SECONDS=40 STOP_SECONDS=20
# Inside, root keeps what administers users and services, and loses what reaches the machine itself.
DROPPED=-sys_module,-sys_time,-sys_rawio,-sys_boot,-syslog,-audit_control,-audit_read,-mac_admin,-mac_override,-wake_alarm

die() {
  echo "$*" >&2
  exit 1
}

install() {
  # Without this file apt-get would start the services that it installs, on the machine itself.
  local policy=/usr/sbin/policy-rc.d made=""
  if [ ! -e $policy ]; then
    made=1
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
  fi
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086 # a list
  apt-get install -y --no-install-recommends $PACKAGES ||
    { apt-get update && apt-get install -y --no-install-recommends $PACKAGES; }
  local status=$?
  [ -z "$made" ] || rm -f $policy
  return $status
}

check() {
  [ "$(uname)" = Linux ] || die "not Linux"
  [ "$(id -u)" = 0 ] || die "not root"
  command -v dpkg-query >/dev/null || die "not Debian or Ubuntu"
  local package missing=""
  for package in $PACKAGES; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
      missing="$missing $package"
  done
  [ -z "$missing" ] || die "packages are missing:$missing (\`$SELF install\` installs them)"
  local state answer
  state=$(mktemp -d /tmp/testbed-check-XXXXXX)
  mkdir "$state"/{upper,work,cgroup}
  answer=$(unshare --mount --uts --ipc --net --cgroup --pid --fork --propagation private -- sh -ec '
    mount -t overlay overlay -o "lowerdir=/etc,upperdir=$1/upper,workdir=$1/work" /etc
    mount -t cgroup2 none "$1/cgroup"
    mount -t proc proc /proc' sh "$state" 2>&1)
  local status=$?
  rm -rf "$state"
  [ $status = 0 ] || die "the kernel refuses namespaces or mounts: $(echo "$answer" | tail -n 1)"
}

# --- outside: boot and halt ---------------------------------------------------------------------

# The pid of our init as the machine sees it, as long as that is still the process that we started.
init_pid() {
  local pid started stat
  read -r pid started 2>/dev/null <"$STATE/pid" || return 1
  read -r -a stat 2>/dev/null <"/proc/$pid/stat" || return 1
  [ "${stat[21]}" = "$started" ] && echo "$pid"
}

# Does something in the cgroup root of the machine, which a mount namespace makes visible for it.
cgroup() { unshare --mount --propagation private -- bash "$SELF" __cgroup "$STATE" "$1"; }

cgroup_do() {
  mount -t cgroup2 none "$STATE/cgroup" || exit 1
  local group=$STATE/cgroup/$GROUP
  if [ "$1" = make ]; then
    mkdir -p "$group/exec"
    exit
  fi
  local try
  for ((try = 0; try < 100; try++)); do
    [ -d "$group" ] || exit 0
    if [ -e "$group/cgroup.kill" ]; then
      echo 1 >"$group/cgroup.kill"
    else # before Linux 5.14
      find "$group" -name cgroup.procs -exec cat {} + | xargs -r kill -KILL
    fi 2>/dev/null
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
    sleep 0.05
  done
  exit 1
}

boot() {
  cgroup make || die "cannot make a cgroup"
  mkdir -p "$STATE"/{etc,var,home}/{upper,work}
  rm -f "$STATE/pid"
  unshare --mount --uts --ipc --pid --fork --propagation private -- \
    bash "$SELF" __init "$STATE" "$@" </dev/null >"$STATE/init.log" 2>&1 &
  local end=$((SECONDS + BOOT_SECONDS)) state=""
  while [ $SECONDS -lt $end ]; do
    kill -0 $! 2>/dev/null || die "init ended: $(cat "$STATE/init.log")"
    if [ -e "$STATE/pid" ]; then
      state=$(bash "$SELF" exec "$STATE" -- systemctl is-system-running 2>/dev/null)
      case $state in running | degraded) break ;; esac
    fi
    sleep 0.05
  done
  [ "$state" = running ] && return
  [ "$state" = degraded ] || die "not booted within $BOOT_SECONDS s: $(cat "$STATE/init.log")"
  die "degraded: $(bash "$SELF" exec "$STATE" -- systemctl list-units --failed --no-legend --plain)"
}

halt() {
  local pid end=$((SECONDS + STOP_SECONDS))
  if pid=$(init_pid); then
    kill -s RTMIN+4 "$pid" # poweroff.target: every unit is stopped in order, as at a shutdown
    while init_pid >/dev/null && [ $SECONDS -lt $end ]; do sleep 0.05; done
  fi
  cgroup wipe || die "processes are left in the cgroup $GROUP"
}

run() {
  case $STATE/ in
    /etc/* | /var/* | /home/* | /run/* | /dev/* | /proc/* | /sys/*) die "STATE is in a folder that the inside replaces: $STATE" ;;
  esac
  # At the end the folder is removed.
  [ -z "$(ls -A "$STATE" 2>/dev/null)" ] || die "STATE is not empty: $STATE"
  mkdir -p "$STATE/cgroup"
  trap 'halt && rm -rf "$STATE"' EXIT
  boot "$@"
  echo up
  while read -r; do
    halt
    boot "$@"
    echo up
  done
}

# --- inside: from the first process of the namespaces to systemd ----------------------------------

init() {
  set -e
  # A systemd at the real root of the cgroups would move every process of the machine into its own
  # scope. So: into our group first, then a cgroup namespace that begins there.
  mount -t cgroup2 none "$STATE/cgroup"
  echo 0 >"$STATE/cgroup/$GROUP/cgroup.procs"
  umount "$STATE/cgroup"
  local stat
  read -r -a stat </proc/self/stat # still the machine's /proc
  echo "${stat[0]} ${stat[21]}" >"$STATE/pid.new"
  exec unshare --cgroup -- bash "$SELF" __init2 "$STATE" "$@"
}

init2() {
  set -e
  mount -t proc -o nosuid,nodev,noexec proc /proc
  umount -R /sys 2>/dev/null || true
  mount -t sysfs -o ro,nosuid,nodev,noexec sysfs /sys
  mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 /sys/fs/cgroup
  # Only the real root has no cgroup.type, and ours holds this one process.
  [ "$(sed -n 's/^0:://p' /proc/self/cgroup)" = / ] || die "not at the root of the cgroup namespace"
  [ -e /sys/fs/cgroup/cgroup.type ] || die "this is the machine's cgroup root"
  local processes
  mapfile -t processes </sys/fs/cgroup/cgroup.procs
  [ "${processes[*]}" = 1 ] || die "others are in the cgroup: ${processes[*]}"

  local name
  for name in etc var home; do
    mount -t overlay "testbed-$name" \
      -o "lowerdir=/$name,upperdir=$STATE/$name/upper,workdir=$STATE/$name/work" "/$name"
  done
  mount -t tmpfs -o mode=755,nosuid,nodev tmpfs /run
  mkdir -m 1777 /run/lock
  devices
  # What is inside must not set the machine's kernel.
  for name in sys sysrq-trigger irq bus; do
    [ ! -e /proc/$name ] || mount --bind -o ro /proc/$name /proc/$name
  done
  units
  options "$@"
  mv "$STATE/pid.new" "$STATE/pid"
  cd /
  exec env -i container=testbed LANG=C.UTF-8 TERM=dumb \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    setpriv --bounding-set $DROPPED \
    /lib/systemd/systemd --system --unit=testbed.target --log-target=journal
}

# A /dev with nothing of the machine but what every program may have.
devices() {
  local name
  mkdir /run/dev
  mount --bind /dev /run/dev
  umount -R /dev 2>/dev/null || true
  mount -t tmpfs -o mode=755,nosuid tmpfs /dev
  for name in null zero full random urandom tty; do
    : >/dev/$name
    mount --bind /run/dev/$name /dev/$name
  done
  umount /run/dev
  rmdir /run/dev
  mkdir /dev/pts /dev/shm
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5,nosuid,noexec devpts /dev/pts
  mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs /dev/shm
  ln -s pts/ptmx /dev/ptmx
  ln -s /proc/self/fd /dev/fd
  ln -s fd/0 /dev/stdin
  ln -s fd/1 /dev/stdout
  ln -s fd/2 /dev/stderr
}

# Boots journal, D-Bus and logind, and none of what the machine itself has enabled.
units() {
  local dir=/etc/systemd/system unit
  : >/etc/fstab
  rm -rf $dir/*.wants $dir/*.requires
  mkdir -p $dir/{systemd-tmpfiles-setup,systemd-logind,polkit}.service.d \
    /etc/systemd/{system,journald}.conf.d /var/log/journal
  for unit in /usr/lib/systemd/system/{sysinit,sockets,local-fs,timers,basic,multi-user}.target.wants/*; do
    case ${unit##*/} in
      '*' | *.target | *.slice | dbus.* | systemd-journald* | systemd-journal-flush.service) ;;
      systemd-tmpfiles-setup.service | systemd-logind.service | systemd-user-sessions.service) ;;
      *) ln -sfn /dev/null "$dir/${unit##*/}" ;;
    esac
  done
  for unit in timers.target getty.target systemd-journald-audit.socket modprobe@.service; do
    ln -sfn /dev/null "$dir/$unit"
  done
  # The stock unit would clean /tmp, which is the machine's.
  cat >$dir/systemd-tmpfiles-setup.service.d/testbed.conf <<'END'
[Service]
ExecStart=
ExecStart=systemd-tmpfiles --create --remove --boot --prefix=/run --prefix=/var/log --prefix=/var/lib
END
  printf '[Service]\nPrivateTmp=no\n' |
    tee $dir/systemd-logind.service.d/testbed.conf >$dir/polkit.service.d/testbed.conf
  printf '[Manager]\nDefaultTimeoutStopSec=10s\nShowStatus=no\n' >/etc/systemd/system.conf.d/testbed.conf
  cat >$dir/testbed.target <<'END'
[Unit]
Requires=basic.target
Wants=dbus.service systemd-logind.service systemd-user-sessions.service
After=basic.target dbus.service systemd-logind.service systemd-user-sessions.service
AllowIsolate=yes
END
}

options() {
  local storage=persistent
  rm -f /etc/systemd/system/polkit.service
  while [ $# -gt 0 ]; do
    case $1 in
      --volatile-journal) storage=volatile ;;
      --no-polkit) # as where the package is not installed
        ln -s /dev/null /etc/systemd/system/polkit.service
        mount --bind /dev/null /usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service
        ;;
      *) die "run: unknown option $1" ;;
    esac
    shift
  done
  printf '[Journal]\nAudit=no\nReadKMsg=no\nSystemMaxUse=64M\nStorage=%s\n' $storage \
    >/etc/systemd/journald.conf.d/testbed.conf
}

# --- outside: a command for the inside -----------------------------------------------------------

# Becomes the command, as root, in the namespaces and the cgroup. It ends when this process is killed.
enter() {
  local pid
  pid=$(init_pid) || die "not up"
  # After the mounts, /proc is the inside's, and its process 1 has the other namespaces.
  # shellcheck disable=SC2016
  exec nsenter -t "$pid" -m -- /bin/sh -c '
    echo 0 >/sys/fs/cgroup/exec/cgroup.procs || exit 125
    dir=$1 dropped=$2
    shift 2
    exec nsenter -t 1 -C -u -i -p -n -- setpriv --bounding-set "$dropped" --pdeathsig TERM \
      /bin/sh -c '\''cd "$0" 2>/dev/null || cd /; exec "$@"'\'' "$dir" "$@"' sh "$PWD" $DROPPED "$@"
}

exec_in() {
  local user="" session=1 env=()
  while [ $# -gt 0 ]; do
    case $1 in
      --user) user=$2 && shift ;;
      --no-session) session="" ;;
      -E) env+=("$2") && shift ;;
      --) shift && break ;;
      *) die "exec: unknown option $1" ;;
    esac
    shift
  done
  [ -n "$user" ] || enter env "${env[@]}" "$@"
  case $user in *[!a-z0-9_-]*) die "not a user name: $user" ;; esac
  (enter sh -c 'id "$1" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$1"' sh "$user" </dev/null) ||
    die "cannot create the user $user"
  if [ -n "$session" ]; then
    # Type and class as ssh gives them: without a terminal pam_systemd would say "background".
    enter env XDG_SESSION_TYPE=tty XDG_SESSION_CLASS=user \
      runuser -l "$user" -s /bin/bash -c 'exec env "$@"' -- testbed "${env[@]}" "$@"
  fi
  # shellcheck disable=SC2016
  enter sh -c '
    user=$1 home=$(getent passwd "$1" | cut -d: -f6)
    shift
    cd "$home"
    exec env -i HOME="$home" USER="$user" LOGNAME="$user" SHELL=/bin/bash LANG=C.UTF-8 \
      PATH=/usr/local/bin:/usr/bin:/bin \
      setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups --inh-caps=-all env "$@"' \
    sh "$user" "${env[@]}" "$@"
}

command=${1:-}
shift || true
case $command in install | check)
  "$command"
  exit
  ;;
esac
STATE=$(readlink -m "${1:-}")
GROUP=ralph-testbed-$(printf %s "$STATE" | cksum | cut -d ' ' -f 1)
[ $# -gt 0 ] && shift || command=""
case $command in
  run) exec unshare --net -- bash "$SELF" __run "$STATE" "$@" ;;
  exec) exec_in "$@" ;;
  __run) run "$@" ;;
  __cgroup) cgroup_do "$@" ;;
  __init) init "$@" ;;
  __init2) init2 "$@" ;;
  *)
    sed -n '2,/^set /s/^# \{0,1\}//p' "$SELF"
    exit 2
    ;;
esac
