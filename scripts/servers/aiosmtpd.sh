#!/bin/bash
# Runs aiosmtpd_server.py for the tests, in the Python environment SDS_VENV. Needs no root (only installing
# python3-venv does, where it is missing). See lib.sh for the verbs and the variables.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# The environment serves the tests too, so it gets all that they need; the versions stand in one place.
REQUIREMENTS=$CHECKOUT/tests/python/requirements.txt

STAMP=$SDS_VENV/sds-requirements.txt

do_installed() { cmp -s "$REQUIREMENTS" "$STAMP" && [[ -x $SDS_VENV/bin/python ]]; }

do_install() {
  do_installed && return 0
  command -v python3 >/dev/null || apt_install python3
  if [[ ! -x $SDS_VENV/bin/pip ]]; then
    mkdir -p "$(dirname "$SDS_VENV")"
    python3 -m venv "$SDS_VENV" >&2 || {
      apt_install python3-venv
      python3 -m venv --clear "$SDS_VENV" >&2 || die "cannot make the Python environment $SDS_VENV"
    }
  fi
  "$SDS_VENV/bin/python" -m pip install -q --disable-pip-version-check -r "$REQUIREMENTS" >&2 || die 'pip failed'
  cp "$REQUIREMENTS" "$STAMP"
}

do_start() {
  [[ -x $SDS_VENV/bin/python ]] || die "not installed; run '$0 install' first"
  [[ $SDS_CONNECTIONS = 0 && $SDS_REFUSE = 0 ]] || die 'SDS_CONNECTIONS and SDS_REFUSE are for Postfix and Exim'
  do_stop
  must_be_free
  fresh_state
  local -a addresses=(127.0.0.1)
  have_ipv6 && addresses+=(::1)
  SDS_ACCOUNT=$ACCOUNT SDS_PASSWORD=$PASSWORD setsid "$SDS_VENV/bin/python" "$HERE/aiosmtpd_server.py" \
    --port "$PORT" --out "$STATE/mail" --size "$SDS_SIZE" --auth "$SDS_AUTH" --mechanisms "$SDS_MECHANISMS" \
    --tls "$SDS_TLS" --tls-port "${SDS_TLS_PORT:-0}" --tls-client-ca "$SDS_TLS_CLIENT_CA" --tls-old "$SDS_TLS_OLD" \
    --idle "$SDS_IDLE" --hide "$SDS_HIDE" --demand-login "$SDS_DEMAND_LOGIN" "${addresses[@]}" >"$STATE/server.log" 2>&1 </dev/null &
  remember $!
  wait_ready
}

do_stop() {
  alive >/dev/null || return 0
  end TERM KILL
  wait_gone
}

do_mail() { [[ -d $STATE/mail ]] && find "$STATE/mail" -name '*.eml' | sort; }

run aiosmtpd 30027 "$@"
