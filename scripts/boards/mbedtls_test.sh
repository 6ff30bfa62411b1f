#!/bin/bash
# Builds transport_mbedtls.c and mbedTLS for this machine, with sanitizers, and runs tests/firmware/mbedtls_transport.c: with keys
# of P-256, and of RSA.
#
#   MBEDTLS    the folder of mbedTLS's sources; by default Debian's, which mbedtls.sh fetches
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"
. scripts/boards/certificates.sh

source=${MBEDTLS:-$(scripts/boards/mbedtls.sh)}
output=$target/firmware/host_mbedtls
rm -rf "$output"
mkdir -p "$output"

# The server of the test is mbedTLS, too.
options=(-std=gnu99 -g -O2 '-DMBEDTLS_CONFIG_FILE="mbedtls_config.h"'
  -DMBEDTLS_SSL_SRV_C "-I$PWD/include" "-I$PWD/c_examples/firmware")
parts=(aes asn1parse asn1write bignum cipher cipher_wrap constant_time ctr_drbg ecdh ecdsa ecp ecp_curves gcm md
  memory_buffer_alloc oid pk pk_wrap pkparse platform platform_util rsa rsa_internal sha256 ssl_ciphersuites ssl_cli
  ssl_msg ssl_srv ssl_tls x509 x509_crt)
(
  cd "$output"
  for part in "${parts[@]}"; do
    # Not what is only calculated: the test would take minutes.
    checks=(-fsanitize=address)
    [[ $part != @(bignum|ecp|ecp_curves|aes|sha256|gcm) ]] || checks=()
    gcc "${options[@]}" "${checks[@]}" "-I$source/include" -c "$source/library/$part.c"
  done
)

for keys in ec rsa; do
  folder=$output/$keys
  make_certificates "$folder" "$keys"
  make_certificates "$folder/stranger" "$keys"
  {
    certificate_array authority "$folder/authority.pem"
    certificate_array server "$folder/chain.pem"
    openssl pkey -in "$folder/key.pem" -outform DER | array_of server_key
    certificate_array stranger "$folder/stranger/authority.pem"
  } >"$folder/certificates.h"
  gcc "${options[@]}" "-I$folder" "${warnings[@]}" "-fsanitize=address,undefined" -fno-sanitize-recover=all \
    -isystem "$source/include" tests/firmware/mbedtls_transport.c "$output"/*.o -o "$folder/mbedtls_transport"
  timeout 60 "$folder/mbedtls_transport"
done
