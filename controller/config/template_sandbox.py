"""The part of Jinja2 that prompts may use, and the limit of the cost of filling one. [pure]

Owns what a template may hold: values, conditions, loops, filters and methods of linear cost. No macros, no powers, no
`*` on texts, no widths. Owns also the budget of one filling: each turn of a loop costs the number of nodes in its body,
each text and list according to its length. Templates are filled in the event loop of call control: one without a limit
would block all calls.

Source: Jinja2 3.1, "Sandbox" (it only limits `range` to 100,000, and nested loops multiply) and "API".
"""

import functools
import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import jinja2
from jinja2 import filters, nodes
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.runtime import LoopContext, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

BUDGET = 100_000
LONGEST = 100_000
"""Characters of a filled template."""
LONGEST_PIECE = 10_000
"""Characters or entries of an intermediate value. Variables may be longer."""
LONGEST_LOOP = 1000
LARGEST = 10**18
"""The largest number in calculations."""

FILTERS = frozenset(
    ("abs", "capitalize", "count", "d", "default", "dictsort", "first", "float", "int", "items", "join", "last")
    + ("length", "list", "lower", "max", "min", "replace", "reverse", "round", "sort", "string", "sum", "title")
    + ("tojson", "trim", "truncate", "unique", "upper", "urlencode", "wordcount")
)
METHODS = frozenset(
    ("capitalize", "count", "cycle", "endswith", "find", "get", "isalpha", "isdigit", "items", "keys", "lower")
    + ("lstrip", "rstrip", "split", "startswith", "strip", "title", "upper", "values")
)
_EACH, _CONCAT = "each turn", "written together"  # names that no template can use

_ALLOWED = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Assign, nodes.With),
    *(nodes.Name, nodes.Const, nodes.Tuple, nodes.List, nodes.Dict, nodes.Pair, nodes.CondExpr, nodes.Filter),
    *(nodes.Test, nodes.Call, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Keyword, nodes.Concat, nodes.Compare),
    *(nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Pos, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div),
    *(nodes.FloorDiv, nodes.Mod),
)


class TooMuch(Exception):
    """This template costs more than any prompt needs."""


class NotInPrompts(jinja2.TemplateSyntaxError):
    """A part of Jinja2 that prompts may not use."""


class PromptSandbox(ImmutableSandboxedEnvironment):
    """For one filling at a time, since the sandbox holds the budget. Call `refill` before each."""

    intercepted_binops = frozenset(("+", "-", "*", "/", "//", "%"))

    def __init__(self) -> None:
        super().__init__(
            undefined=jinja2.ChainableUndefined,
            keep_trailing_newline=True,
            autoescape=False,
            optimized=False,  # the optimizer would calculate constants without a limit
            finalize=self._written,
        )
        self.globals = {"range": _short_range}
        self.filters = {name: self._charged(filters.FILTERS[name]) for name in FILTERS}
        self.filters |= {"join": self._join, "replace": self._replace, "round": _round, "tojson": self._json}
        self.filters |= {_EACH: self._each, _CONCAT: self._concat}
        self.left = 0

    def refill(self) -> None:
        self.left = BUDGET

    def prompt(self, text: str) -> jinja2.Template:
        """Compiles a template. Raises TemplateSyntaxError, also for parts of Jinja2 that prompts may not use."""
        tree = self.parse(text)
        for node in tree.find_all(nodes.Node):
            _check(node)
        _bound(tree)
        return self.template_class.from_code(self, self.compile(tree), self.make_globals(None))

    def is_safe_callable(self, obj: Any) -> bool:
        if obj is _short_range:
            return True
        owner, name = getattr(obj, "__self__", None), getattr(obj, "__name__", "")
        return name in METHODS and isinstance(owner, str | dict | LoopContext)

    def call(self, context: Any, obj: Any, *args: Any, **kwargs: Any) -> Any:
        if not self.is_safe_callable(obj):
            raise SecurityError("prompts can call range and: " + ", ".join(sorted(METHODS)))
        self._charge(getattr(obj, "__self__", None))
        return self._made(super().call(context, obj, *args, **kwargs))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if isinstance(left, int | float) and isinstance(right, int | float):
            if max(abs(left), abs(right)) > LARGEST:
                raise TooMuch
        elif isinstance(left, Undefined) or isinstance(right, Undefined):
            raise UndefinedError
        elif operator != "+" or type(left) is not type(right) or not isinstance(left, str | list):
            raise SecurityError("texts and lists allow no calculation, only + and ~")
        elif len(left) + len(right) > LONGEST_PIECE:
            raise TooMuch
        return self._made(super().call_binop(context, operator, left, right))

    def _charge(self, value: Any, parts: int = 1) -> None:
        self.left -= parts + _weight(value) // 100
        if self.left < 0:
            raise TooMuch

    def _written(self, value: Any) -> Any:
        """Called for each value that is written to the text."""
        self._charge(value)
        return value

    def _made(self, value: Any) -> Any:
        self._charge(value)
        if isinstance(value, str | list | tuple) and len(value) > LONGEST_PIECE:
            raise TooMuch
        return value

    def _json(self, value: Any) -> str:
        self._charge(value)
        return str(self._made(json.dumps(value, ensure_ascii=False)))

    def _charged(self, made: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(made)
        def bounded(*args: Any, **kwargs: Any) -> Any:
            for each in args:
                self._charge(each)
            value = made(*args, **kwargs)
            return self._made(list(islice(value, LONGEST_PIECE)) if isinstance(value, Iterator) else value)

        return bounded

    def _join(self, values: Iterable[Any], by: str = "") -> str:
        texts = [str(each) for each in islice(values, LONGEST_PIECE)]
        return self._together(texts, len(by) * len(texts), by)

    def _concat(self, values: list[Any]) -> str:
        return self._together([str(each) for each in values])

    def _together(self, texts: list[str], further: int = 0, by: str = "") -> str:
        if sum(map(len, texts)) + further > LONGEST_PIECE:
            raise TooMuch
        return str(self._made(str(by).join(texts)))

    def _replace(self, text: Any, old: Any, new: Any, count: int = -1) -> str:
        text, old, new = str(text), str(old), str(new)
        if len(text) + text.count(old) * len(new) > LONGEST_PIECE:
            raise TooMuch
        return str(self._made(text.replace(old, new, count)))

    def _each(self, values: Any, parts: int) -> list[Any]:
        """The values of a loop. Charges the budget for all turns in advance."""
        found = [] if isinstance(values, Undefined) else list(islice(values, LONGEST_LOOP + 1))
        if len(found) > LONGEST_LOOP:
            raise TooMuch
        self._charge(None, parts * len(found))
        return found


def _weight(value: Any) -> int:
    """Characters, plus ten for each entry. Raises TooMuch beyond LONGEST."""
    weight = len(value) if isinstance(value, str) else 1
    if isinstance(value, list | tuple | dict):
        weight = 10 * len(value)
        for each in value.items() if isinstance(value, dict) else value:
            weight += _weight(each)
            if weight > LONGEST:
                raise TooMuch
    return weight


def _short_range(*bounds: int) -> range:
    found = range(*bounds)
    if len(found) > LONGEST_LOOP:
        raise TooMuch
    return found


def _round(value: float, digits: int = 0) -> float:
    return round(float(value), max(0, min(digits, 9)))


def _check(node: nodes.Node) -> None:
    """Raises NotInPrompts."""
    if not isinstance(node, _ALLOWED) or (isinstance(node, nodes.For) and node.recursive):
        raise NotInPrompts(f"prompts can't have this ({type(node).__name__.lower()})", node.lineno)
    if isinstance(node, nodes.Filter) and (node.node is None or node.name not in FILTERS):
        raise NotInPrompts(
            f"prompts have no filter '{node.name}'; there are: {', '.join(sorted(FILTERS))}", node.lineno
        )
    if isinstance(node, nodes.Call):
        called = node.node
        method = isinstance(called, nodes.Getattr) and called.attr in METHODS
        if not method and not (isinstance(called, nodes.Name) and called.name == "range"):
            raise NotInPrompts(f"prompts can call range and: {', '.join(sorted(METHODS))}", node.lineno)
    if isinstance(node, nodes.List | nodes.Dict) or (isinstance(node, nodes.Tuple) and node.ctx == "load"):
        if any(node.find_all((nodes.Name, nodes.List, nodes.Dict))):
            raise NotInPrompts("prompts have only fixed values in lists", node.lineno)


def _bound(tree: nodes.Template) -> None:
    """Makes every loop charge for its turns, and `~` check the length of its result."""
    for loop in list(tree.find_all(nodes.For)):
        parts = sum(1 for part in (*loop.body, loop.test) if part for _ in part.find_all(nodes.Node)) + 1
        loop.iter = _filter(loop.iter, _EACH, [nodes.Const(parts)])  # type: ignore[arg-type]  # an expression
    _replace_concats(tree)


def _replace_concats(node: nodes.Node) -> None:
    for field, value in node.iter_fields():
        if isinstance(value, nodes.Node):
            setattr(node, field, _bounded(value))
        elif isinstance(value, list):
            value[:] = [_bounded(each) if isinstance(each, nodes.Node) else each for each in value]


def _bounded(node: nodes.Node) -> nodes.Node:
    _replace_concats(node)
    return _filter(nodes.List(node.nodes), _CONCAT, []) if isinstance(node, nodes.Concat) else node


def _filter(value: nodes.Expr, name: str, arguments: list[nodes.Expr]) -> nodes.Filter:
    return nodes.Filter(value, name, arguments, [], None, None, lineno=value.lineno)
