"""Self-signed certificates for tests, made by openssl(1)."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Certificate:
    """Paths of PEM files."""

    certificate: str
    key: str


def certificate(folder: Path, name: str = "localhost", days: int = 10) -> Certificate:
    """A certificate for `name`; with negative `days` it has expired."""
    key, request, made = (folder / f"{name}.{kind}" for kind in ("key", "request", "crt"))
    names = folder / f"{name}.names"
    names.write_text(f"subjectAltName=DNS:{name}\n")
    for command in (
        f"req -newkey rsa:2048 -nodes -keyout {key} -subj /CN={name} -out {request}",
        f"x509 -req -in {request} -signkey {key} -days {days} -extfile {names} -out {made}",
    ):
        subprocess.run(["openssl", *command.split()], check=True, capture_output=True, timeout=30)
    return Certificate(str(made), str(key))
