"""Certificates for test servers, made by openssl, which is part of every Debian."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.missing import missing

_KEY = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"


@dataclass(frozen=True)
class Certificates:
    """Files of one server.

    Args:
        authority: who signed the certificate; what a client has to trust.
    """

    authority: Path
    certificate: Path
    key: Path


def make_certificates(folder: Path, *names: str) -> Certificates:
    """A new authority, and a certificate of it for this machine's loopback and further names."""
    if not shutil.which("openssl"):
        missing("openssl", "openssl")

    def openssl(words: str, *more: str) -> None:
        subprocess.run(["openssl", *words.split(), *more], cwd=folder, check=True, capture_output=True)  # fmt: skip

    openssl(f"req -x509 {_KEY} -keyout ca.key -out ca.crt -days 2 -subj", "/CN=Test authority")
    openssl(f"req {_KEY} -keyout server.key -out server.csr -subj", "/CN=localhost")
    known = ["DNS:localhost", "IP:127.0.0.1", *(f"DNS:{name}" for name in names)]
    (folder / "names").write_text(f"subjectAltName={','.join(known)}\n")
    openssl(
        "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt "
        "-days 2 -extfile names"
    )
    return Certificates(folder / "ca.crt", folder / "server.crt", folder / "server.key")
