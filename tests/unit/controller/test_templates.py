"""Templates: filled, bounded, never an error, and never made of what a variable says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.templates import LONGEST, fill, problem


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("Hello {{name}}.", "Hello Zoë."),
        ("Hello {{ name }}{{ unknown }}.", "Hello Zoë."),
        ("{% if vip == 'yes' %}Dear {{ name|upper }}{% else %}Hi{% endif %}", "Dear ZOË"),
        ("{{ order.customer.name }}|", "|"),
        ("{{ name|default('you') }} {{ nobody|default('you') }}", "Zoë you"),
        ("{{ 1/0 }} {{name}}", "{{ 1/0 }} Zoë"),
        ("{{ name.__class__.__mro__ }} {{name}}", " Zoë"),
        ("{% for a in range(9999999) %}x{% endfor %}{{name}}", "{% for a in range(9999999) %}x{% endfor %}Zoë"),
        ("line\n", "line\n"),
    ],
)
def test_fill(template: str, filled: str) -> None:
    assert fill(template, {"name": "Zoë", "vip": "yes"}) == filled


def test_a_template_that_never_ends_is_cut_down_to_its_plain_places() -> None:
    many = "{% for a in range(1000) %}{% for b in range(1000) %}" + "x" * 99 + "{% endfor %}{% endfor %}"
    assert fill(many, {}) == many
    assert len(fill("{% for a in range(900) %}" + "x" * 100 + "{% endfor %}", {})) <= LONGEST


@given(st.text())
def test_a_variable_is_never_looked_at_again(value: str) -> None:
    assert fill("<{{ name }}>", {"name": value}) == f"<{value}>"
    assert fill("<{{ name }}>", {"name": "{{ secret }}" + value, "secret": "x"}) == "<{{ secret }}" + value + ">"


@given(st.text())
def test_no_template_is_an_error(template: str) -> None:
    assert isinstance(fill(template, {"a": "b"}), str)


def test_what_is_wrong_with_a_template() -> None:
    assert problem("Hello {{ name }} {% if a %}b{% endif %}") is None
    assert "line 2" in (problem("Hello\n{% if %}") or "")
