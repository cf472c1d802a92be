"""Generators of API clients as others use them: openapi-python-client and openapi-typescript.

Owns their installation in `.cache`, exactly as the lock files of `openapi_clients` say, once for all tests. The first
needs a typer older than ours: it has an environment of its own.
"""

import fcntl
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from tests.peers.openid import BIN, NPM, ROOT, environment

SOURCE = Path(__file__).with_name("openapi_clients")
LOCKS = ("package.json", "package-lock.json", "requirements.lock")


def installed() -> Path:
    """The folder with `node_modules` and `python`, an environment."""
    parts = [(SOURCE / name).read_bytes() for name in LOCKS]
    folder = ROOT / ".cache" / f"openapi-clients-{sha256(b''.join(parts)).hexdigest()[:12]}"
    folder.parent.mkdir(exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "installed").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            for name in LOCKS:
                shutil.copy(SOURCE / name, folder)
            options = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-update-notifier"]
            run(folder, BIN / "node", NPM, "ci", *options)
            run(folder, sys.executable, "-m", "venv", "python")
            run(folder, "python/bin/python", "-m", "pip", "install", "-qq", "--require-hashes", "-r", LOCKS[2])
            (folder / "installed").touch()
    return folder


def run(folder: Path, *command: str | Path) -> str:
    """Its output. Fails with it if the command does."""
    words = [str(each) for each in command]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=120, env=environment())
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
