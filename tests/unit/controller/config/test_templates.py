"""Templates: filled, bounded, never an error, and never made of what a variable says."""

import time

import pytest
from hypothesis import given, strategies as st

from controller.config.template_sandbox import FILTERS, LONGEST
from controller.config.templates import fill, problem


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
        ("{% for each in 'a,b'.split(',') %}{{ loop.index }}{{ each }}{{ ' ' if not loop.last }}{% endfor %}", "1a 2b"),
        ("{% for n in range(4) if n is odd %}{{ n * 2 + 1 }},{% else %}-{% endfor %}", "3,7,"),
        ("{% for n in nobody %}x{% else %}none{% endfor %}", "none"),
        ("{% set n = name ~ '!' %}{{ n }}{{ ['a', 'b']|join('-') }} {{ 'aXb'|replace('X', '.') }}", "Zoë!a-b a.b"),
        ("{{ (1 + 2)|round(1) }} {{ name|length }} {{ name in ['Zoë', 'Ada'] }} {{ name|tojson }}", '3.0 3 True "Zoë"'),
        ("{{ name.upper() }}{{ name[0:2] }}{% with x = 7 // 2 %}{{ x }}{% endwith %}", "ZOËZo3"),
    ],
)
def test_fill(template: str, filled: str) -> None:
    assert fill(template, {"name": "Zoë", "vip": "yes"}) == filled


def test_a_template_that_never_ends_is_cut_down_to_its_plain_places() -> None:
    many = "{% for a in range(1000) %}{% for b in range(1000) %}" + "x" * 99 + "{% endfor %}{% endfor %}"
    assert fill(many, {}) == many
    assert len(fill("{% for a in range(900) %}" + "x" * 100 + "{% endfor %}", {})) <= LONGEST
    assert len(fill("{{ 1/0 }}" + "{{ a }}" * 10_000, {"a": "x" * 4096})) == LONGEST


def loops(depth: int, body: str) -> str:
    return "{% for a in range(1000) %}" * depth + body + "{% endfor %}" * depth


DOUBLED = "{% set x = 'abcdefgh' %}" + "{% set x = x ~ x %}" * 40
BOMBS = {
    "nested loops": loops(3, "x"),
    "loops without text": loops(3, ""),
    "a loop that looks": loops(2, "{% if name|upper == 'b' or 'zzzzzz' in name %}{% endif %}" * 20),
    "a text times": "{{ 'a' * 300000000 }}",
    "times a text": "{{ 300000000 * 'a' }}",
    "a list times": "{{ ([1] * 300000000)|length }}",
    "powers": "{{ 9 ** 9 ** 9 }}",
    "large numbers": "{% set x = 999999999999 %}" + "{% set x = x * x %}" * 40,
    "doubling": DOUBLED + "{{ x }}",
    "doubling unseen": DOUBLED,
    "doubling by plus": "{% set x = 'abcdefgh' %}" + "{% set x = x + x %}" * 40,
    "doubling lists": "{% set x = name.split('q') %}" + "{% set x = x + x %}" * 40,
    "a list of one text": "{% set x = name.split('q') %}" + "{% set x = x + x %}" * 13 + "{{ x }}",
    "joined": "{% set x = name.split('q') %}" + "{% set x = x + x %}" * 13 + "{{ x|join(name) }}",
    "nested lists": "{% set x = [1] %}" + "{% set x = [x, x] %}" * 40 + "{{ x }}",
    "replaced": "{% set x = 'aa' %}" + "{% set x = x|replace('a', x) %}" * 40,
    "replaced nothing": "{{ name|replace('', name)|length }}",
    "a width": "{{ 'a'.ljust(300000000) }}",
    "centred": "{{ 'a'|center(300000000) }}",
    "a format": "{{ '%0300000000d' % 1 }}",
    "formatted": "{{ '{:>300000000}'.format(1) }}",
    "indented": "{{ [1, 2]|tojson(indent=300000000) }}",
    "rounded": "{{ 1|round(300000000, 'ceil') }}",
    "a hidden method": "{% set range = 'a'.ljust %}{{ range(300000000) }}",
    "a macro": "{% macro f(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}",
    "a recursive loop": "{% for a in [1] recursive %}{{ loop([1, 1]) }}{% endfor %}",
    "a block": "{% set x %}" + loops(2, "x" * 99) + "{% endset %}",
    "brackets": "{{ " + "(" * 20_000 + "1" + ")" * 20_000 + " }}",
    "ifs": "{% if 1 %}" * 3000 + "{% endif %}" * 3000,
    "a namespace": "{% set n = namespace(x='a') %}{% for a in range(40) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
    "a lipsum": "{{ lipsum(n=1000000) }}",
    "dicts": "{{ dict(a=1) }}{% for a in cycler(1) %}{% endfor %}",
    "mapped": "{{ [1]|map('center', 300000000)|list }}",
}


@pytest.mark.parametrize("template", BOMBS.values(), ids=BOMBS)
def test_no_template_holds_the_loop(template: str) -> None:
    before = time.process_time()
    filled = fill(template, {"name": "b" * 4096})
    assert time.process_time() - before < 3.0  # the machine may be slow; without a bound these never end
    assert len(filled) <= LONGEST


HARMLESS_AT_FIRST = (
    *("a loop that looks", "a list of one text", "joined", "doubling lists", "replaced nothing", "ifs"),
    *("rounded", "indented"),
)
"""Without variables, or because what makes them dear is not there."""


@pytest.mark.parametrize("name", sorted(set(BOMBS) - set(HARMLESS_AT_FIRST)))
def test_what_has_no_bound_is_an_error_of_the_config(name: str) -> None:
    assert problem(BOMBS[name]) is not None


@given(st.text())
def test_a_variable_is_never_looked_at_again(value: str) -> None:
    assert fill("<{{ name }}>", {"name": value}) == f"<{value}>"
    assert fill("<{{ name }}>", {"name": "{{ secret }}" + value, "secret": "x"}) == "<{{ secret }}" + value + ">"


@given(st.text() | st.lists(st.sampled_from([*FILTERS, "{{", "}}", "{%", "%}", "|", "a", "(1)", " for b in ", "if "])))
def test_no_template_is_an_error(template: str | list[str]) -> None:
    text = template if isinstance(template, str) else " ".join(template)
    assert isinstance(fill(text, {"a": "b"}), str)
    problem(text)


def test_what_is_wrong_with_a_template() -> None:
    assert problem("Hello {{ name }} {% if a %}b{% endif %} {{ a / b }}") is None
    assert "line 2" in (problem("Hello\n{% if %}") or "")
    assert "filter 'centre'; there are: abs, " in (problem("{{ a|centre }}") or "")
    assert "turns" in (problem(loops(2, "x")) or "")
    assert "(macro)" in (problem("{% macro a() %}{% endmacro %}") or "")
    assert "characters" in (problem("x" * (LONGEST + 1)) or "")
