#!/bin/bash
# Runs an Exim for the tests. Debian's packages of Exim and Postfix exclude each other, so Exim's is not installed but
# unpacked below SDS_SERVERS_DIR, and run in a private mount and pid namespace: there, /etc is a copy that also holds
# Exim's user and configuration, and the end of the namespace's first process ends all the others. The network is the
# machine's own. Needs root. See lib.sh for the verbs and the variables.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

PACKAGES=(exim4-daemon-light exim4-base)
ROOT=$SDS_SERVERS_DIR/packages/exim
EXIM=$ROOT/usr/sbin/exim4
EXIM_ID=940 # any id will do; it exists in the namespace only

do_installed() { [[ -f $ROOT/complete ]]; }

do_install() {
  do_installed && return 0
  need_root 'unpacking its package with the right owners'
  make_base
  command -v unshare >/dev/null || apt_install util-linux
  local debs=$ROOT.debs p
  local -a libraries
  rm -rf "$ROOT" "$debs"
  mkdir -p "$ROOT" "$debs" || die "cannot make $ROOT"
  (cd "$debs" && apt_fresh download "${PACKAGES[@]}") || die "could not download: ${PACKAGES[*]}"
  for p in "$debs"/*.deb; do dpkg -x "$p" "$ROOT" || die "could not unpack $p"; done
  # The shared libraries are taken from the machine: the names stand in the package.
  mapfile -t libraries < <(dpkg-deb -f "$debs"/exim4-daemon-light_*.deb Depends | tr , '\n' | sed -n 's/^ *\(lib[^ :|]*\).*/\1/p')
  apt_install "${libraries[@]}"
  ! ldd "$EXIM" | grep 'not found' >&2 || die 'the unpacked Exim lacks a library'
  rm -rf "$debs"
  touch "$ROOT/complete"
}

# A line for Exim's file of accounts. Debian's Exim has no gsasl.
exim_account() { printf '"%s": %s\n' "$1" "$2"; }

# shellcheck disable=SC2016 # Exim's own variables
write_authenticators() {
  local m secure=
  [[ $SDS_AUTH = 1 ]] || return 0
  [[ ! $SDS_TLS || $SDS_CLEAR_LOGIN = 1 ]] || secure='  server_advertise_condition = ${if def:tls_in_cipher}'
  for m in $SDS_MECHANISMS; do
    case $m in
      PLAIN) cat <<C ;;
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = \${lookup{\$auth2}lsearch{$STATE/accounts}{\${if eq{\$value}{\$auth3}}}{false}}
  server_set_id = \$auth2
$secure
C
      LOGIN) cat <<C ;;
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = \${lookup{\$auth1}lsearch{$STATE/accounts}{\${if eq{\$value}{\$auth2}}}{false}}
  server_set_id = \$auth1
$secure
C
      CRAM-MD5) cat <<C ;;
cram_md5:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = \${lookup{\$auth1}lsearch{$STATE/accounts}{\$value}fail}
  server_set_id = \$auth1
$secure
C
      *) die "this script does not know the mechanism $m" ;;
    esac
  done
}

# Prints the rule that demands a login at the command named.
demand() {
  [[ $SDS_DEMAND_LOGIN = "$1" ]] && printf '  deny !authenticated = *\n       message = 530 5.7.0 Authentication required\n'
}

# Debian's Exim has GnuTLS.
write_tls() {
  [[ $SDS_TLS ]] || { echo 'tls_advertise_hosts ='; return; }
  cat <<C
tls_advertise_hosts = *
tls_certificate = $STATE/tls/chain.pem
tls_privatekey = $STATE/tls/key.pem
C
  [[ ! $SDS_TLS_PORT ]] || echo "tls_on_connect_ports = $SDS_TLS_PORT"
  [[ $SDS_TLS_OLD = 0 ]] || echo 'tls_require_ciphers = NORMAL:-VERS-TLS1.3'
  [[ ! $SDS_TLS_CLIENT_CA ]] || printf 'tls_verify_certificates = %s\ntls_verify_hosts = *\n' "$STATE/tls/client_ca.pem"
}

# shellcheck disable=SC2016 # Exim's own variables
write_configuration() {
  local size=$SDS_SIZE addresses=127.0.0.1 pipelining='*' eightbit=true
  have_ipv6 && addresses='<; 127.0.0.1 ; ::1'
  hidden PIPELINING && pipelining=
  hidden 8BITMIME && eightbit=false
  # Exim always announces its limit. One that is not announced is a rule of the site, looked at after the data.
  hidden SIZE && size=0
  cat <<C
primary_hostname = mx.example.test
exim_path = $EXIM
exim_user = Debian-exim
exim_group = Debian-exim
never_users = root
# Everything is delivered as one user, so that no process needs root again (the folder may be mounted nosuid).
deliver_drop_privilege = true
spool_directory = $STATE/spool
log_file_path = $STATE/%s.log
pid_file_path = $STATE/exim.pid
local_interfaces = $addresses
daemon_smtp_ports = $PORT${SDS_TLS_PORT:+ : $SDS_TLS_PORT}
domainlist local_domains = example.test
host_lookup =
rfc1413_query_timeout = 0s
smtp_receive_timeout = ${SDS_IDLE}s
message_size_limit = $size
smtp_accept_max = $SDS_CONNECTIONS
smtp_accept_queue_per_connection = 0
smtp_accept_max_per_connection = 0
smtp_enforce_sync = true
smtputf8_advertise_hosts = *
pipelining_advertise_hosts = $pipelining
accept_8bitmime = $eightbit
$(write_tls)
acl_smtp_connect = connect
acl_smtp_mail = mail
acl_smtp_rcpt = rcpt
acl_smtp_data = data

begin acl
connect:
$([[ $SDS_REFUSE = 1 ]] && printf '  deny message = 554 5.7.1 Client refused\n')
  accept
mail:
$(demand mail)
  accept
rcpt:
$(demand rcpt)
  accept domains = +local_domains
         local_parts = someone : second
  deny domains = +local_domains
       message = Unknown user
  accept authenticated = *
  deny message = relay not permitted
data:
$(hidden SIZE && printf '  deny condition = ${if >{$message_size}{%s}}\n       message = 552 5.3.4 Message too big\n' "$SDS_SIZE")
  accept

begin routers
here:
  driver = accept
  domains = +local_domains
  local_parts = someone : second
  transport = maildir
elsewhere:
  driver = redirect
  data = :blackhole:

begin transports
maildir:
  driver = appendfile
  maildir_format
  directory = $STATE/mail/\$local_part_data
  create_directory
  user = Debian-exim
  return_path_add
  envelope_to_add

begin authenticators
$(write_authenticators)
C
}

# What runs as the namespace's first process, and stays there: the kernel drops the signal that --kill-child asks for
# when a set-user-ID program like Exim is executed, so Exim itself could outlive its end.
# shellcheck disable=SC2016 # its own variables
INIT='
  set -e
  mount -t tmpfs -o mode=755 etc "$1/mount"
  cp -a /etc/. "$1/mount/"
  mkdir -p "$1/mount/exim4"
  cp "$1/exim4.conf" "$1/mount/exim4/exim4.conf"
  sed -i /^Debian-exim:/d "$1/mount/passwd" "$1/mount/group"
  echo "Debian-exim:x:$2:$2::$1/spool:/bin/false" >>"$1/mount/passwd"
  echo "Debian-exim:x:$2:" >>"$1/mount/group"
  mount --move "$1/mount" /etc
  "$3" -bdf
  exit
'

do_start() {
  need_root 'Exim and its namespace need it'
  [[ -f $ROOT/complete ]] || die "not installed; run '$0 install' first"
  do_stop
  must_be_free
  fresh_state
  must_be_passable "$STATE"
  must_be_passable "$ROOT/usr/sbin"
  mkdir "$STATE/mount" "$STATE/spool"
  chown -R "$EXIM_ID:$EXIM_ID" "$STATE/spool" "$STATE/mail"
  copy_tls "$EXIM_ID:$EXIM_ID"
  # The logs are written by the user that Exim becomes, in the state folder itself.
  install -o "$EXIM_ID" -g "$EXIM_ID" -m 640 /dev/null "$STATE/main.log"
  install -o "$EXIM_ID" -g "$EXIM_ID" -m 640 /dev/null "$STATE/reject.log"
  install -o "$EXIM_ID" -g "$EXIM_ID" -m 640 /dev/null "$STATE/panic.log"
  (umask 077 && each_account exim_account >"$STATE/accounts")
  chown "$EXIM_ID:$EXIM_ID" "$STATE/accounts"
  write_configuration >"$STATE/exim4.conf"
  setsid unshare --mount --propagation private --pid --fork --kill-child --mount-proc \
    bash -c "$INIT" init "$STATE" "$EXIM_ID" "$EXIM" >"$STATE/start.log" 2>&1 </dev/null &
  remember $!
  wait_ready
}

# unshare's own death kills the namespace's first process (--kill-child), and the kernel then all the others in it.
do_stop() {
  alive >/dev/null || return 0
  need_root 'Exim belongs to root'
  end KILL
  wait_gone
}

do_mail() { list_maildir "$STATE/mail"; }

run exim 30026 "$@"
