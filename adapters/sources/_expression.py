"""JMESPath expressions in a source's config: checked when the config is read, not when the first alert comes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import jmespath
from jmespath.exceptions import EmptyExpressionError, JMESPathError, ParseError
from jmespath.functions import Functions
from pydantic import AfterValidator, BeforeValidator, Field

REST = "*"
"""As a name: the expression gives an object, and all its pairs are meant."""


def checked(expression: str) -> str:
    """The expression as it is. ValueError says what is wrong with it and at which column."""
    try:
        tree = jmespath.compile(expression).parsed
    except EmptyExpressionError:
        raise ValueError("an empty text is not a JMESPath expression; leave the key away instead") from None
    except ParseError as error:
        column = error.lex_position + 1
        raise ValueError(f"{expression!r} is not a JMESPath expression: it makes no sense from column {column} on") from None
    for name in _functions(tree):
        if name not in Functions.FUNCTION_TABLE:
            column = expression.find(f"{name}(") + 1
            raise ValueError(f"{expression!r} calls {name}() at column {column}, and JMESPath has no such function")
    return expression


def _functions(node: Any) -> Iterator[str]:
    if node["type"] == "function_expression":
        yield node["value"]
    for child in node["children"]:
        if isinstance(child, dict):
            yield from _functions(child)


def _pairs(written: Any) -> Any:
    return {REST: written} if isinstance(written, str) else written


Expression = Annotated[str, AfterValidator(checked), Field(examples=["check.name", "title || message", "'a constant'"])]
Pairs = Annotated[dict[str, Expression], BeforeValidator(_pairs, json_schema_input_type=str | dict[str, str])]
"""Names and where their values stand; one expression alone gives an object with all of them."""


class Finder:
    """One compiled expression."""

    def __init__(self, expression: str) -> None:
        self._compiled = jmespath.compile(expression)

    def find(self, value: Any) -> Any:
        """What the expression finds, None for nothing. ValueError when it does not fit the value; it never repeats the value."""
        try:
            return self._compiled.search(value)
        except (JMESPathError, TypeError, ArithmeticError):  # functions on values of a kind they do not take
            raise ValueError("the expression does not fit what was sent: a function got a value of the wrong kind") from None
