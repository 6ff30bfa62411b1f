"""Makes keys and certificates for the tests of TLS, when they run, with the command `openssl`."""

import base64
import hashlib
import itertools
import pathlib
import subprocess

CONFIGURATION = """
[req]
distinguished_name = name
[name]
[ca]
default_ca = dated
[dated]
database = {folder}/index
rand_serial = yes
unique_subject = no
new_certs_dir = {folder}
default_md = sha256
policy = anything
copy_extensions = copyall
x509_extensions = none
[none]
[anything]
commonName = optional
"""

CURVES = {"ec": "prime256v1", "p384": "secp384r1", "p521": "secp521r1"}

# Names of servers, and an address, that a usual certificate is for.
USUAL = "DNS:mx.example.test,DNS:localhost,IP:127.0.0.1"


def openssl(*arguments, given=None):
    """What the command prints."""
    done = subprocess.run(
        ["openssl", *map(str, arguments)], input=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60
    )
    assert done.returncode == 0, (arguments, done.stderr.decode("utf-8", "replace"))
    return done.stdout


class Identity:
    """A certificate, and its key: files, and what is in them."""

    def __init__(self, folder, name):
        self.certificate = folder / f"{name}.pem"
        self.key = folder / f"{name}.key"
        # What a server sends: the certificate, and those above it.
        self.chain = folder / f"{name}-chain.pem"

    @property
    def pem(self):
        return self.certificate.read_text()

    @property
    def key_pem(self):
        return self.key.read_text()

    @property
    def pin(self):
        """The SHA-256 of its public key, as `tls_pin` has it."""
        public = openssl("x509", "-in", self.certificate, "-noout", "-pubkey")
        der = openssl("pkey", "-pubin", "-outform", "DER", given=public)
        return "sha256//" + base64.b64encode(hashlib.sha256(der).digest()).decode()


class Maker:
    """Makes them in a folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self._numbers = itertools.count(1)
        self._configuration = self.folder / "openssl.cnf"
        self._configuration.write_text(CONFIGURATION.format(folder=self.folder))
        (self.folder / "index").touch()

    def key(self, kind, file):
        if kind in CURVES:
            openssl("ecparam", "-name", CURVES[kind], "-genkey", "-noout", "-out", file)
        elif kind == "ed25519":
            openssl("genpkey", "-algorithm", "ed25519", "-out", file)
        else:
            openssl("genrsa", "-out", file, kind.replace("rsa", "") or "2048")

    def make(self, subject="mx.example.test", issuer=None, kind="ec", extensions=(), dates=None, key=None):
        """A certificate, self-signed without an issuer. dates -- (from, to), as 20200101000000Z."""
        one = Identity(self.folder, f"{next(self._numbers)}")
        if key is None:
            self.key(kind, one.key)
        else:
            one.key.write_text(key.key_pem)
        request = ["req", "-config", self._configuration, "-new", "-key", one.key, "-subj", f"/CN={subject}"]
        for extension in extensions:
            request += ["-addext", extension]
        if dates is None:
            by = [] if issuer is None else ["-CA", issuer.certificate, "-CAkey", issuer.key]
            openssl(*request, "-x509", "-days", "30", *by, "-out", one.certificate)
        else:
            openssl(*request, "-out", self.folder / "request")
            by = ["-selfsign", "-keyfile", one.key] if issuer is None else ["-cert", issuer.certificate, "-keyfile", issuer.key]
            openssl(
                *["ca", "-config", self._configuration, "-batch", "-notext", *by],
                *["-startdate", dates[0], "-enddate", dates[1], "-in", self.folder / "request", "-out", one.certificate],
            )
        above = issuer.chain.read_text() if issuer is not None and issuer.chain.exists() else ""
        one.chain.write_text(one.pem + above)
        return one

    def authority(self, subject="Test CA", issuer=None, kind="ec", **more):
        extensions = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"]
        one = self.make(subject, issuer, kind, extensions, **more)
        if issuer is None:
            one.chain.write_text("")  # nobody sends a trust anchor
        return one

    def server(self, issuer, names=USUAL, kind="ec", subject="mx.example.test", usage="serverAuth", **more):
        """A server's. names -- "DNS:...,IP:..."."""
        return self.make(subject, issuer, kind, [f"subjectAltName={names}", f"extendedKeyUsage={usage}"], **more)

    def client(self, issuer, subject="unit7", kind="ec", **more):
        return self.make(subject, issuer, kind, ["extendedKeyUsage=clientAuth"], **more)


class Pki:
    """What the tests have in common; each is made when it is first asked for."""

    def __init__(self, folder):
        self.maker = Maker(folder)
        self._made = {}
        self._makers = {
            "ca": lambda make: make.authority(),
            "other_ca": lambda make: make.authority("Another CA"),
            "client_ca": lambda make: make.authority("CA of clients"),
            "middle_ca": lambda make: make.authority("CA in the middle", self.ca),
            "rsa_ca": lambda make: make.authority("CA with RSA", kind="rsa"),
            "good": lambda make: make.server(self.ca),
            "rsa": lambda make: make.server(self.rsa_ca, kind="rsa"),
            "p384": lambda make: make.server(make.authority("CA with P-384", kind="p384"), kind="p384"),
            "p521": lambda make: make.server(self.ca, kind="p521"),
            "ed25519": lambda make: make.server(self.ca, kind="ed25519"),
            "below": lambda make: make.server(self.middle_ca),
            "without_chain": self._without_chain,
            "stranger": lambda make: make.server(self.other_ca),
            "self_signed": lambda make: make.server(None),
            "self_signed_ca": lambda make: make.make(
                extensions=["basicConstraints=critical,CA:TRUE", f"subjectAltName={USUAL}"]
            ),
            "expired": lambda make: make.server(self.ca, dates=("20200101000000Z", "20210101000000Z")),
            "not_yet_valid": lambda make: make.server(self.ca, dates=("20400101000000Z", "20410101000000Z")),
            "expired_self_signed": lambda make: make.server(None, dates=("20200101000000Z", "20210101000000Z")),
            "other_name": lambda make: make.server(self.ca, "DNS:mail.elsewhere.test,IP:192.0.2.1"),
            "only_common_name": lambda make: make.make("localhost", self.ca, extensions=["basicConstraints=CA:FALSE"]),
            "only_address": lambda make: make.server(self.ca, "IP:127.0.0.1"),
            "only_name": lambda make: make.server(self.ca, "DNS:localhost"),
            "wildcard": lambda make: make.server(self.ca, "DNS:*.example.test"),
            "ipv6": lambda make: make.server(self.ca, "IP:::1"),
            "for_clients": lambda make: make.server(self.ca, usage="clientAuth"),
            "version_1": lambda make: make.make(issuer=self.ca),
            "client": lambda make: make.client(self.client_ca),
            "stranger_client": lambda make: make.client(self.other_ca),
            "large": lambda make: make.server(self.ca, USUAL + "".join(f",DNS:{n:05}.example.test" for n in range(2800))),
            "rsa_below": lambda make: make.server(make.authority("CA with RSA below", self.rsa_ca, kind="rsa"), kind="rsa"),
            "too_large": lambda make: make.server(self.ca, USUAL + "".join(f",DNS:{n:05}.example.test" for n in range(4500))),
            "deep": self._deep,
        }

    def __getattr__(self, name):
        if name not in self._made:
            if name not in self._makers:
                raise AttributeError(name)
            self._made[name] = self._makers[name](self.maker)
        return self._made[name]

    def client_of(self, kind):
        name = f"client with {kind}"
        if name not in self._made:
            self._made[name] = self.maker.client(self.client_ca, kind=kind)
        return self._made[name]

    @property
    def encrypted_key(self):
        return openssl("pkcs8", "-topk8", "-in", self.client.key, "-passout", "pass:secret").decode()

    def _without_chain(self, make):
        one = make.server(self.middle_ca)
        one.chain.write_text(one.pem)
        return one

    def _deep(self, make):
        """A server's certificate below a hundred authorities."""
        above, key = self.ca, None
        for number in range(99):
            above = make.authority(f"CA {number}", above, key=key)
            key = key or above
        return make.server(above)
