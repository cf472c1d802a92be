"""The page of licences of the installed packages, from their metadata.

Owns the list of licences that fit ours (Apache-2.0). LGPL fits: the library is separate and can be replaced.
"""

import re
from collections.abc import Iterable
from importlib import metadata

from docs.reference.words import table

HEAD = """# Licences of what is installed

voiceai is [Apache-2.0](../LICENSE). With it are installed, as locked in `requirements.lock`, with the licence that each
package says of itself. This page is made (`make reference`); a package on other terms than these fails the tests.
`make audit` asks for known weaknesses of exactly these versions.

The console contains JsSIP and uPlot. Both have the MIT licence; its text is in their files, in
`controller/api/console/static/vendor/`.
"""
FITTING = {
    *(
        "Apache-2.0",
        "MIT",
        "MIT-0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "0BSD",
        "ISC",
        "PSF-2.0",
        "Zlib",
        "CC0-1.0",
        "MPL-2.0",
    ),
    "LGPL-2.1-or-later",
}
_SPDX = {
    "Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}


def locked(lock: str) -> list[str]:
    """The package names in a lock file."""
    return sorted(set(re.findall(r"^([A-Za-z0-9_.-]+)==", lock, re.MULTILINE)))


def licence_of(package: str) -> str:
    """As SPDX, where the package says so. Raises PackageNotFoundError."""
    found = metadata.metadata(package)
    if "License-Expression" in found:
        return str(found["License-Expression"])
    classifiers = [str(each) for each in found.get_all("Classifier") or ()]
    kinds = [each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License ::")]
    if not kinds and "License" in found:
        kinds = str(found["License"]).splitlines()[:1]
    return " OR ".join(_SPDX.get(kind, kind) for kind in kinds) or "unknown"


def unfitting(licence: str) -> set[str]:
    """The parts of a licence that do not fit; empty if one of its alternatives (OR) fits."""
    for choice in licence.split(" OR "):
        terms = set(re.split(r" AND |[()]", choice)) - {""}
        if terms <= FITTING:
            return set()
    return set(re.split(r" AND | OR |[()]", licence)) - FITTING - {""}


def page(packages: Iterable[str]) -> str:
    return "\n".join([HEAD, *table(("package", "licence"), [(each, licence_of(each)) for each in packages]), ""])
