"""An ID token, checked: signature, issuer, audience, times, nonce. [pure]

Owns which algorithms count: signatures with a public key, never `none` and never one with a shared secret. joserfc does
the cryptography. It is imported when somebody logs in: nobody else needs it.

Source: OpenID Connect Core 1.0 §3.1.3.7, RFC 7515, RFC 8725.
"""

import base64
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519")
LONGEST = 64 * 1024
OLDEST_SECONDS = 600.0
"""A token of a log-in that has just happened is not older."""


class BadIdToken(Exception):
    """The text says what is wrong, without values of the token."""


class UnknownSigner(BadIdToken):
    """None of the keys has the id that the token names: the provider may have new ones."""


@dataclass(frozen=True, slots=True)
class Expected:
    """`skew_s`: by how much the clocks may differ."""

    issuer: str
    client_id: str
    nonce: str
    skew_s: float = 60.0


def verified(token: str, keys: Sequence[Mapping[str, Any]], expected: Expected, now: float) -> dict[str, Any]:
    """Its claims. `keys`: the JWKs of the provider. `now`: seconds since 1970. Raises BadIdToken."""
    claims = signed(token, keys)
    check(claims, expected, now)
    return claims


def signed(token: str, keys: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The claims of a token with a valid signature. Raises BadIdToken and UnknownSigner."""
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import import_key

    header = _header(token)
    if header.get("alg") not in ALGORITHMS:
        raise BadIdToken("it is not signed in a way that counts")
    kid = header.get("kid")
    fitting = [key for key in keys if _signs(key) and kid in (None, key.get("kid"))]
    if not fitting:
        raise UnknownSigner("it is signed with a key that the provider does not publish")
    for key in fitting:
        try:
            claims: dict[str, Any] = jwt.decode(token, import_key(dict(key)), algorithms=ALGORITHMS).claims
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        return claims
    raise BadIdToken("its signature is wrong")


def check(claims: Mapping[str, Any], expected: Expected, now: float) -> None:
    """Raises BadIdToken."""
    if claims.get("iss") != expected.issuer:
        raise BadIdToken("it is of another issuer")
    audience = claims.get("aud")
    listed = audience if isinstance(audience, list) else [audience]
    if expected.client_id not in listed:
        raise BadIdToken("it is for another client")
    if claims.get("azp", expected.client_id) != expected.client_id or (len(listed) > 1 and "azp" not in claims):
        raise BadIdToken("it was made for another client")
    until, since = _seconds(claims, "exp"), _seconds(claims, "iat")
    if now >= until + expected.skew_s:
        raise BadIdToken("it has expired")
    if since > now + expected.skew_s or ("nbf" in claims and _seconds(claims, "nbf") > now + expected.skew_s):
        raise BadIdToken("it is of the future: do the clocks agree?")
    if since < now - OLDEST_SECONDS - expected.skew_s:
        raise BadIdToken("it is too old: do the clocks agree?")
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), expected.nonce.encode()):
        raise BadIdToken("it belongs to another log-in")
    if not isinstance(claims.get("sub"), str) or not 0 < len(claims["sub"]) <= 255:
        raise BadIdToken("it names nobody")


def roles_in(claims: Mapping[str, Any], claim: str) -> tuple[str, ...] | None:
    """The roles in a claim, which may be a path such as `realm_access.roles`. None: there is no such claim."""
    found: Any = claims.get(claim)
    if found is None:
        found = claims
        for part in claim.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        found = [found]
    if not isinstance(found, list):
        return None
    return tuple(each for each in found if isinstance(each, str))


def _header(token: str) -> dict[str, Any]:
    """Raises BadIdToken."""
    parts = token.split(".")
    if len(token) > LONGEST or len(parts) != 3:
        raise BadIdToken("it is not a signed token")
    try:
        found = json.loads(base64.urlsafe_b64decode(parts[0] + "=" * (-len(parts[0]) % 4)))
    except (ValueError, RecursionError):
        raise BadIdToken("it can't be read") from None
    if not isinstance(found, dict):
        raise BadIdToken("it can't be read")
    return found


def _signs(key: Mapping[str, Any]) -> bool:
    """A public key for signatures. One with a shared secret ("oct") is never used."""
    return key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig"


def _seconds(claims: Mapping[str, Any], name: str) -> float:
    """Raises BadIdToken."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e12:
        raise BadIdToken(f"it has no {name}")
    return float(value)
