#!/bin/bash
# Runs a Postfix for the tests: its own configuration and queue under SDS_SERVERS_DIR, nothing of the machine's own
# Postfix is touched. Needs root, as Postfix does. See lib.sh for the verbs and the variables.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Dovecot itself brings no listener: it plays the logins only.
PACKAGES=(postfix sasl2-bin libsasl2-modules libsasl2-modules-db dovecot-core)

do_installed() { [[ -z $(missing "${PACKAGES[@]}") ]]; }

do_install() {
  local -a wanted
  mapfile -t wanted < <(missing "${PACKAGES[@]}")
  (( ${#wanted[@]} )) || return 0
  need_root "installing ${wanted[*]}"
  # "No configuration": Postfix's package starts no server of its own and leaves port 25 alone.
  debconf-set-selections <<<'postfix postfix/main_mailer_type select No configuration' || die 'debconf-set-selections failed'
  apt_install "${PACKAGES[@]}"
}

# Dovecot's socket stands below the state folder: relative names are those of the queue's folder.
write_sasl() {
  case $SDS_SASL in
    cyrus) echo 'smtpd_sasl_path = smtpd' ;;
    dovecot) printf 'smtpd_sasl_type = dovecot\nsmtpd_sasl_path = %s\n' "$STATE/dovecot/login" ;;
    *) die "SDS_SASL is neither cyrus nor dovecot: $SDS_SASL" ;;
  esac
}

# --- Dovecot, for the logins only ---------------------------------------------

# A line for Dovecot's file of accounts.
dovecot_account() { printf '%s:{PLAIN}%s::::::\n' "$1" "$2"; }

write_dovecot() {
  cat <<C
base_dir = $STATE/dovecot/run
state_dir = $STATE/dovecot/state
log_path = $STATE/dovecot.log
protocols =
ssl = no
disable_plaintext_auth = no
auth_mechanisms = ${SDS_MECHANISMS,,}
auth_username_chars =
auth_username_format = %u
auth_verbose = yes
service auth {
  unix_listener $STATE/dovecot/login {
    mode = 0600
    user = postfix
  }
}
C
  [[ $SDS_AUTH_DELAY = 1 ]] || cat <<C
auth_failure_delay = 0
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
C
  [[ ! $SDS_TOKEN_URL ]] || cat <<C
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = $STATE/dovecot/oauth2.conf
}
C
  cat <<C
passdb {
  driver = passwd-file
  args = username_format=%u $STATE/dovecot/accounts
}
C
}

start_dovecot() {
  local i
  mkdir -p "$STATE/dovecot/run" "$STATE/dovecot/state"
  (umask 077 && each_account dovecot_account >"$STATE/dovecot/accounts")
  chown dovecot "$STATE/dovecot/accounts"
  printf 'introspection_mode = post\nintrospection_url = %s\nusername_attribute = username\nactive_attribute = active\nactive_value = true\n' \
    "$SDS_TOKEN_URL" >"$STATE/dovecot/oauth2.conf"
  write_dovecot >"$STATE/dovecot/dovecot.conf"
  setsid dovecot -F -c "$STATE/dovecot/dovecot.conf" >>"$STATE/start.log" 2>&1 </dev/null &
  PROCESS=dovecot.pid remember $!
  for (( i = 0; i < 200; i++ )); do
    [[ ! -S $STATE/dovecot/login ]] || return 0
    PROCESS=dovecot.pid alive >/dev/null || break
    sleep 0.05
  done
  cat "$STATE"/start.log "$STATE"/dovecot.log >&2
  die 'Dovecot does not start'
}

# --- Postfix -------------------------------------------------------------------

write_main() {
  local protocols=ipv4 login=no only=yes demand clients= delay=no names= senders=
  have_ipv6 && protocols=all
  [[ $SDS_AUTH = 1 ]] && login=yes
  # The demand is spelt as an access table's answer: Postfix has no setting of its own that says 530 without TLS.
  demand='permit_sasl_authenticated, check_sender_access static:{530 5.7.0 Authentication required}'
  [[ $SDS_REFUSE = 1 ]] && clients=reject
  [[ $SDS_CLEAR_LOGIN = 1 ]] && only=no
  # As the distributions configure it: what is wrong with an earlier command is told at RCPT.
  if [[ $SDS_STRICT = 1 ]]; then
    delay=yes
    names='reject_invalid_helo_hostname, reject_non_fqdn_helo_hostname'
    senders="reject_unknown_sender_domain, check_sender_access inline:{{blocked@example.test = REJECT}}"
  fi
  cat <<C
compatibility_level = 3.6
config_directory = $STATE/etc
queue_directory = $STATE/queue
data_directory = $STATE/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = $STATE/mail.log
maillog_file_prefixes = $STATE
inet_protocols = $protocols
inet_interfaces = loopback-only
myhostname = mx.example.test
smtpd_banner = \$myhostname ESMTP Postfix
mynetworks =
mydestination =
alias_maps =
local_recipient_maps =
local_transport = error:no local mail here
default_transport = discard
relay_transport = discard
virtual_mailbox_domains = example.test
virtual_mailbox_base = $STATE/mail
virtual_mailbox_maps = inline:{ someone@example.test=someone/, second@example.test=second/ }
virtual_uid_maps = static:$(id -u nobody)
virtual_gid_maps = static:$(id -g nobody)
virtual_minimum_uid = 1
virtual_mailbox_limit = 0
mailbox_size_limit = 0
message_size_limit = $SDS_SIZE
in_flow_delay = 0
smtpd_peername_lookup = no
smtpd_error_sleep_time = 0
smtpd_timeout = $SDS_IDLE
smtpd_client_connection_count_limit = $SDS_CONNECTIONS
smtpd_client_restrictions = $clients
smtpd_helo_restrictions = $names
smtpd_sender_restrictions = $senders $([[ $SDS_DEMAND_LOGIN = mail ]] && echo "$demand")
smtpd_recipient_restrictions = $([[ $SDS_DEMAND_LOGIN = rcpt ]] && echo "$demand")
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_delay_reject = $delay
smtpd_discard_ehlo_keywords = ${SDS_HIDE// /, }
smtpd_sasl_auth_enable = $login
$(write_sasl)
smtpd_sasl_local_domain = example.test
smtpd_sasl_security_options = noanonymous
# As strict as Postfix can be: a client that talks out of turn or sends a lone LF is found out.
smtpd_forbid_unauth_pipelining = yes
smtpd_forbid_bare_newline = reject
smtpd_forbid_bare_newline_exclusions =
strict_rfc821_envelopes = yes
C
  [[ $SDS_TLS ]] || return 0
  cat <<C
smtpd_tls_security_level = may
smtpd_tls_chain_files = $STATE/tls/key.pem, $STATE/tls/chain.pem
smtpd_tls_auth_only = $only
smtpd_tls_loglevel = 1
smtpd_tls_received_header = yes
C
  [[ $SDS_TLS_OLD = 0 ]] || echo 'smtpd_tls_protocols = TLSv1.2'
  [[ ! $SDS_TLS_CLIENT_CA ]] || cat <<C
smtpd_tls_CAfile = $STATE/tls/client_ca.pem
smtpd_tls_security_level = encrypt
smtpd_tls_req_ccert = yes
C
}

write_master() {
  local address
  for address in 127.0.0.1 $(have_ipv6 && echo '[::1]'); do
    echo "$address:$PORT inet n - n - - smtpd"
    [[ ! $SDS_TLS_PORT ]] || echo "$address:$SDS_TLS_PORT inet n - n - - smtpd -o smtpd_tls_wrappermode=yes"
  done
  cat <<'C'
cleanup    unix       n - n - 0 cleanup
qmgr       unix       n - n 300 1 qmgr
pickup     unix       n - n 60 1 pickup
rewrite    unix       - - n - - trivial-rewrite
bounce     unix       - - n - 0 bounce
defer      unix       - - n - 0 bounce
trace      unix       - - n - 0 bounce
verify     unix       - - n - 1 verify
tlsmgr     unix       - - n 1000? 1 tlsmgr
flush      unix       n - n 1000? 0 flush
proxymap   unix       - - n - - proxymap
error      unix       - - n - - error
retry      unix       - - n - - error
discard    unix       - - n - - discard
virtual    unix       - n n - - virtual
anvil      unix       - - n - 1 anvil
showq      unix       n - n - - showq
postlog    unix-dgram n - n - 1 postlogd
C
}

cyrus_account() {
  printf %s "$2" | saslpasswd2 -p -c -f "$STATE/etc/sasl/sasldb2" -u example.test "$1" || die 'saslpasswd2 failed'
}

do_start() {
  need_root 'Postfix starts only as root'
  type postfix saslpasswd2 >/dev/null 2>&1 || die "not installed; run '$0 install' first"
  do_stop
  must_be_free
  fresh_state
  must_be_passable "$STATE"
  mkdir -p "$STATE/etc/sasl" "$STATE/queue" "$STATE/data"
  copy_tls root
  chown postfix "$STATE/data"
  chown nobody "$STATE/mail"
  write_main >"$STATE/etc/main.cf"
  write_master >"$STATE/etc/master.cf"
  # Debian's Postfix looks for smtpd.conf in "sasl" beside main.cf.
  cat >"$STATE/etc/sasl/smtpd.conf" <<C
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: $STATE/etc/sasl/sasldb2
mech_list: $SDS_MECHANISMS
C
  case $SDS_SASL in
    cyrus) each_account cyrus_account ;;
    dovecot) start_dovecot ;;
  esac
  chown -R postfix "$STATE/etc/sasl"
  postfix -c "$STATE/etc" start >"$STATE/start.log" 2>&1 || { cat "$STATE/start.log" >&2; die 'postfix start failed'; }
  remember "$(tr -dc 0-9 <"$STATE/queue/pid/master.pid")"
  wait_ready
}

do_stop() {
  PROCESS=dovecot.pid end TERM KILL
  alive >/dev/null || return 0
  need_root 'Postfix belongs to root'
  postfix -c "$STATE/etc" stop >>"$STATE/start.log" 2>&1
  # The master ends its daemons by a signal to its process group; should it hang, it alone is left to end.
  end TERM KILL
  wait_gone
}

do_mail() { list_maildir "$STATE/mail"; }

run postfix 30025 "$@"
