"""What makes a query give other rows tomorrow: today's date, chance, samples. Read from the tokens, so that text is no function.

Called by `translation` for an override and by the package for BigQuery's own text; a translated query is refused by its tested
list.
"""

from collections.abc import Iterator
from pathlib import Path

from sqlglot.dialects.dialect import Dialect
from sqlglot.tokenizer_core import Token, TokenType

from waze_data_tfx.data.sql.supported import REASONS
from waze_data_tfx.errors import ConfigError

NOW = REASONS["CURRENT_DATE"]
CHANCE = REASONS["RAND"]
WITHOUT_BRACKETS = dict.fromkeys(
    ("CURRENT_DATE", "CURRENT_DATETIME", "CURRENT_TIME", "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP"), NOW
)
"""Words that are no names, with or without brackets behind them."""
CALLS = {
    **dict.fromkeys(("NOW", "TODAY", "GET_CURRENT_TIME", "GET_CURRENT_TIMESTAMP", "TRANSACTION_TIMESTAMP"), NOW),
    **dict.fromkeys(("RAND", "RANDOM"), CHANCE),
    **dict.fromkeys(("GENERATE_UUID", "UUID", "GEN_RANDOM_UUID", "UUIDV4", "UUIDV7"), REASONS["GENERATE_UUID"]),
    "SESSION_USER": REASONS["SESSION_USER"],
}
"""Names that are functions where a bracket follows."""
TEXT = (TokenType.STRING, TokenType.RAW_STRING, TokenType.IDENTIFIER)


def refuse_unrepeatable(text: str, *, file: Path, dialect: str) -> None:
    """Raise unless the query gives the same rows whenever it is run over the same tables.

    Raises:
        ConfigError: with every such function, each `file:line: function: why; the next step`.
    """
    tokens = Dialect.get_or_raise(dialect).tokenize(text)
    problems = [f"{file}:{line}: {name}: {why}" for line, name, why in _found(tokens)]
    if problems:
        raise ConfigError(problems)


def _found(tokens: list[Token]) -> Iterator[tuple[int, str, str]]:
    for i, token in enumerate(tokens):
        name = token.text.upper()
        before, after = tokens[i - 1] if i else None, tokens[i + 1] if i + 1 < len(tokens) else None
        is_field = before is not None and before.token_type in (TokenType.DOT, TokenType.PARAMETER)
        if token.token_type in TEXT or is_field:
            continue
        called = after is not None and after.token_type == TokenType.L_PAREN
        of_using = name == "SAMPLE" and before is not None and before.token_type == TokenType.USING
        sampled = of_using or token.token_type == TokenType.TABLE_SAMPLE
        why = REASONS["TableSample"] if sampled else WITHOUT_BRACKETS.get(name) or (CALLS.get(name) if called else None)
        if why:
            yield token.line, name, why
