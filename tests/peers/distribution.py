"""Source distribution and wheel of this checkout, and an environment with the wheel and the locked packages alone."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("bridge", "controller", "demo", "simulator")
BESIDE = ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "Makefile", "config.yaml", "config.schema.json")
LOCKED = re.compile(r"^([a-z0-9][a-z0-9.-]*)==", re.MULTILINE)
BUILD = "import sys; from setuptools import build_meta; getattr(build_meta, sys.argv[1])(sys.argv[2])"
ENVIRONMENT = {
    "ARI_PASSWORD": "9f2c1b7e5d3a48c6",
    "OPENAI_API_KEY": "sk-none",
    "VOICEAI_API_TOKEN": "4b8e0d6f2a9c7153e1b5d7f9",
}
"""What the shipped config.yaml needs."""


def run(*command: str | Path, cwd: Path) -> str:
    """Its output. Raises AssertionError with what it printed if it fails."""
    env = {"PATH": os.environ["PATH"], "PIP_DISABLE_PIP_VERSION_CHECK": "1", **ENVIRONMENT}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=45, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(folder: Path) -> Path:
    """`folder`, with sdist and wheel. Built in a copy (the checkout stays as it is), the wheel from the sdist, which is
    in `unpacked`."""
    tree = folder / "tree"
    for name in PACKAGES:
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (*BESIDE, *(each.name for each in ROOT.glob("requirements*.lock"))):
        shutil.copy(ROOT / name, tree / name)
    shutil.copytree(ROOT / "deploy", tree / "deploy")
    for name in ("tests", "bench"):  # as in the checkout: they must not be taken in
        (tree / name).mkdir()
        (tree / name / "__init__.py").touch()
    run(sys.executable, "-c", BUILD, "build_sdist", folder, cwd=tree)
    (sdist,) = folder.glob("voiceai-*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (source,) = (folder / "unpacked").iterdir()
    run(sys.executable, "-c", BUILD, "build_wheel", folder, cwd=source)
    return folder


def environment(built: Path) -> Path:
    """A virtual environment with the wheel, the packages of requirements.lock and no others."""
    home = built / "environment"
    run(sys.executable, "-m", "venv", "--without-pip", home, cwd=built)
    python, ours = home / "bin/python", Path(sysconfig.get_paths()["purelib"])
    theirs = home / ours.relative_to(sys.prefix)
    for name in set(LOCKED.findall((ROOT / "requirements.lock").read_text())):
        try:
            files = metadata.distribution(name).files or []
        except metadata.PackageNotFoundError:
            continue  # for another platform or Python
        for top in {each.parts[0] for each in files} - {"..", "__pycache__"}:
            (theirs / top).symlink_to(ours / top)
    (wheel,) = built.glob("*.whl")
    run(sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-index", wheel, cwd=built)
    return home
