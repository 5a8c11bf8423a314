"""The `--where` language: what it can say, and everything that it must not be talked into."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from musicflamingo_cli.cli import main
from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.filter.where import rewrite
from musicflamingo_cli.results.sandbox import Limits, QueryError, Sandbox


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path, [], Limits("200MB", 1)) as one:
        yield one


ALLOWED = {
    "genre <> 'spoken' and tempo between 80 and 130": ["a"],
    "genre = 'spoken' or tempo > 150": ["b", "c"],
    "not (genre in ('rock', 'pop'))": ["b"],
    "genre is null": ["d"],
    "coalesce(genre, '') = ''": ["d"],
    "genre like 'r%' or genre ilike 'POP' or genre ~ '^sp'": ["a", "b", "c"],
    "lower(upper(genre)) = 'rock' and length(genre) = 4": ["a"],
    "'x' in tags or list_contains(tags, 'y')": ["a", "b"],
    "tags[1] = 'x'": ["a"],
    "info.depth > 1": ["b"],
    "(info).depth = 1 or info['depth'] = 2": ["a", "b"],
    "released >= date '2024-01-02' and year(released) = 2024": ["b"],
    "released > timestamp '2024-01-01' + interval 1 day": ["c"],
    "case when genre = 'rock' then tempo > 90 else tempo > 100 end": ["a", "c"],
    "cast(tempo as integer) % 2 = 0 and tempo::varchar is not null": ["a", "b", "c"],
    "tempo / 0 > 1": [],
    "try(cast(genre as integer)) > 1": [],
    "genre || '!' = 'rock!'": ["a"],
    "genre is distinct from 'rock'": ["b", "c", "d"],
    "genre = 'rock -- not a comment; no' or true": ["a", "b", "c", "d"],
    "GENRE = 'pop'": ["c"],
    '"genre" = $$pop$$': ["c"],
    "inside[1] > 0.5": ["b"],
    "deep.x > 0.5": ["b"],
}


@pytest.mark.parametrize("expression", ALLOWED)
def test_what_a_rule_can_say(expression: str, tmp_path: Path) -> None:
    nan = float("nan")
    table = pa.table(
        {
            "song_id": list("abcd"),
            "genre": ["rock", "spoken", "pop", None],
            "tempo": [100.0, 60.0, 180.0, nan],
            "tags": [["x"], ["z", "y"], [], None],
            "info": [{"depth": 1}, {"depth": 2}, None, {"depth": None}],
            "released": pa.array([19723, 19724, 20200, None], pa.int32()).cast(pa.date32()),
            "inside": [[nan], [0.75], [], None],
            "deep": [{"x": nan}, {"x": 0.75}, {"x": float("inf")}, None],
        }
    )
    pq.write_table(table, tmp_path / "s.parquet")
    assert main(["filter", str(tmp_path / "s.parquet"), "--where", expression, "-o", str(tmp_path / "k.parquet")]) == 0
    assert pq.read_table(tmp_path / "k.parquet")["song_id"].to_pylist() == ALLOWED[expression]


REFUSED = """
(select 1) = 1
exists(select 1)
a in (select 1)
a = any(select 1)
a > all(select 1)
(values (1)) = 1
case when (select 1) = 1 then true end
cast((select 1) as bool)
(select content from read_text('/etc/passwd')) is not null
read_text('/etc/passwd') is null
read_blob('/etc/passwd') is null
read_csv('/etc/passwd') is null
glob('/etc/*') is null
getenv('HOME') = 'x'
current_setting('memory_limit') is not null
getvariable('x') is null
set_config('a', 'b')
query('select 1')
sleep_ms(1) is null
error('x')
write_log('x') is null
nextval('s') > 1
random() > 0.5
uuid() = a
gen_random_uuid() = a
setseed(0.1)
now() > a
today() > a
age(a) > a
get_current_time() > a
transaction_timestamp() > a
version() = ''
txid_current() > 0
pg_typeof(a) = ''
max(a) > 1
count(*) > 1
sum(a) over () > 1
row_number() over () > 1
unnest(a)
generate_series(1, 2) is null
repeat('x', 1000000000) = a
list_filter(a, x -> x > 1)
list_filter(a, lambda x: x > 1)
[x for x in a]
a, b
a as b
a b
a; select 2
a;
true; drop table x
a -- comment
a /* comment */
a # comment
a) or (1 = 1
a) union select (1
a from t
a where b
a order by 1
a limit 1
a group by all
a having b
a qualify b
a window w as ()
a using sample 1
a union select 1
#1
?
$1
$x
*
t.*
columns('a')
*columns(*)
system.main.lower(a) = 'x'
main.lower(a) = 'x'
a.lower() = 'x'
lower(s := a) = 'x'
lower(distinct a) = 'x'
a collate nocase = 'x'
a::mytype is null
a::pg_catalog.int4 is null
a := 1
grouping(a)
row(1, 2) = a
(a
pragma x
attach 'x'
copy t to 'x'
set threads = 1
install httpfs
select 1
with x as (select 1) select 1
from t
{'a': 1} is null
map {'a': 1} is null
""".strip().splitlines()


@pytest.mark.parametrize("expression", [*REFUSED, "", "  ", "a\0", "a" * 30_000, "(" * 5000 + "a" + ")" * 5000])
def test_what_a_rule_must_not_say(expression: str, sandbox: Sandbox) -> None:
    with pytest.raises(UsageError):
        rewrite(expression, sandbox, lambda names: names)


@pytest.mark.parametrize(
    "expression", ["current_date = a", "user = 'x'", "current_timestamp > a", "rowid = 1", "mfq_row = 1"]
)
def test_words_that_look_like_columns_are_none(
    expression: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pq.write_table(pa.table({"song_id": ["x"], "a": [1]}), tmp_path / "s.parquet")
    assert main(["filter", str(tmp_path / "s.parquet"), "--where", expression, "--dry-run"]) == 2
    assert "no column" in capsys.readouterr().err


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "COPY (SELECT 1) TO '/tmp/mfq-escape.csv'",
        "ATTACH '/tmp/mfq-escape.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET memory_limit = '1TB'",
        "RESET lock_configuration",
        "SELECT * FROM read_parquet('https://example.com/x.parquet')",
    ],
)
def test_the_sandbox_holds_even_without_the_parser(statement: str, sandbox: Sandbox) -> None:
    with pytest.raises(QueryError):
        sandbox.rows(statement)
    assert not Path("/tmp/mfq-escape.csv").exists()


def test_the_sandbox_reads_no_python_variable(sandbox: Sandbox) -> None:
    secret = pa.table({"a": [1]})
    with pytest.raises(QueryError):
        sandbox.rows("SELECT * FROM secret")
    assert secret.num_rows == 1
