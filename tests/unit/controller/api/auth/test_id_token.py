"""controller.api.auth.id_token: which ID tokens count."""

import base64
import json
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey

from controller.api.auth.id_token import BadIdToken, Expected, UnknownSigner, check, roles_in, verified

NOW = 1_800_000_000.0
EXPECTED = Expected("https://id.example.com", "voiceai", "the-nonce", 60.0)
GOOD: dict[str, Any] = {
    "iss": "https://id.example.com",
    "aud": "voiceai",
    "sub": "248289761001",
    "exp": NOW + 300,
    "iat": NOW - 1,
    "nonce": "the-nonce",
}
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
OTHER_RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
KEYS: dict[str, Key] = {
    "RS256": RSA,
    "PS256": RSA,
    "ES256": ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"}),
    "Ed25519": OKPKey.generate_key("Ed25519", {"kid": "okp", "use": "sig"}),
}
PUBLISHED = [dict(key.as_dict(private=False)) for key in {id(each): each for each in KEYS.values()}.values()]


def token(alg: str = "RS256", key: Key | None = None, header: Any = None, **changes: Any) -> str:
    signer = key or KEYS[alg]
    claims = {name: each for name, each in (GOOD | changes).items() if each is not None}
    told = {"alg": alg, "kid": signer.as_dict(private=False).get("kid")} | (header or {})
    return jwt.encode({k: v for k, v in told.items() if v is not None}, claims, signer, algorithms=[alg])


def unsigned(header: dict[str, Any], signature: str = "") -> str:
    parts = (json.dumps(each).encode() for each in (header, GOOD))
    return ".".join((*(base64.urlsafe_b64encode(each).decode().rstrip("=") for each in parts), signature))


@pytest.mark.parametrize("alg", KEYS)
def test_a_token_with_a_signature_of_the_provider_counts(alg: str) -> None:
    assert verified(token(alg), PUBLISHED, EXPECTED, NOW)["sub"] == GOOD["sub"]


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example.com"},
        {"iss": "https://id.example.com/"},
        {"iss": None},
        {"aud": "other"},
        {"aud": None},
        {"aud": ["other"]},
        {"aud": ["voiceai", "other"]},
        {"aud": ["voiceai", "other"], "azp": "other"},
        {"aud": "voiceai", "azp": "other"},
        {"exp": NOW - 61},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": True},
        {"exp": 1e300},
        {"iat": NOW + 61},
        {"iat": NOW - 5000},
        {"iat": None},
        {"nbf": NOW + 61},
        {"nonce": "another"},
        {"nonce": None},
        {"nonce": ["the-nonce"]},
        {"nonce": "é"},
        {"sub": None},
        {"sub": ""},
        {"sub": 1},
        {"sub": "x" * 256},
    ],
    ids=repr,
)
def test_a_token_with_other_claims_does_not(changes: dict[str, Any]) -> None:
    claims = {name: each for name, each in (GOOD | changes).items() if each is not None}
    with pytest.raises(BadIdToken) as wrong:
        check(claims, EXPECTED, NOW)
    assert "example.com" not in str(wrong.value)


@pytest.mark.parametrize("changes", [{"exp": NOW - 59}, {"iat": NOW + 59}, {"aud": ["voiceai", "x"], "azp": "voiceai"}])
def test_clocks_may_differ_a_little(changes: dict[str, Any]) -> None:
    check(GOOD | changes, EXPECTED, NOW)


def refused(text: str) -> bool:
    try:
        verified(text, PUBLISHED, EXPECTED, NOW)
    except BadIdToken:
        return True
    return False


def test_what_is_not_signed_by_the_provider_does_not_count() -> None:
    good = token()
    head, body, signature = good.split(".")
    shared = OctKey.import_key(json.dumps(PUBLISHED[0], sort_keys=True))
    forged = {
        "none": unsigned({"alg": "none"}),
        "None": unsigned({"alg": "None", "kid": "rsa"}),
        "none, with a signature": unsigned({"alg": "none", "kid": "rsa"}, signature),
        "the public key as a shared secret": token("HS256", shared, {"kid": "rsa"}),
        "another key of that id": token("RS256", OTHER_RSA),
        "another algorithm than the key's": unsigned({"alg": "ES256", "kid": "rsa"}, signature),
        "no signature": f"{head}.{body}.",
        "signature of another body": f"{head}.{unsigned({}).split('.')[1]}.{signature}",
        "a key that it brings along": token("RS256", OTHER_RSA, {"jwk": OTHER_RSA.as_dict(private=False)}),
        "an address of keys that it brings along": token("RS256", OTHER_RSA, {"jku": "https://evil.example.com/"}),
        "five parts": f"{good}.a.b",
        "two parts": f"{head}.{body}",
        "nothing": "",
        "no base64": f"\x00é.{body}.{signature}",
        "no JSON": f"e30x.{body}.{signature}",
        "a list": f"W10.{body}.{signature}",
        "too long": "a" * 70_000 + ".b.c",
    }
    for what, text in forged.items():
        assert refused(text), what


def test_a_signer_that_is_not_known_is_told_apart() -> None:
    fresh = RSAKey.generate_key(2048, {"kid": "fresh", "use": "sig"})
    with pytest.raises(UnknownSigner):
        verified(token("RS256", fresh), PUBLISHED, EXPECTED, NOW)
    with pytest.raises(UnknownSigner):
        verified(token("RS256", fresh), [dict(fresh.as_dict(private=False)) | {"use": "enc"}], EXPECTED, NOW)
    assert verified(token("RS256", fresh), [*PUBLISHED, dict(fresh.as_dict(private=False))], EXPECTED, NOW)


@pytest.mark.parametrize(
    "key", [{}, {"kty": "RSA", "kid": "rsa"}, {"kty": "oct", "k": "AAAA"}, {"kty": "EC", "crv": "P-0"}]
)
def test_keys_that_can_not_be_read_are_passed_over(key: dict[str, Any]) -> None:
    assert verified(token(), [key, *PUBLISHED], EXPECTED, NOW)
    assert verified(token(header={"kid": None}), [key, *PUBLISHED], EXPECTED, NOW)


@pytest.mark.parametrize(
    ("claims", "claim", "roles"),
    [
        ({"groups": ["a", "b"]}, "groups", ("a", "b")),
        ({"groups": "a"}, "groups", ("a",)),
        ({"groups": ["a", 1, None]}, "groups", ("a",)),
        ({"realm_access": {"roles": ["a"]}}, "realm_access.roles", ("a",)),
        ({"https://example.com/roles": ["a"]}, "https://example.com/roles", ("a",)),
        ({"groups": []}, "groups", ()),
        ({}, "groups", None),
        ({"groups": {"a": 1}}, "groups", None),
        ({"realm_access": "x"}, "realm_access.roles", None),
    ],
)
def test_roles_are_found_in_a_claim(claims: dict[str, Any], claim: str, roles: tuple[str, ...] | None) -> None:
    assert roles_in(claims, claim) == roles
