#!/bin/bash
# `make bench`: what the library costs, beside libcurl and libESMTP, against the limits that it has to keep.
#
#   benches/run.sh [PART...]     parts: instructions syscalls latency waits memory keep rates size load tls parts; without any, all of them
#   benches/run.sh footprint     what it costs a microcontroller: benches/footprint/run.sh
#
# Installs what is missing, builds, prints tables; works in a scratch folder and below the target folder, and only on the
# loopback interface. A figure beyond its limit is marked `over`, and the exit code is 1 then. benches/README.md says
# what is measured how.
. "$(dirname "${BASH_SOURCE[0]}")/../scripts/common.sh"

parts=(instructions syscalls latency waits memory keep rates size load tls parts)
user=unit7
password=bench-password
names=(sds curl esmtp)
over=0

# --- what it runs ---

# Whether there is a part that looks at the other libraries: all do, but for the last.
compares() { [[ ${parts[*]} != load ]]; }

strict=(-std=c11 -D_DEFAULT_SOURCE -O2 "${warnings[@]}")

# with_library PROGRAM FILE...: builds a program that uses the library.
with_library() {
  local program=$1
  shift
  cc "${strict[@]}" -Iinclude -o "$work/$program" "$@" "$library" -Wl,-rpath,"$work"
}

build() {
  "${MAKE:-make}" -s all
  need_files "$release/libsds_smtp.so"
  # A copy, so that the figures are those of one library, whatever is built meanwhile.
  library=$work/$soname
  cp "$release/libsds_smtp.so" "$library"
  with_library load benches/load.c benches/heap.c
  cc "${strict[@]}" -o "$work/load_server" benches/load_server.c
  compares || return 0

  cargo build -q --release -p mail-sink --target "$(host_triple)"
  sink=$target/$(host_triple)/release/mail_sink
  need_files "$sink"
  with_library driver_sds benches/driver_sds.c
  with_library latency benches/latency.c
  with_library memory benches/memory.c benches/heap.c
  cc "${strict[@]}" -o "$work/driver_curl" benches/driver_curl.c -lcurl
  cc "${strict[@]}" -o "$work/driver_esmtp" benches/driver_esmtp.c -lesmtp
}

# The file of a library that a driver runs with.
loaded() { ldd "$work/$1" | awk -v library="$2" 'index($1, library) == 1 {print $3}'; }

# --- the server ---

# serve MAILS OPTION...: a sink on a free port of 127.0.0.1, $port.
serve() {
  local mails=$1 i
  shift
  rm -f "$work/port"
  "$sink" --seconds 300 --port-file "$work/port" --mails "$mails" "$@" >"$work/sink.out" 2>"$work/sink.err" </dev/null &
  sink_pid=$!
  for ((i = 0; i < 100; i++)); do
    [[ ! -s $work/port ]] || break
    sleep 0.05
  done
  [[ -s $work/port ]] || die "the mail sink did not start: $(<"$work/sink.err")"
  port=$(<"$work/port")
}

served() { wait_sink || die "not all mails arrived: $(<"$work/sink.err")"; }

# run_driver NAME MAILS COMMAND...: the driver, with login, under the command.
run_driver() {
  local name=$1 mails=$2
  shift 2
  serve "$mails" --user "$user" --password "$password"
  timeout 300 "$@" "$work/driver_$name" "$port" "$mails" "$user" "$password" >"$work/driver.out" 2>&1 ||
    die "driver_$name failed: $(tail -5 "$work/driver.out")"
  served
}

# The comparison is one only while all three log in the same way and end their sessions properly.
check_drivers() {
  local name
  for name in "${names[@]}"; do
    serve 2 --user "$user" --password "$password" --transcript
    timeout 60 "$work/driver_$name" "$port" 2 "$user" "$password" || die "driver_$name failed"
    served
    [[ $(grep -cxF 'C: AUTH PLAIN ****' "$work/sink.out") = 2 ]] || die "driver_$name does not log in with AUTH PLAIN"
    [[ $(grep -cx 'C: [a-z]\{62\}' "$work/sink.out") = 32 ]] || die "driver_$name does not send the text"
    [[ $(grep -cx 'C: QUIT' "$work/sink.out") = 2 ]] || die "driver_$name does not say QUIT"
  done
}

# --- tables ---

columns() { printf '%-58s %12s %12s %12s  %s\n' "$@"; }

# limited WHAT VALUE LIMIT: a figure that has to keep a limit.
limited() {
  local verdict=ok
  if ! awk -v value="$2" -v limit="$3" 'BEGIN {exit !(value != "" && value + 0 <= limit + 0)}'; then
    verdict=over
    over=1
  fi
  printf '%-58s %12s  at most %-8s %s\n' "$1" "$2" "$3" "$verdict"
}

# reached WHAT VALUE LIMIT: a figure that has to be so large.
reached() {
  local verdict=ok
  if ! awk -v value="$2" -v limit="$3" 'BEGIN {exit !(value != "" && value + 0 >= limit + 0)}'; then
    verdict=over
    over=1
  fi
  printf '%-58s %12s  at least %-7s %s\n' "$1" "$2" "$3" "$verdict"
}

figure() { printf '%-58s %12s\n' "$@"; }

# value NAME FILE: the number in the line "NAME number".
value() { awk -v name="$1" '$1 == name {print $2}' "$2"; }

divide() { awk -v one="$1" -v other="$2" -v digits="$3" 'BEGIN {printf "%.*f", digits, one / other}'; }

# --- the parts ---

instructions() {
  local few=50 many=250 name count
  local -A total mail
  for name in "${names[@]}"; do
    for count in $few $many; do
      run_driver "$name" "$count" valgrind --tool=callgrind --callgrind-out-file="$work/callgrind"
      total[$count]=$(sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$work/driver.out")
    done
    mail[$name]=$(((total[$many] - total[$few]) / (many - few)))
  done
  heading "instructions: callgrind, all threads of the client; (Ir($many) - Ir($few)) / $((many - few))"
  columns '' sds-smtp libESMTP libcurl ''
  columns 'instructions for a mail of 1 KiB, with AUTH PLAIN' "${mail[sds]}" "${mail[esmtp]}" "${mail[curl]}" ''
  columns 'ratio' 1.00 "$(divide "${mail[esmtp]}" "${mail[sds]}" 2)" "$(divide "${mail[curl]}" "${mail[sds]}" 2)" ''
  limited 'instructions for a mail' "${mail[sds]}" 56120
}

syscalls() {
  local few=100 many=600 name count
  for name in "${names[@]}"; do
    for count in $few $many; do
      run_driver "$name" "$count" strace -f -c -o "$work/strace.$count"
    done
    awk -v mails=$((many - few)) '
      $4 ~ /^[0-9]+$/ && $NF != "total" {calls[$NF] += FILENAME == ARGV[1] ? -$4 : $4}
      END {
        for (call in calls) {
          sum += calls[call]
          if (calls[call] >= mails / 100) printf "%s %.2f\n", call, calls[call] / mails
        }
        printf "total %.2f\n", sum / mails
      }' "$work/strace.$few" "$work/strace.$many" >"$work/calls.$name"
  done
  heading "syscalls: strace -f -c, all threads of the client; (calls($many) - calls($few)) / $((many - few))"
  columns '' sds-smtp libESMTP libcurl ''
  cut -d ' ' -f 1 "$work/calls.sds" "$work/calls.esmtp" "$work/calls.curl" | grep -vx total | sort -u |
    while read -r name; do
      columns "$name" "$(value "$name" "$work/calls.sds")" "$(value "$name" "$work/calls.esmtp")" \
        "$(value "$name" "$work/calls.curl")" ''
    done
  columns total "$(value total "$work/calls.sds")" "$(value total "$work/calls.esmtp")" "$(value total "$work/calls.curl")" ''
  limited 'system calls for a mail' "$(value total "$work/calls.sds")" 27
}

latency() {
  local mails=2000 marked=300 warm_up=20
  serve $((mails + warm_up)) --user "$user" --password "$password"
  timeout 300 "$work/latency" "$port" $mails "$user" "$password" >"$work/latency.out" || die 'latency failed'
  served
  serve $((marked + warm_up)) --user "$user" --password "$password"
  timeout 300 strace -f -y -o "$work/strace" "$work/latency" "$port" $marked "$user" "$password" marked ||
    die 'latency failed'
  served
  # The first line is the program's start, and so names the calling thread. A call that another thread interrupts stands
  # in two lines, of which the second is "<... resumed>".
  awk '
    NR == 1 {caller = $1}
    $1 != caller || $2 == "<..." {next}
    / write\(-1, "begin"/ {inside = 1; next}
    / write\(-1, "end"/ {inside = 0; sends++; next}
    inside && / epoll_ctl\([0-9]+<anon_inode:\[eventpoll\][^>]*>, EPOLL_CTL_MOD, [0-9]+<anon_inode:\[eventfd\]>/ {wakes++; next}
    inside {others++}
    END {printf "sends %d\nwakes %d\nothers %d\n", sends, wakes, others}' "$work/strace" >"$work/marked.out"
  [[ $(value sends "$work/marked.out") = "$marked" ]] || die 'latency: not all marks were seen'
  heading "latency: sds_smtp_send() of 1 KiB, $mails calls, the thread running, each mail ended before the next"
  limited 'nanoseconds until it returns: median' "$(value median "$work/latency.out")" 20000
  figure '  99th percentile' "$(value p99 "$work/latency.out")"
  figure '  longest' "$(value max "$work/latency.out")"
  figure "strace, $marked calls: wake-ups (EPOLL_CTL_MOD of the eventfd)" "$(value wakes "$work/marked.out")"
  limited '  other system calls of the calling thread' "$(value others "$work/marked.out")" 0
}

waits() {
  local mails=100 name login
  local -A turns
  for name in "${names[@]}"; do
    for login in no yes; do
      local account=()
      if [[ $login = yes ]]; then account=("$user" "$password"); fi
      serve $mails --turns ${account[0]+--user "$user" --password "$password"}
      timeout 60 "$work/driver_$name" "$port" $mails "${account[@]}" || die "driver_$name failed"
      served
      turns[$name,$login]=$(divide "$(sed -n 's/^turns \([0-9]*\) .*/\1/p' "$work/sink.out")" $mails 2)
    done
  done
  heading "waits: answers that the client had to wait for, by mail; PIPELINING offered; $mails mails"
  columns '' sds-smtp libESMTP libcurl ''
  columns 'without login' "${turns[sds,no]}" "${turns[esmtp,no]}" "${turns[curl,no]}" ''
  columns 'with AUTH PLAIN' "${turns[sds,yes]}" "${turns[esmtp,yes]}" "${turns[curl,yes]}" ''
  limited 'waits without login' "${turns[sds,no]}" 4
  limited 'waits with AUTH PLAIN' "${turns[sds,yes]}" 5
  for login in no yes; do
    local account=()
    if [[ $login = yes ]]; then account=("$user" "$password"); fi
    serve $mails --turns --chunking ${account[0]+--user "$user" --password "$password"}
    DRIVER_CHUNKING=1 timeout 60 "$work/driver_sds" "$port" $mails "${account[@]}" || die "driver_sds failed"
    served
    turns[chunks,$login]=$(divide "$(sed -n 's/^turns \([0-9]*\) .*/\1/p' "$work/sink.out")" $mails 2)
  done
  limited 'waits without login, with CHUNKING' "${turns[chunks,no]}" 3
  limited 'waits with AUTH PLAIN, with CHUNKING' "${turns[chunks,yes]}" 4
}

memory() {
  local idle=10000 flying=500 out=$work/memory.out
  {
    timeout 60 "$work/memory" idle $idle
    timeout 60 "$work/memory" flight $flying greeting
    timeout 60 "$work/memory" flight $flying final_dot
  } >"$out" || die 'memory failed'
  heading "memory: heap bytes by client, the heap's own words included; $idle idle, $flying with a mail in flight"
  limited 'idle, without configuration' "$(value idle "$out")" 1024
  figure '  its configuration' "$(value configuration "$out")"
  figure '  its log, with all 64 entries' "$(value full_log "$out")"
  limited 'in flight, beside the text: waiting for the greeting' "$(value flight_greeting "$out")" 6144
  limited '  waiting for the answer to the final dot' "$(value flight_final_dot "$out")" 6144
  limited 'threads, beside the one of the idle program' "$(value threads_greeting "$out")" 1
  limited '  waiting for the answer to the final dot' "$(value threads_final_dot "$out")" 1
}

# --- mails over one connection ---

# further_waits OPTION...: answers that the client had to wait for, by mail over a connection that is kept; the options are the
# sink's.
further_waits() {
  local count
  local -A all
  for count in 1 101; do
    serve "$count" --turns --user "$user" --password "$password" "$@"
    DRIVER_KEEP='wait' timeout 60 "$work/driver_sds" "$port" "$count" "$user" "$password" >"$work/driver.out" || die 'driver_sds failed'
    served
    all[$count]=$(sed -n 's/^turns \([0-9]*\) .*/\1/p' "$work/sink.out")
  done
  divide $((all[101] - all[1])) 100 2
}

keep() {
  local few=50 many=250 count how turns chunked
  local -A total mail
  for how in own wait; do
    for count in $few $many; do
      if [[ $how = wait ]]; then export DRIVER_KEEP='wait'; fi
      run_driver sds "$count" valgrind --tool=callgrind --callgrind-out-file="$work/callgrind"
      unset DRIVER_KEEP
      total[$count]=$(sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$work/driver.out")
    done
    mail[$how]=$(((total[$many] - total[$few]) / (many - few)))
  done
  turns=$(further_waits)
  chunked=$(DRIVER_CHUNKING=1 further_waits --chunking)
  timeout 100 "$work/memory" kept 250 >"$work/kept" || die 'memory failed'

  heading 'keep: further mails of 1 KiB over a connection that is kept, with AUTH PLAIN'
  figure 'instructions for a mail with a connection of its own' "${mail[own]}"
  figure '  over one that is kept' "${mail[wait]}"
  limited '  in relation' "$(divide "${mail[wait]}" "${mail[own]}" 3)" 0.6
  # The answer to the envelope, and the one to the final dot.
  limited 'waits of a further mail' "$turns" 2
  limited '  with CHUNKING' "$chunked" 1
  limited 'heap bytes of a connection that is kept' "$(value kept "$work/kept")" 3072
}

# kept_driver NAME HOW: so many microseconds for 5,000 mails over one connection, with login.
kept_driver() {
  local mails=5000
  serve $mails --user "$user" --password "$password"
  DRIVER_KEEP=$2 timeout 300 "$work/driver_$1" "$port" $mails "$user" "$password" >"$work/driver.out" 2>&1 ||
    die "driver_$1 failed: $(tail -5 "$work/driver.out")"
  served
  awk '$1 == "microseconds" {print $2}' "$work/driver.out"
}

# Each round has all three, one behind the other: what the machine does besides meets all of them.
rates() {
  local rounds=9 round
  for ((round = 0; round < rounds; round++)); do
    echo "$(kept_driver sds wait) $(kept_driver sds 'done') $(kept_driver esmtp all)"
  done | awk '{printf "%.0f %.0f %.0f %.2f %.2f\n", 5e9 / $1, 5e9 / $2, 5e9 / $3, $3 / $1, $3 / $2}' >"$work/rates"

  heading "rates: mails of 1 KiB over one connection, with AUTH PLAIN; libESMTP with all of them in one session; medians of $rounds rounds"
  columns '' 'send, wait' 'out of done' libESMTP ''
  columns 'mails a second' "$(median_of 1)" "$(median_of 2)" "$(median_of 3)" ''
  reached 'send and wait in relation to libESMTP' "$(median_of 4)" 1
  reached '  out of done' "$(median_of 5)" 1.3
}

# median_of COLUMN: of $work/rates.
median_of() { awk -v column="$1" '{print $column}' "$work/rates" | median; }

# --- TLS ---

# certify: makes $work/ca.pem, and $work/server.pem with its key, for localhost; P-256. The server's own vouches for
# itself in $work/alone.pem.
certify() {
  local new=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
  openssl req -x509 "${new[@]}" -keyout "$work/ca.key" -out "$work/ca.pem" -days 9 -subj '/CN=bench' \
    -addext basicConstraints=critical,CA:TRUE 2>/dev/null
  openssl req -new "${new[@]}" -keyout "$work/server.key" -out "$work/server.csr" -subj '/CN=localhost' 2>/dev/null
  printf '%s\n' 'subjectAltName=DNS:localhost' 'basicConstraints=CA:FALSE' >"$work/extensions"
  openssl x509 -req -in "$work/server.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" -set_serial 1 -days 9 \
    -extfile "$work/extensions" -out "$work/server.pem" 2>/dev/null
  openssl x509 -req -in "$work/server.csr" -signkey "$work/server.key" -days 9 -extfile "$work/extensions" \
    -out "$work/alone.pem" 2>/dev/null
}

# tls_driver NAME MAILS: instructions of a driver that sends so many mails over TLS, with login.
tls_driver() {
  local i server
  rm -f "$work/port"
  python3 benches/tls_server.py "$work/server.pem" "$work/server.key" "$work/port" "$2" >"$work/tls.out" 2>&1 &
  server=$!
  for ((i = 0; i < 100; i++)); do
    [[ ! -s $work/port ]] || break
    sleep 0.05
  done
  [[ -s $work/port ]] || die "the server with TLS did not start: $(<"$work/tls.out")"
  DRIVER_CA=$work/ca.pem timeout 300 valgrind --tool=callgrind --callgrind-out-file="$work/callgrind" \
    "$work/driver_$1" "$(<"$work/port")" "$2" "$user" "$password" >"$work/driver.out" 2>&1 ||
    die "driver_$1 failed: $(tail -5 "$work/driver.out")"
  wait "$server" || die "not all mails arrived: $(<"$work/tls.out")"
  sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$work/driver.out"
}

tls_instructions() {
  local few=3 many=23 name some gnutls
  local -A mail
  gnutls=$(ldconfig -p | awk '$1 == "libcurl-gnutls.so.4" {print $NF; exit}')
  cc "${strict[@]}" -o "$work/driver_gnutls" benches/driver_curl.c "$gnutls"
  for name in sds curl gnutls; do
    some=$(tls_driver "$name" $few)
    mail[$name]=$((($(tls_driver "$name" $many) - some) / (many - few)))
  done
  heading "tls: TLS 1.3, P-256, AUTH PLAIN, 1 KiB; callgrind, all threads of the client; (Ir($many) - Ir($few)) / $((many - few))"
  columns '' sds-smtp OpenSSL GnuTLS ''
  columns 'instructions for a mail; libcurl with the other two' "${mail[sds]}" "${mail[curl]}" "${mail[gnutls]}" ''
  columns ratio 1.00 "$(divide "${mail[curl]}" "${mail[sds]}" 2)" "$(divide "${mail[gnutls]}" "${mail[sds]}" 2)" ''
  limited 'instructions for a mail over TLS' "${mail[sds]}" 3200000
  limited '  in relation to libcurl with OpenSSL' "$(divide "${mail[sds]}" "${mail[curl]}" 2)" 1
  limited '  in relation to libcurl with GnuTLS' "$(divide "${mail[sds]}" "${mail[gnutls]}" 2)" 1
}

# of_tls PLACE [PLAIN]: what TLS takes of the heap besides a plain mail, which is at PLAIN.
of_tls() {
  local tls plain
  tls=$(value "$1" "$work/tls.memory")
  plain=$(value "${2:-$1}" "$work/plain.memory")
  echo $((tls - plain))
}

tls_memory() {
  timeout 100 "$work/tls_load" memory "$work/tls_server" "$work/alone.pem" "$work/server.key" >"$work/tls.memory" ||
    die 'tls_load memory failed'
  timeout 100 "$work/tls_load" memory "$work/tls_server" >"$work/plain.memory" || die 'tls_load memory failed'
  heading 'tls: heap bytes of a mail in flight beside its text, without the configuration; P-256'
  columns '' TLS plain 'TLS alone' ''
  columns 'waiting for the server in the handshake' "$(value flight "$work/tls.memory")" "$(value greeting "$work/plain.memory")" \
    "$(of_tls flight greeting)" ''
  columns 'connected, waiting for the greeting' "$(value greeting "$work/tls.memory")" "$(value greeting "$work/plain.memory")" \
    "$(of_tls greeting)" ''
  columns 'the most of a mail, its handshake included' "$(value most "$work/tls.memory")" "$(value most "$work/plain.memory")" \
    "$(of_tls most)" ''
  columns 'the text waits, and a record of 16 KiB is not whole' "$(value text "$work/tls.memory")" \
    "$(value text "$work/plain.memory")" "$(of_tls text)" ''
  limited 'heap bytes of TLS in the handshake' "$(of_tls flight greeting)" 20480
  limited '  connected' "$(of_tls greeting)" 20480
  limited '  the most of a mail' "$(of_tls most)" 20480
}

tls_waits() {
  local mails=1000 out=$work/tls.waits name what
  timeout 300 "$work/tls_load" waits "$work/tls_server" "$work/alone.pem" "$work/server.key" $mails >"$out" ||
    die 'tls_load waits failed'
  heading "tls: $mails mails over TLS in flight at once, plain mails beside them; milliseconds of the engine's work"
  printf '%-44s %10s %10s %10s %10s\n' '' median longest 'all: median' longest
  while read -r name what; do
    printf '%-44s %10s %10s %10s %10s\n' "$what" "$(value "${name}_work_median" "$out")" "$(value "${name}_work_longest" "$out")" \
      "$(value "${name}_whole_median" "$out")" "$(value "${name}_whole_longest" "$out")"
  done <<'WAITS'
quiet_wait a wait of a plain mail, and no other
begin_wait   ... while the TLS mails begin
go_on_wait   ... while their handshakes go on
quiet_mail a plain mail, and no other
begin_mail   ... while the TLS mails begin
go_on_mail   ... while their handshakes go on
WAITS
  figure 'longest turn' "$(value go_on_turn "$out")"
  figure 'seconds until all TLS mails have arrived' "$(value seconds "$out")"
  figure "  of the engine's work" "$(value worked "$out")"
  limited "longest wait of a plain mail for others' handshakes, ms" "$(value go_on_wait_work_longest "$out")" 50
  limited '  all waits of a mail' "$(value go_on_mail_work_longest "$out")" 50
}

tls() {
  certify
  with_library tls_load benches/tls_load.c benches/heap.c
  cc "${strict[@]}" -DLOAD_TLS -o "$work/tls_server" benches/load_server.c -lssl -lcrypto
  tls_instructions
  tls_memory
  tls_waits
}

# --- large mails ---

# Before other work of the machine, where that is allowed: times are compared here.
first=()
[[ $(nice -n -15 nice 2>/dev/null) -ge $(nice) ]] || first=(nice -n -15)

# parts_driver NAME KIND FILE [COMMAND...]: its figures go to $work/parts.out.
parts_driver() {
  local name=$1 kind=$2 file=$3
  shift 3
  timeout 300 "${first[@]}" "$@" "$work/parts_$name" "$port" "$kind" "$file" >"$work/parts.out" 2>"$work/parts.err" ||
    die "parts_$name $kind failed: $(tail -5 "$work/parts.err")"
}

median() { sort -n | awk '{value[NR] = $1} END {print value[int((NR + 1) / 2)]}'; }

parts() {
  local rounds=9 mib=25 round i name kind file server least few
  local -A counted ms=()
  with_library parts_sds benches/parts_sds.c
  cc "${strict[@]}" -o "$work/parts_curl" benches/parts_curl.c -lcurl
  cc "${strict[@]}" -o "$work/parts_server" benches/parts_server.c
  # Lines of 30 to 78 octets.
  awk -v octets=$((mib * 1024 * 1024)) 'BEGIN {
    srand(1)
    line = "The quick brown fox, who is 93 degrees hot, jumps over the lazy dog; and again."
    while (octets > 0) {
      length_of_line = 30 + int(rand() * 49)
      printf "%s\r\n", substr(line, 1, length_of_line)
      octets -= length_of_line + 2
    }}' >"$work/text"
  head -c $((mib * 1024 * 1024)) /dev/urandom >"$work/data"
  head -c 1024 /dev/urandom >"$work/small"
  truncate -s 1G "$work/large"
  rm -f "$work/port"
  "${first[@]}" "$work/parts_server" "$work/port" &
  server=$!
  for ((i = 0; i < 100; i++)); do
    [[ ! -s $work/port ]] || break
    sleep 0.05
  done
  [[ -s $work/port ]] || die 'the server for large mails did not start'
  port=$(<"$work/port")
  for ((round = 0; round < rounds; round++)); do
    while read -r name kind file; do
      parts_driver "$name" "$kind" "$work/$file"
      ms[$name,$kind]+="$(value milliseconds "$work/parts.out") "
    done <<'MAILS'
sds text text
curl text text
sds lent text
sds data data
curl data data
sds file data
curl file data
MAILS
  done
  for name in sds curl; do
    parts_driver "$name" text "$work/text" valgrind --tool=callgrind --callgrind-out-file="$work/callgrind"
    counted[$name]=$(sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$work/parts.err")
  done
  parts_driver sds file "$work/small"
  few=$(value kilobytes "$work/parts.out")
  parts_driver sds file "$work/large"
  least=$(($(value kilobytes "$work/parts.out") - few))
  kill "$server"
  wait "$server" || true

  # of NAME KIND: the median.
  of() { tr ' ' '\n' <<<"${ms[$1,$2]% }" | median; }
  heading "parts: a mail of $mib MiB to a server that throws it away; medians of $rounds runs, one of each kind after the other; milliseconds"
  printf '%-58s %12s %12s\n' '' sds-smtp libcurl
  printf '%-58s %12s %12s\n' 'text, copied' "$(of sds text)" "$(of curl text)"
  printf '%-58s %12s %12s\n' 'text that stays where it is' "$(of sds lent)" "$(of curl text)"
  printf '%-58s %12s %12s\n' 'attachment in memory' "$(of sds data)" "$(of curl data)"
  printf '%-58s %12s %12s\n' 'attachment from a file' "$(of sds file)" "$(of curl file)"
  printf '%-58s %12s %12s\n' 'instructions of two mails, text, copied' "${counted[sds]}" "${counted[curl]}"
  reached "libcurl's time in relation to ours: text, copied" "$(divide "$(of curl text)" "$(of sds text)" 2)" 1.2
  reached '  text that stays where it is' "$(divide "$(of curl text)" "$(of sds lent)" 2)" 1.5
  reached '  attachment in memory' "$(divide "$(of curl data)" "$(of sds data)" 2)" 1
  reached '  attachment from a file' "$(divide "$(of curl file)" "$(of sds file)" 2)" 1
  limited "our instructions in relation to libcurl's: text, copied" "$(divide "${counted[sds]}" "${counted[curl]}" 2)" 0.5
  limited 'kilobytes of memory more with 1 GiB in a file than with 1 KiB' "$least" 256
}

# sections FILE: bytes of the file by what they are for.
sections() {
  size -A -d "$1" | awk -v file="$(stat -L -c %s "$1")" '
    $1 !~ /^\./ || $1 ~ /^\.(bss|tbss|relro_padding)$/ {next}
    {all += $2}
    $1 ~ /^\.(text|init|fini|plt)/ && $1 !~ /_array$/ {sum["code"] += $2; next}
    $1 ~ /^\.(eh_frame|gcc_except_table)/ {sum["unwinding"] += $2; next}
    $1 ~ /^\.(rodata|data|tdata|got|init_array|fini_array)/ {sum["data"] += $2; next}
    $1 ~ /^\.(dyn|gnu|hash|rel|note)/ {sum["linking"] += $2; next}
    {sum["other"] += $2}
    END {
      printf "file %d\ncode %d\ndata %d\nunwinding %d\nlinking %d\n", file, sum["code"], sum["data"], sum["unwinding"], sum["linking"]
      printf "other %d\n", sum["other"] + file - all
    }'
}

# code_by_crate FILE: bytes of functions by who wrote them. A generic function counts for whom it was made; what the
# compiler inlined counts for the function that it went into. The thread's main function is inlined into std's frame for it.
code_by_crate() {
  nm -S -C -t d "$1" | awk '
    $3 !~ /^[tTwW]$/ {next}
    {
      bytes = $2 + 0
      name = $0
      sub(/^[0-9]+ [0-9]+ . /, "", name)
      crate = name
      sub(/^[^A-Za-z_]+/, "", crate)
      sub(/^(mut|const|dyn) /, "", crate)
      if (name ~ /sds_smtp|__rust_begin_short_backtrace/) crate = "ours"
      else if (name ~ /gimli|addr2line|miniz_oxide|adler|rustc_demangle|backtrace_rs|std::backtrace|object::/) crate = "symbolizer"
      else if (name ~ /rustls|webpki/ || crate ~ /^(untrusted|hashbrown)::/) crate = "rustls"
      else if (name ~ /ring::|^ring_core/ || name !~ /::|rust|^(_init|_fini|_start)/) crate = "ring"
      else if (name ~ /idna|unicode_|tinyvec|smallvec/) crate = "names"
      else if (match(name, / as (core|alloc|std)::/)) { crate = substr(name, RSTART + 4); sub(/::.*/, "", crate) }
      else if (crate ~ /^(core|alloc|std)::/) sub(/::.*/, "", crate)
      else crate = "rest"
      sum[crate] += bytes
    }
    END {
      split("ours rustls ring names std core alloc symbolizer rest", crates)
      for (at in crates) printf "%s %d\n", crates[at], sum[crates[at]]
    }'
  # The tables of ring are the only large constants with a name.
  nm -S -t d "$1" | awk '$3 ~ /^[rR]$/ && $4 ~ /precomputed|Precomp/ {sum += $2} END {printf "tables %d\n", sum}'
}

size_of_library() {
  local name esmtp curl plain part unstripped host
  host=$(host_triple)
  unstripped=$target/benches/unstripped/$host/release/libsds_smtp.so
  CARGO_PROFILE_RELEASE_STRIP=none cargo rustc -q --release --lib --crate-type cdylib,staticlib --target "$host" \
    --target-dir "$target/benches/unstripped"
  esmtp=$(loaded driver_esmtp libesmtp.so)
  curl=$(loaded driver_curl libcurl.so)
  sections "$library" >"$work/sections.sds"
  sections "$esmtp" >"$work/sections.esmtp"
  sections "$curl" >"$work/sections.curl"
  code_by_crate "$unstripped" >"$work/crates"
  heading "size: bytes of the stripped shared library; $(basename "$(realpath "$esmtp")"), $(basename "$(realpath "$curl")")"
  columns '' sds-smtp libESMTP libcurl ''
  while read -r part name; do
    columns "$name" "$(value "$part" "$work/sections.sds")" "$(value "$part" "$work/sections.esmtp")" \
      "$(value "$part" "$work/sections.curl")" ''
  done <<'PARTS'
file the file
code   code
data   constants and data
unwinding   tables for unwinding
linking   tables for linking
other   headers, alignment, other
PARTS
  columns 'libraries that it loads, and they load' "$(ldd "$library" | grep -c '=> /')" \
    "$(ldd "$esmtp" | grep -c '=> /')" "$(ldd "$curl" | grep -c '=> /')" ''
  plain=$(find "$(dirname "$(realpath "$esmtp")")" -maxdepth 2 -path '*esmtp-plugins*' -name sasl-plain.so -print -quit)
  if [[ -n $plain ]]; then figure "  libESMTP's plugin for AUTH PLAIN, besides" "$(stat -L -c %s "$plain")"; fi
  echo
  while read -r part name; do figure "$name" "$(value "$part" "$work/crates")"; done <<'PARTS'
ours our code: this library
rustls   rustls, webpki, and what they need
ring   ring, its assembly and C
names   names in Unicode: idna and its tables of rules
std   std
core   core
alloc   alloc
symbolizer   what std prints backtraces of panics with
rest   rest (zeroize, memchr, compiler's helpers)
tables constants: ring's tables for P-256 and Ed25519
PARTS
  limited 'bytes of the whole library' "$(stat -L -c %s "$library")" 1990000
  CARGO_TARGET_DIR=$target/benches/lean LEAN=1 scripts/people/build.sh >/dev/null
  limited 'bytes of the lean library' "$(stat -c %s "$target/benches/lean/release/libsds_smtp.so")" 566000
}

# in_objects FILE MAILS: of a dump of callgrind's, the instructions for a mail in the library's own code, and with those of
# the C library and its loader; not those of the program that drives it. A line behind "calls=" has what the called
# function took, which is counted there.
in_objects() {
  awk -v mails="$2" -v library="/$soname" -v program="$work/load" '
    /^c?ob=/ {
      id = $1
      sub(/^c?ob=/, "", id)
      if (NF > 1) {
        name = $0
        sub(/^[^ ]* /, "", name)
        of_program[id] = name == program
        of_library[id] = substr(name, length(name) - length(library) + 1) == library
      }
      if (/^ob=/) object = id
      next
    }
    /^calls=/ {getline; next}
    /^[-+*0-9]/ {
      if (of_library[object]) own += $2
      if (!of_program[object]) all += $2
    }
    END {printf "own %.0f\nall %.0f\n", own / mails, all / mails}' "$1"
}

# scaled WHAT FEW SOME MANY [LIMIT]: a figure with 100, 1,000 and 10,000 mails in flight, and how it grows.
scaled() {
  local what=$1 few=$2 some=$3 many=$4 limit=${5:-} growth verdict=''
  growth=$(divide "$many" "$few" 2)
  if [[ -n $limit ]]; then
    verdict="at most $limit  ok"
    if ! awk -v growth="$growth" -v limit="$limit" 'BEGIN {exit !(growth + 0 <= limit + 0)}'; then
      verdict="at most $limit  over"
      over=1
    fi
  fi
  printf '%-44s %10s %10s %10s %8s  %s\n' "$what" "$few" "$some" "$many" "$growth" "$verdict"
}

load_driver() {
  local log=$1
  shift
  timeout 300 "$@" >"$log" 2>"$log.err" || die "load failed: $(grep -v '^==' "$log.err")"
}

# longest WHAT WHOLE PART LIMIT: a call's longest time, and of that the part which has to keep a limit.
longest() {
  local verdict=ok
  if ! awk -v value="$3" -v limit="$4" 'BEGIN {exit !(value != "" && value + 0 <= limit + 0)}'; then
    verdict=over
    over=1
  fi
  printf '%-44s %10s %10s  at most %-4s %s\n' "$1" "$2" "$3" "$4" "$verdict"
}

load() {
  local few=100 some=1000 many=10000 most_waiting=500 most_working=100 count part name at dump out=$work/load
  local parts_of_load=(deliver cancel deadline free)
  local -A rounds=([$few]=20 [$some]=2 [$many]=1) own all cpu bytes
  local -A words=([deliver]=delivered [cancel]=cancelled [deadline]='ended by a deadline' [free]='whose client is freed')
  for count in $few $some $many; do
    load_driver "$out.$count" "$work/load" "$work/load_server" "$count" "${rounds[$count]}" measure
    bytes[$count]=$(value memory "$out.$count")
    load_driver "$out.counted" valgrind --tool=callgrind --callgrind-out-file="$work/callgrind.$count" \
      "$work/load" "$work/load_server" "$count" "${rounds[$count]}" measure
    at=0
    for part in "${parts_of_load[@]}"; do
      cpu[$part,$count]=$(value "cpu_$part" "$out.$count")
      dump=$work/callgrind.$count.$((++at))
      grep -qx "desc: Trigger: Client Request: $part" "$dump" || die "callgrind has not told of $part"
      in_objects "$dump" "$(value "mails_$part" "$out.counted")" >"$out.objects"
      own[$part,$count]=$(value own "$out.objects")
      all[$part,$count]=$(value all "$out.objects")
    done
  done
  load_driver "$out.probe" "$work/load" "$work/load_server" $many 1 probe
  load_driver "$out.poll" "$work/load" "$work/load_server" $many 1 poll

  heading "load: N clients, each with a mail of 1 KiB in flight, all of them at once; one thread; without login"
  printf '%-44s %10s %10s %10s %8s\n' '' "N = $few" $some $many growth
  echo "instructions for a mail in the library's own code"
  for part in "${parts_of_load[@]}"; do
    scaled "  ${words[$part]}" "${own[$part,$few]}" "${own[$part,$some]}" "${own[$part,$many]}" 1.3
    scaled "    ... and the C library's" "${all[$part,$few]}" "${all[$part,$some]}" "${all[$part,$many]}" 1.3
  done
  echo 'microseconds of CPU time for a mail, the kernel included; the growth should not exceed 2'
  for part in "${parts_of_load[@]}"; do
    scaled "  ${words[$part]}" "${cpu[$part,$few]}" "${cpu[$part,$some]}" "${cpu[$part,$many]}"
  done
  echo
  for count in $few $some $many; do
    limited "heap bytes of a mail in flight beside its text, N = $count" "${bytes[$count]}" 6144
  done
  echo
  echo "longest times in milliseconds, with $many mails in flight; they should not exceed 20"
  printf '%-44s %10s %10s\n' '' longest waiting
  while read -r part name; do
    longest "  $name" "$(value "$part" "$out.probe")" "$(value "${part}_waited" "$out.probe")" $most_waiting
  done <<CALLS
send   sds_smtp_client_send()
cancel   sds_smtp_client_cancel()
fork   fork(), $(value probes "$out.probe") calls
fork_quiet   fork() while the engine has nothing to do
CALLS
  printf '%-44s %10s %10s\n' '' longest working
  for part in "${parts_of_load[@]}"; do
    longest "  sds_smtp_poll(): ${words[$part]}" "$(value "poll_$part" "$out.poll")" \
      "$(value "poll_${part}_worked" "$out.poll")" $most_working
  done
}

# --- ---

if [[ $* = footprint ]]; then exec benches/footprint/run.sh; fi
if (($#)); then
  for part; do
    [[ " ${parts[*]} " = *" $part "* ]] || die "unknown part $part; there are: ${parts[*]}"
  done
  parts=("$@")
fi
scripts/people/setup.sh bench "${parts[@]}"
make_work
build
if compares; then check_drivers; fi
echo "$(date -u +%F), $(uname -srm), $(nproc) processors, $(getconf GNU_LIBC_VERSION), $(rustc --version), $(cc --version | sed q)"
for part in "${parts[@]}"; do
  if [[ $part = size ]]; then size_of_library; else "$part"; fi
done
echo
if ((over)); then
  echo 'bench: over a limit'
  exit 1
fi
echo 'bench: within all limits'
