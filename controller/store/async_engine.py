"""SQLAlchemy's engine for asyncio, without its ORM, which nothing here uses.

`sqlalchemy.ext.asyncio` would load the ORM for its sessions: 6 MB. So its engine is imported while the package is known
but has not run; who imports the package itself afterwards gets all of it.
"""

import sys
from importlib.util import find_spec, module_from_spec

_PACKAGE = "sqlalchemy.ext.asyncio"

if _PACKAGE in sys.modules:
    _known = None
else:
    _spec = find_spec(_PACKAGE)
    assert _spec is not None
    _known = sys.modules[_PACKAGE] = module_from_spec(_spec)

from sqlalchemy.ext.asyncio.engine import (  # noqa: E402
    AsyncConnection as AsyncConnection,
    AsyncEngine as AsyncEngine,
    create_async_engine as create_async_engine,
)

if _known is not None:
    del sys.modules[_PACKAGE]
