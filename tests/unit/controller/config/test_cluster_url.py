"""Addresses of the server that a cluster shares."""

import pytest

from controller.config import ConfigErrors, cluster_url
from controller.config.cluster_url import ClusterUrl
from controller.config.errors import shown
from controller.config.values import Address
from tests.unit.controller.configs import SMALL, config


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("redis://db", ClusterUrl((Address("db", 6379),), None, tls=False)),
        ("valkey://[::1]:7000/3", ClusterUrl((Address("::1", 7000),), None, tls=False, database=3)),
        ("rediss://:p%40ss@db", ClusterUrl((Address("db", 6379),), None, tls=True, password="p@ss")),
        (
            "redis+sentinel://user:pass@a,b:7,[::2]/main/2?sentinel_password=x%2F+y%26",
            ClusterUrl(
                (Address("a", 26379), Address("b", 7), Address("::2", 26379)),
                "main",
                tls=False,
                database=2,
                username="user",
                password="pass",
                sentinel_password="x/+y&",
            ),
        ),
        ("rediss+sentinel://a/main", ClusterUrl((Address("a", 26379),), "main", tls=True)),
    ],
)
def test_an_address_is_read(text: str, found: ClusterUrl) -> None:
    assert cluster_url.parse(text) == found
    assert config(SMALL, cluster__url=text).cluster.url is not None


@pytest.mark.parametrize(
    "text",
    [
        *("http://db", "redis:/db", "redis+cluster://a/b", "redis://", "redis://a,b", "redis://a:0", "redis://a:70000"),
        *("redis+sentinel://a", "redis+sentinel://a/", "redis+sentinel://a/x y", "redis://a/zero", "redis://a/1/2"),
        *("redis://a?ssl=no", "redis+sentinel://a/x?sentinel_user=y", "redis://user:s3cret@ /0"),
        *("redis://:a/s3cret@host", "redis://:a@s3cret/b@ ", "redis:/:s3cret@host", "redis://a?password=s3cret"),
        *(
            "redis://a?password=x@s3cret",
            "redis+sentinel://a/x?sentinel_password=ab&s3cret",
            "redis://a?x=1&pwd=s3cret",
        ),
    ],
)
def test_another_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(ConfigErrors) as refused:
        config(SMALL, cluster__url=text)
    assert "cluster.url" in str(refused.value)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "text_shown"),
    [
        ("redis://:a/b@host", "redis://…@host"),
        ("redis+sentinel://a/x?sentinel_password=ab&cd", "redis+sentinel://a/x?sentinel_password=…"),
        ("redis://a?x=1&password=b", "redis://a?x=1&password=…"),
        ("redis://:a&key=b@host", "redis://…"),
        ("redis://host/zero?ssl=no", "redis://host/zero?ssl=no"),
        ("PJSIP/1@trunk", "PJSIP/1@trunk"),
    ],
)
def test_an_address_is_shown_without_its_secrets(text: str, text_shown: str) -> None:
    assert shown(("cluster", "url"), text) == repr(text_shown)


@pytest.mark.parametrize("url", ["postgresql+asyncpg://u:s3cret@h/db?sslmode=require", "postgresql://u:s3/cret@h/db"])
def test_a_store_that_is_refused_is_shown_without_its_password(url: str) -> None:
    with pytest.raises(ConfigErrors) as refused:
        config(SMALL, store__url=url)
    assert "s3" not in str(refused.value)
    assert ("ssl=verify-full" in str(refused.value)) is ("sslmode" in url)


def test_what_is_shown_holds_no_password() -> None:
    made = config(SMALL, cluster__url="redis://:s3cret@db")
    assert "s3cret" not in repr(made.cluster) + str(made.redacted())
    assert "s3cret" not in repr(cluster_url.parse("redis+sentinel://:s3cret@db/x?sentinel_password=s3cret"))
