"""The `--where` language: one SQL expression over the columns, taken apart before any of it runs.

DuckDB's own parser reads it; every node of the tree must be on the lists below, and every column must be one of the
table's. What passes is a pure function of one row: no subquery, statement, file, setting, clock or chance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.sandbox import QueryError, Sandbox

MAX_LENGTH = 20_000
"""Characters of an expression."""
CLASSES = frozenset(
    {"COLUMN_REF", "CONSTANT", "COMPARISON", "CONJUNCTION", "OPERATOR", "BETWEEN", "CASE", "CAST", "FUNCTION", "TYPE"}
)
OPERATORS = frozenset({
    "COMPARE_IN", "COMPARE_NOT_IN", "OPERATOR_NOT", "OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL", "OPERATOR_COALESCE",
    "OPERATOR_NULLIF", "OPERATOR_TRY", "ARRAY_EXTRACT", "ARRAY_SLICE", "STRUCT_EXTRACT", "ARRAY_CONSTRUCTOR",
})  # fmt: skip
FUNCTIONS = frozenset({
    "+", "-", "*", "/", "//", "%", "^", "**", "&", "|", "<<", ">>", "||", "->", "->>",
    "~~", "!~~", "~~*", "!~~*", "~~~", "like_escape", "not_like_escape", "ilike_escape", "not_ilike_escape",
    "regexp_matches", "regexp_full_match", "regexp_extract", "contains", "starts_with", "ends_with", "prefix",
    "suffix", "lower", "upper", "lcase", "ucase", "trim", "ltrim", "rtrim", "length", "len", "strlen", "char_length",
    "character_length", "substr", "substring", "left", "right", "position", "strpos", "instr", "concat",
    "strip_accents", "nfc_normalize", "md5", "sha256", "levenshtein", "jaro_winkler_similarity",
    "abs", "round", "floor", "ceil", "ceiling", "trunc", "sign", "sqrt", "ln", "log", "log2", "log10", "exp", "pow",
    "power", "greatest", "least", "mod", "isnan", "isinf", "isfinite", "ifnull", "nullif", "if",
    "list_contains", "array_contains", "list_has", "array_has", "list_has_any", "array_has_any", "list_has_all",
    "array_has_all", "list_position", "list_value", "array_length", "cardinality", "list_min", "list_max", "list_sum",
    "list_avg", "array_extract", "list_extract", "struct_extract", "map_extract", "json_extract", "json_extract_string",
    "date_part", "datepart", "date_trunc", "date_diff", "datediff", "year", "month", "day", "hour", "minute", "second",
    "quarter", "week", "dayofweek", "isodow", "dayofyear", "to_years", "to_months", "to_weeks", "to_days", "to_hours",
    "to_minutes", "to_seconds", "try_strptime", "timezone",
})  # fmt: skip
TYPES = frozenset({
    "bool", "boolean", "tinyint", "smallint", "short", "int", "integer", "signed", "bigint", "long", "hugeint",
    "utinyint", "usmallint", "uinteger", "ubigint", "int1", "int2", "int4", "int8", "int16", "int32", "int64",
    "uint8", "uint16", "uint32", "uint64", "float", "float4", "float8", "real", "double", "decimal", "numeric", "dec",
    "varchar", "text", "string", "char", "bpchar", "date", "time", "timestamp", "datetime", "timestamptz",
    "timestamp_s", "timestamp_ms", "timestamp_ns", "timestamp with time zone", "timestamp without time zone",
    "interval", "list", "array", "json",
})  # fmt: skip


def rewrite(expression: str, sandbox: Sandbox, resolve: Callable[[list[str]], list[str]]) -> str:
    """Return an expression as SQL in which each column has the name that `resolve` gives it.

    Args:
        expression: What a person wrote after `--where`.
        sandbox: The connection whose parser reads it.
        resolve: From the parts of a name as written to the parts of a name as known; raises `UsageError`.

    Raises:
        UsageError: It is not one expression, or holds something that a rule may not.
    """
    tree = _parsed(expression, sandbox)
    node = tree["statements"][0]["node"]["select_list"][0]
    _check(node, expression)
    _rename(node, resolve)
    return sandbox.unparse(orjson.dumps(tree).decode()).removeprefix("SELECT ").strip()


def _parsed(expression: str, sandbox: Sandbox) -> dict[str, Any]:
    if not expression.strip():
        raise UsageError("--where is empty; write an expression over the columns")
    if len(expression) > MAX_LENGTH or "\0" in expression:
        raise UsageError(f"--where: longer than {MAX_LENGTH} characters, or with a NUL character")
    if sandbox.has_comment(expression):
        raise refused(expression, "a comment has no place in a rule")
    plain, wrapped = _tree(f"SELECT {expression}", sandbox), _tree(f"SELECT ({expression}\n)", sandbox)
    if plain.get("error_type") == "parser":
        raise refused(expression, str(plain.get("error_message") or "it can't be parsed"))
    if (
        plain.get("error")
        or wrapped.get("error")
        or not _is_single(plain)
        or not _is_single(wrapped)
        or _shape(plain) != _shape(wrapped)
    ):
        raise refused(expression, "it must be one expression and nothing else")
    return plain


def _tree(statement: str, sandbox: Sandbox) -> dict[str, Any]:
    try:
        tree = orjson.loads(sandbox.parse(statement))
    except (QueryError, ValueError) as problem:
        return {"error": True, "error_message": str(problem)}
    return tree if isinstance(tree, dict) else {"error": True}


def _is_single(tree: Mapping[str, Any]) -> bool:
    """Return whether a tree is `SELECT <one thing>`, with no other clause and no name for it."""
    statements = tree.get("statements", ())
    if len(statements) != 1 or statements[0].get("named_param_map"):
        return False
    node = statements[0]["node"]
    clauses = ("modifiers", "where_clause", "group_expressions", "group_sets", "having", "sample", "qualify")
    if node.get("type") != "SELECT_NODE" or any(node.get(clause) for clause in clauses):
        return False
    alone = len(node["select_list"]) == 1 and not node["select_list"][0].get("alias")
    return alone and node["from_table"]["type"] == "EMPTY" and not node.get("cte_map", {}).get("map")


def _shape(value: Any) -> Any:
    """Return a tree without the places in the text."""
    if isinstance(value, dict):
        return {k: _shape(v) for k, v in value.items() if not k.startswith("query_location")}
    return [_shape(v) for v in value] if isinstance(value, list) else value


def _check(value: Any, expression: str) -> None:
    if isinstance(value, list):
        for one in value:
            _check(one, expression)
    elif isinstance(value, dict):
        if "class" in value:
            _check_node(value, expression)
        for one in value.values():
            _check(one, expression)


def _check_node(node: Mapping[str, Any], expression: str) -> None:
    kind = node["class"]
    if kind not in CLASSES:
        raise refused(expression, f"{_spoken(kind)} has no place in a rule")
    if node.get("alias"):
        raise refused(expression, f"the name '{node['alias']}' is given to a part of it")
    if kind == "OPERATOR" and node["type"] not in OPERATORS:
        raise refused(expression, f"{_spoken(node['type'])} has no place in a rule")
    if kind == "TYPE" and (
        node["type_name"].lower() not in TYPES or len(node.get("qualified_name", {}).get("path", [0])) > 1
    ):
        raise refused(expression, f"there is no type '{node['type_name']}' in a rule")
    if kind == "FUNCTION":
        _check_function(node, expression)


def _check_function(node: Mapping[str, Any], expression: str) -> None:
    name = str(node["function_name"]).lower()
    path = node.get("qualified_name", {}).get("path", [name])
    if node.get("schema") or node.get("catalog") or len(path) > 1 or name not in FUNCTIONS:
        raise refused(expression, f"there is no function '{'.'.join(map(str, path))}' in a rule")
    named = any(isinstance(a, dict) and a.get("name") for a in node.get("arguments", ()))
    if node.get("filter") or node.get("distinct") or node.get("order_bys", {}).get("orders") or named:
        raise refused(expression, f"'{name}' takes plain arguments only")


def _rename(value: Any, resolve: Callable[[list[str]], list[str]]) -> None:
    if isinstance(value, list):
        for one in value:
            _rename(one, resolve)
    elif isinstance(value, dict):
        if value.get("class") == "COLUMN_REF":
            value["column_names"] = resolve([str(name) for name in value["column_names"]])
            return
        for one in value.values():
            _rename(one, resolve)


def _spoken(kind: str) -> str:
    known = {
        "SUBQUERY": "a subquery",
        "STAR": "a star or COLUMNS()",
        "WINDOW": "a window function",
        "LAMBDA": "a lambda",
    }
    return known.get(kind, kind.removeprefix("OPERATOR_").replace("_", " ").lower())


def refused(expression: str, why: str) -> UsageError:
    """Return the error for an expression that is none, or holds what a rule may not."""
    shown = expression if len(expression) <= 200 else expression[:200] + "..."
    return UsageError(f"--where {shown!r}: {why}")
