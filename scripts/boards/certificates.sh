# shellcheck shell=bash
# Certificates for tests with TLS. It is sourced, never run.

command -v openssl >/dev/null || die 'openssl is missing: scripts/people/setup.sh cross installs it'

# make_certificates FOLDER [ec|rsa [NAMES]]: a CA (authority.pem), and a certificate of its for mx.example.test, or for these NAMES
# (chain.pem, key.pem); valid for 30 days.
make_certificates() {
  local folder=$1 names=${3:-DNS:mx.example.test} name
  mkdir -p "$folder"
  {
    for name in authority.key key.pem; do
      if [[ ${2:-} = rsa ]]; then
        openssl genrsa -out "$folder/$name" 2048
      else
        openssl ecparam -name prime256v1 -genkey -noout -out "$folder/$name"
      fi
    done
    openssl req -x509 -new -key "$folder/authority.key" -subj '/CN=Test CA' -days 30 -out "$folder/authority.pem" \
      -addext 'keyUsage=critical,keyCertSign'
    openssl req -x509 -new -key "$folder/key.pem" -subj '/CN=mx.example.test' -days 30 -out "$folder/chain.pem" \
      -CA "$folder/authority.pem" -CAkey "$folder/authority.key" -addext basicConstraints=CA:FALSE \
      -addext "subjectAltName=$names"
  } 2>"$folder/errors" || die "openssl: $(<"$folder/errors")"
}

# pin_of FILE: of the key of the certificate in it, as tls_pin has it.
pin_of() {
  printf 'sha256//'
  openssl x509 -in "$1" -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary | base64
}

# Octets as C has them.
numbers() { od -An -v -tu1 | sed 's/ *\([0-9]\+\)/\1,/g'; }

# array_of NAME: of the octets that are read.
array_of() {
  printf 'static const unsigned char %s[] = {\n' "$1"
  numbers
  echo '};'
}

# certificate_array NAME FILE: of a certificate in PEM.
certificate_array() { openssl x509 -in "$2" -outform DER | array_of "$1"; }
