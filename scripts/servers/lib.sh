# shellcheck shell=bash
# What postfix.sh, exim.sh and aiosmtpd.sh have in common. It is sourced by them, never run.
#
# Each of the three runs one real mail server for the tests, on 127.0.0.1 and ::1 and nowhere else:
#
#   install   fetch what the server needs, when it is missing (apt, pip)
#   installed   true when nothing of it is missing
#   start     start it and return once it greets; an instance already on this port is stopped first
#   stop      end that instance: the processes it started, by their pid, and no other
#   mail      print the files of the delivered mails, one path a line, oldest first
#   status    print "running" or "stopped"
#
# Several instances of one server can run side by side on different ports. Variables:
#
#   SDS_SERVERS_DIR    where state and unpacked packages are kept   ${TMPDIR:-/tmp}/sds-smtp-servers
#   SDS_PORT           the port                                     30025 Postfix, 30026 Exim, 30027 aiosmtpd
#   SDS_VENV           the Python environment of aiosmtpd           target/venv of this checkout
#   SDS_AUTH           0: login is not offered                      1
#   SDS_MECHANISMS     login mechanisms                             "PLAIN LOGIN"
#   SDS_SIZE           largest mail in bytes                        62914560
#   SDS_HIDE           extensions that EHLO must not announce, though they are still in force,
#                      of SIZE, 8BITMIME, PIPELINING                none
#   SDS_DEMAND_LOGIN   mail or rcpt: without login that command is answered by 530        never
#   SDS_CONNECTIONS    more connections at once than this are turned away with 421
#                      (Postfix, Exim)                                                    no limit
#   SDS_IDLE           seconds after which a client that says nothing is told 421, or is left    60
#   SDS_ACCOUNT        the account's user name, without its domain or with it (Exim, aiosmtpd;
#                      to Postfix both are the same)                                      sds
#   SDS_STRICT         1: EHLO names and senders are checked, and refused at RCPT (Postfix)  0
#   SDS_ACCOUNTS       a file of further accounts: a line with the user name, one with the password, and so on
#                      (Postfix, Exim)                                                    none
#   SDS_SASL           cyrus or dovecot: whose logins Postfix has                         cyrus
#   SDS_TOKEN_URL      where Dovecot asks whether a token is valid (RFC 7662)             nowhere
#   SDS_AUTH_DELAY     1: Dovecot's own waits after a wrong password: 2 s, then longer    0
#   SDS_TLS            a folder with chain.pem and key.pem: STARTTLS is offered, and a login only behind it   no TLS
#   SDS_CLEAR_LOGIN    1: with SDS_TLS, a login is offered in the clear, too (Postfix, Exim)  0
#   SDS_TLS_PORT       a further port, which speaks TLS from the first octet on          none
#   SDS_TLS_CLIENT_CA  a file: clients have to show a certificate of this CA             no
#   SDS_TLS_OLD        1: TLS 1.2 only                                                   0
#   SDS_REFUSE         1: every client is turned away with a 554 greeting (Postfix, Exim) 0
#
# The account's password is sds-secret. The mailboxes are someone@example.test and second@example.test;
# every other address of example.test is unknown; other domains are relayed (into nothing) only after a login.

set -u
umask 022

# shellcheck disable=SC2034 # used by the three scripts
ACCOUNT=${SDS_ACCOUNT:-sds} PASSWORD=sds-secret
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CHECKOUT=$(cd "$HERE/../.." && pwd)
SDS_SERVERS_DIR=${SDS_SERVERS_DIR:-${TMPDIR:-/tmp}/sds-smtp-servers}
SDS_VENV=${SDS_VENV:-$CHECKOUT/target/venv}
SDS_AUTH=${SDS_AUTH:-1}
SDS_MECHANISMS=${SDS_MECHANISMS:-PLAIN LOGIN}
SDS_SIZE=${SDS_SIZE:-62914560}
SDS_HIDE=${SDS_HIDE:-}
SDS_DEMAND_LOGIN=${SDS_DEMAND_LOGIN:-}
SDS_CONNECTIONS=${SDS_CONNECTIONS:-0}
SDS_IDLE=${SDS_IDLE:-60}
SDS_REFUSE=${SDS_REFUSE:-0}
SDS_STRICT=${SDS_STRICT:-0}
SDS_ACCOUNTS=${SDS_ACCOUNTS:-}
SDS_SASL=${SDS_SASL:-cyrus}
SDS_TOKEN_URL=${SDS_TOKEN_URL:-}
SDS_AUTH_DELAY=${SDS_AUTH_DELAY:-0}
SDS_TLS=${SDS_TLS:-}
SDS_CLEAR_LOGIN=${SDS_CLEAR_LOGIN:-0}
SDS_TLS_PORT=${SDS_TLS_PORT:-}
SDS_TLS_CLIENT_CA=${SDS_TLS_CLIENT_CA:-}
SDS_TLS_OLD=${SDS_TLS_OLD:-0}

die() {
  echo "${SERVER:-servers}: $*" >&2
  exit 1
}

# The one line that a script needs: name, default port, then what the user typed.
run() {
  SERVER=$1 PORT=${SDS_PORT:-$2} VERB=${3:-}
  [[ $PORT =~ ^[0-9]+$ && $PORT -ge 1 && $PORT -le 65535 ]] || die "SDS_PORT is no port: $PORT"
  STATE=$SDS_SERVERS_DIR/$SERVER-$PORT
  case $VERB in
    install | installed | start | stop | mail | status) "do_$VERB" ;;
    *)
      echo "usage: $0 install|installed|start|stop|mail|status   (variables: see $HERE/lib.sh)" >&2
      exit 2
      ;;
  esac
}

need_root() {
  [[ $(id -u) = 0 ]] || die "needs root for '$VERB' ($1); start it as root or with sudo"
}

# --- folders -----------------------------------------------------------------

# The base folder has a well-known name below /tmp and root writes there, so one that somebody else made is refused.
make_base() {
  [[ -d $SDS_SERVERS_DIR ]] || mkdir -p "$SDS_SERVERS_DIR" || die "cannot make $SDS_SERVERS_DIR"
  [[ ! -L $SDS_SERVERS_DIR && -O $SDS_SERVERS_DIR ]] || die "$SDS_SERVERS_DIR is not a folder of this user; set SDS_SERVERS_DIR"
  chmod 755 "$SDS_SERVERS_DIR"
}

# The servers drop root and must still reach their files: each folder above has to let everybody pass.
must_be_passable() {
  local d=$1
  while [[ $d != / ]]; do
    (( 8#$(stat -c %a "$d") & 1 )) || die "$d lets only its owner in, but the server runs as another user; set SDS_SERVERS_DIR"
    d=$(dirname "$d")
  done
}

fresh_state() {
  make_base
  rm -rf "$STATE"
  mkdir "$STATE" "$STATE/mail" || die "cannot make $STATE"
}

# The delivered files of a maildir tree, oldest first.
list_maildir() {
  [[ -d $1 ]] || return 0
  find "$1" -type f -path '*/new/*' -printf '%T@ %p\n' | sort -n | cut -d' ' -f2-
}

# --- packages ----------------------------------------------------------------

# Packages that are not installed yet, of those named.
missing() {
  local p
  for p in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null) = installed ]] || echo "$p"
  done
}

apt() {
  DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 -o APT::Sandbox::User=root "$@" </dev/null >&2
}

# Runs an apt-get command; when it fails, once more with fresh package lists (a fresh machine has none).
apt_fresh() {
  apt "$@" && return 0
  echo "$SERVER: apt-get failed; once more after apt-get update" >&2
  apt update && apt "$@"
}

# --no-remove: a mail server that the machine already has must not go away for a test.
apt_install() {
  local -a wanted
  mapfile -t wanted < <(missing "$@")
  (( ${#wanted[@]} )) || return 0
  need_root "installing ${wanted[*]}"
  apt_fresh install -y --no-install-recommends --no-remove "${wanted[@]}" || die "could not install: ${wanted[*]}"
}

# --- processes ---------------------------------------------------------------

# A pid alone may belong to somebody else by tomorrow; with its start time it names one process for good.
start_time() {
  local line
  line=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  line=${line##*) } # the name in parentheses may hold blanks
  # shellcheck disable=SC2086 # words are what is wanted
  set -- $line
  echo "${20}"
}

# PROCESS names a further one beside the server itself.
remember() { echo "$1 $(start_time "$1")" >"$STATE/${PROCESS:-pid}"; }

# Prints the remembered pid while that process lives.
alive() {
  local pid since
  { read -r pid since <"$STATE/${PROCESS:-pid}"; } 2>/dev/null || return 1
  [[ -n $since && $(start_time "$pid") = "$since" ]] && echo "$pid"
}

# End the remembered process with the signals named, 5 seconds each.
end() {
  local pid signal i
  for signal in "$@"; do
    pid=$(alive) || return 0
    kill -"$signal" "$pid" 2>/dev/null
    for (( i = 0; i < 100; i++ )); do
      alive >/dev/null || return 0
      sleep 0.05
    done
  done
  die "process $pid does not end"
}

# Calls a function with the user name and the password of each account.
each_account() {
  local user password
  "$1" "$ACCOUNT" "$PASSWORD"
  [[ $SDS_ACCOUNTS ]] || return 0
  while IFS= read -r user && IFS= read -r password; do "$1" "$user" "$password"; done <"$SDS_ACCOUNTS"
}

# copy_tls OWNER: the chain, the key and the CA into the state folder, for a server that reads them as this user.
copy_tls() {
  [[ $SDS_TLS ]] || return 0
  mkdir "$STATE/tls"
  cp "$SDS_TLS/chain.pem" "$SDS_TLS/key.pem" "$STATE/tls/" || die "no chain.pem and key.pem in $SDS_TLS"
  [[ ! $SDS_TLS_CLIENT_CA ]] || cp "$SDS_TLS_CLIENT_CA" "$STATE/tls/client_ca.pem"
  chown -R "$1" "$STATE/tls"
  chmod 600 "$STATE/tls/key.pem"
}

have_ipv6() { grep -q '^0\{31\}1 ' /proc/net/if_inet6 2>/dev/null; }

listening() { (exec 3<>"/dev/tcp/$1/$PORT") 2>/dev/null; }

must_be_free() {
  if listening 127.0.0.1 || listening ::1; then die "port $PORT is in use; set SDS_PORT"; fi
}

# The first three characters of the greeting.
greeting() {
  (
    exec 3<>"/dev/tcp/$1/$PORT" || exit
    IFS= read -r -t 3 line <&3
    printf 'QUIT\r\n' >&3
    echo "${line:0:3}"
  ) 2>/dev/null
}

# Wait, 20 seconds at most, until the server greets on both addresses.
wait_ready() {
  local expected=220 address i
  [[ $SDS_REFUSE = 1 ]] && expected=554
  for address in 127.0.0.1 $(have_ipv6 && echo ::1); do
    for (( i = 0; i < 200; i++ )); do
      [[ $(greeting "$address") = "$expected" ]] && continue 2
      sleep 0.1
    done
    tail -n 20 "$STATE"/*.log >&2 2>/dev/null
    do_stop
    die "no $expected greeting on $address port $PORT"
  done
}

wait_gone() {
  local i
  for (( i = 0; i < 100; i++ )); do
    listening 127.0.0.1 || return 0
    sleep 0.05
  done
  die "port $PORT is still served"
}

do_status() { if alive >/dev/null; then echo running; else echo stopped; fi; }

hidden() { [[ " ${SDS_HIDE^^} " = *" $1 "* ]]; }
