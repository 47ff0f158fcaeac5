"""Questions in SQL: what is told, that nobody gets at anything else, and that none takes long."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctigw.directory import contacts, lines, properties, users
from ctigw.soap.axl.service import _element_name
from ctigw.soap.axl.site import guid, key
from ctigw.soap.axl.sql import query
from ctigw.soap.axl.sql.errors import GENERIC, NO_COLUMN, NO_FUNCTION, NO_TABLE, SYNTAX, SqlError
from ctigw.soap.axl.sql.query import FUNCTIONS, Bounds, ask, tables_of
from ctigw.soap.axl.sql.tables import COLUMNS, TABLES, made, read
from ctigw.soap.axl.sql.text import LONGEST, prepared
from ctigw.store.database import Database
from ctigw.store.tables import Base
from tests.axl import SITE, Axl
from tests.newcomers import newcomer

PEOPLE = {"person": ("id", "name", "boss"), "thing": ("id", "owner")}
ROWS: dict[str, list[tuple[Any, ...]]] = {
    "person": [(1, "Ann", None), (2, "Bob", 1), (3, "Cid", 1), (4, "Dan O'Hara", 2)],
    "thing": [(10, 1), (11, 1), (12, 4)],
}
BOUNDS = Bounds()
TOM = str(key("user", "tttt@example.com"))


def told(sql: str, bounds: Bounds = BOUNDS, rows: query.Rows = ROWS) -> list[tuple[str | None, ...]]:
    tables_of(sql, PEOPLE)
    return list(ask(sql, PEOPLE, rows, bounds).rows)


def refused(sql: str, bounds: Bounds = BOUNDS, rows: query.Rows = ROWS) -> tuple[int, str]:
    with pytest.raises(SqlError) as found:
        told(sql, bounds, rows)
    return found.value.code, str(found.value)


@pytest.fixture
def axl(tmp_path: Path) -> Iterator[Axl]:
    bench = Axl(tmp_path)
    yield bench
    bench.close()


# What can be asked.


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select name from person where boss = 1 order by name desc", [("Cid",), ("Bob",)]),
        ("SELECT Name FROM Person WHERE id = 1;", [("Ann",)]),
        ("select boss from person where id < 3", [(None,), ("1",)]),
        ("select count(*) from person", [("4",)]),
        ("select count(*) from person, thing", [("12",)]),
        (
            "select p.name, t.id from person p, thing t where t.owner = p.id order by t.id",
            [("Ann", "10"), ("Ann", "11"), ("Dan O'Hara", "12")],
        ),
        (
            "select name from person p left outer join thing t on owner = p.id where t.id is null order by 1",
            [("Bob",), ("Cid",)],
        ),
        ("select boss, count(*) n from person group by boss having count(*) > 1", [("1", "2")]),
        ("select distinct owner from thing order by owner", [("1",), ("4",)]),
        (
            "select name from person where id in (select owner from thing) and name like 'd%'",
            [("Dan O'Hara",)],
        ),
        ('select name from person where name like "%O\'H%"', [("Dan O'Hara",)]),
        ("select name from person where name = 'Dan O''Hara'", [("Dan O'Hara",)]),
        ("select upper(name) || '!' from person where id = 1", [("ANN!",)]),
        ("select nvl(boss, 0) from person where id = 1", [("0",)]),
        (
            "select case when boss is null then 'x' else 'y' end from person order by id limit 2",
            [("x",), ("y",)],
        ),
        ("select name from person where id = 1 union select 'Zoe' order by 1", [("Ann",), ("Zoe",)]),
        ("select name from main.person where id = 1", [("Ann",)]),
        ("select 1.5, 'with', x'00ff'", [("1.5", "with", "00ff")]),
        ("select cast(x'ff' as text)", [("\ufffd",)]),
        ("select sum(id) over (order by id) from thing", [("10",), ("21",), ("33",)]),
        # Remarks, and Informix's words for the first rows.
        (
            "-- a remark\nselect /* another */ name from person -- the last\nwhere id = 1 -- really",
            [("Ann",)],
        ),
        ("select first 1 name from person order by id", [("Ann",)]),
        ("SELECT FIRST 2 name FROM person ORDER BY id DESC -- who?", [("Dan O'Hara",), ("Cid",)]),
        ("select limit 1 name from person order by id;", [("Ann",)]),
        ("select skip 2 first 1 name from person order by id", [("Cid",)]),
        ("select skip 3 name from person order by id", [("Dan O'Hara",)]),
        ("select first 0 name from person", []),
        ("select name from person order by id limit 1 offset 1", [("Bob",)]),
    ],
)
def test_what_scripts_ask(sql: str, expected: list[tuple[str | None, ...]]) -> None:
    assert told(sql) == expected


def test_only_what_is_read_is_looked_at() -> None:
    assert tables_of("select name from person p", PEOPLE) == {"person"}
    assert tables_of("select count(*) from THING", PEOPLE) == {"thing"}
    assert tables_of("select 1 from person where exists (select 1 from thing)", PEOPLE) == set(PEOPLE)
    assert tables_of("select 'thing'", PEOPLE) == set()


# What nobody gets at.

SECRETS = (
    "sqlite_master",
    "sqlite_schema",
    "sqlite_temp_master",
    "sqlite_sequence",
    "users",
    "alembic_version",
)
CALLS = [
    *("load_extension('x')", "load_extension('x', 'y')", "randomblob(1000000000)", "zeroblob(1000000000)"),
    *("printf('%1000000000d', 1)", "format('%.*c', 1000000000, 'x')", "hex(name)", "group_concat(name)"),
    *("replace(name, 'a', name)", "char(1)", "quote(name)", "readfile('/etc/passwd')", "edit('x')"),
    *("writefile('/tmp/x', 'y')", "sqlite_version()", "random()", "date('now')", "strftime('%s')"),
    *("current_timestamp", "last_insert_rowid()", "changes()", "json('[]')", "row_number() over ()"),
    *("instr(name, 'a')", "glob('*', name)", "fts3_tokenizer('x')", "sqlite_compileoption_get(1)"),
    *("likelihood(1, 0.5)", "soundex('x')", "nosuch()"),
]
NO_QUESTIONS = [
    "insert into person values (9, 'x', 1)",
    "update person set name = 'x'",
    "delete from person",
    "replace into person values (1, 'x', 1)",
    "drop table person",
    "create table x (y)",
    "create temp table x as select * from person",
    "create view x as select 1",
    "create trigger x after insert on person begin select 1; end",
    "alter table person rename to x",
    "attach ':memory:' as x",
    "attach '/tmp/axl-broken-out' as x",
    "detach main",
    "pragma table_info(person)",
    "pragma query_only = off",
    "vacuum",
    "vacuum into '/tmp/axl-broken-out'",
    "begin",
    "commit",
    "savepoint x",
    "analyze",
    "reindex",
    "explain select 1",
    "explain query plan select 1",
    "values (1)",
    "with x as (select 1) select * from x",
    "with recursive x(n) as (select 1 union all select n + 1 from x) select n from x",
    "/* select */ delete from person",
    "-- select\ndelete from person",
]


@pytest.mark.parametrize("sql", NO_QUESTIONS)
def test_only_questions_are_asked(sql: str) -> None:
    assert refused(sql) == (SYNTAX, "only SELECT is served")
    assert not Path("/tmp/axl-broken-out").exists()


# What does nothing, or is kept from it by a bound.
HARMLESS = ("explain", "values", "with x", "reindex", "vacuum")


@pytest.mark.parametrize("sql", [sql for sql in NO_QUESTIONS if not sql.startswith(HARMLESS)])
def test_that_does_not_depend_on_how_they_begin(sql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The authorizer alone lets nothing happen either."""
    monkeypatch.setattr(query, "prepared", lambda text: text)
    assert refused(sql) == (SYNTAX, "only SELECT is served")
    with pytest.raises(SqlError, match="only SELECT is served"):
        ask(sql, PEOPLE, ROWS, Bounds())


@pytest.mark.parametrize("sql", [sql for sql in NO_QUESTIONS if sql.startswith(HARMLESS)])
def test_what_it_lets_pass_does_nothing(sql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "prepared", lambda text: text)
    with contextlib.suppress(SqlError, TypeError):  # the latter of what has no columns
        ask(sql, PEOPLE, ROWS, Bounds())
    assert not Path("/tmp/axl-broken-out").exists()


@pytest.mark.parametrize(
    "sql",
    [
        "select 1; select 2",
        "select 1; delete from person",
        "select 1;; select 2",
        "select 1 ; -- x\n; drop table person",
    ],
)
def test_one_question_is_asked_at_a_time(sql: str) -> None:
    assert refused(sql)[0] == SYNTAX


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        *((f"select * from {table}", NO_TABLE) for table in SECRETS),
        *((f"select name from person union select name from {table}", NO_TABLE) for table in SECRETS),
        *((f"select (select count(*) from {table}) from person", NO_TABLE) for table in SECRETS),
        ("select sql from sqlite_master where 1 = 1 -- x", NO_TABLE),
        ("select * from temp.person", NO_TABLE),
        ("select * from other.person", NO_TABLE),
        ("select * from person p join sqlite_master m on 1 = 1", NO_TABLE),
        ("select password from person", NO_COLUMN),
        ("select * from (with x as (select 1) select * from x)", SYNTAX),
        ("select * from person where id in (with x as (select 1) select * from x)", SYNTAX),
        ("select * from /* x */ (WiTh x as (select 1) select * from x)", SYNTAX),
        *((f"select {call} from person", NO_FUNCTION) for call in CALLS),
        ("select name from person where name match 'x'", NO_FUNCTION),
        ("select name from person where name glob '*'", NO_FUNCTION),
        ("select name from person where name regexp 'x'", NO_FUNCTION),
    ],
)
def test_nothing_else_is_there(sql: str, code: int) -> None:
    assert refused(sql)[0] == code


@pytest.mark.parametrize(
    "table",
    [
        *("pragma_table_info('person')", "pragma_database_list", "json_each('[1]')", "json_tree('[1]')"),
        *("dbstat", "sqlite_stmt", "fts3tokenize", "generate_series(1, 9)", "sqlite_dbpage", "bytecode('x')"),
    ],
)
def test_tables_that_are_functions_are_not_there(table: str) -> None:
    assert refused(f"select * from {table}")[0] in (NO_TABLE, SYNTAX)


def test_what_is_wrong_is_said_in_our_own_words() -> None:
    """SQLite's name what nobody has asked about."""
    assert refused("select * from sqlite_master") == (NO_TABLE, "there is no table sqlite_master")
    assert refused("select x.name from person") == (NO_COLUMN, "there is no column x.name")
    assert refused("select id from person, thing") == (-324, "more than one table has a column id")
    assert refused("select name from") == (SYNTAX, "there is an error in its syntax")
    assert refused("select ?") == (GENERIC, "that is too much")


@pytest.mark.parametrize(
    "sql",
    [
        "",
        " ",
        ";",
        " ; ",
        "--",
        "/*",
        "'",
        '"',
        "select '",
        "select [",
        "select 1\x00",
        "\x00",
        "select '\ud800'",
        "é",
    ],
)
def test_what_is_no_text_of_a_question_is_refused(sql: str) -> None:
    assert refused(sql)[0] == SYNTAX


def test_the_functions_that_there_are_can_all_be_used() -> None:
    arguments = {"count": "*", "nvl": "1, 2", "ifnull": "1, 2", "nullif": "1, 2", "coalesce": "1, 2"}
    arguments |= {"substr": "'abc', 2", "substring": "'abc', 2", "like": "'a%', 'abc'"}
    for name in FUNCTIONS:
        assert len(told(f"select {name}({arguments.get(name, '1')})")) == 1


# What takes too long, or too much.

MANY = {"person": [(n, f"person {n}", n // 2) for n in range(1500)], "thing": []}
LONG = "'" + "a" * 1000 + "'"


def within(seconds: float, bounds: Bounds, sql: str, rows: query.Rows = MANY) -> tuple[int, str]:
    """Why ``sql`` is refused, in so many seconds of a processor: other work on it does not count."""
    began = time.process_time()
    found = refused(sql, bounds, rows)
    assert time.process_time() - began < seconds
    return found


@pytest.mark.parametrize(
    "sql",
    [
        "select count(*) from person a, person b, person c",
        "select count(*) from person a, person b where a.name || b.name like '%x%y%z%'",
        "select sum(length(a.name || b.name || c.name)) from person a, person b, person c",
        "select count(*) from (select a.id from person a, person b, person c limit 1000000000)",
        "select (select count(*) from person b, person c where b.id + c.id > a.id) from person a",
        f"select count(*) from person a, person b where a.name || {LONG} || b.name like '{'%a' * 30}%z'",
    ],
)
def test_what_takes_long_is_ended(sql: str) -> None:
    assert within(5, Bounds(seconds=0.2), sql) == (GENERIC, "it takes longer than 0.2 seconds")


@pytest.mark.parametrize(
    "sql",
    [
        f"select * from (select a.name || {LONG} || {LONG} || b.name x from person a, person b) order by x",
        f"select count(distinct a.name || {LONG} || {LONG} || b.name) from person a, person b",
        f"select a.name || {LONG} || {LONG} || b.name from person a, person b union select '' limit 1",
    ],
)
def test_what_takes_much_memory_is_ended(sql: str) -> None:
    before = query.memory()
    bounds = Bounds(seconds=30, memory=32 * 1024 * 1024)
    assert within(20, bounds, sql) == (GENERIC, "it takes too much memory")
    assert query.memory() - before < 100 * 1024 * 1024


def test_rows_are_counted() -> None:
    assert len(told("select name from person", Bounds(rows=4))) == 4
    found = refused("select name from person", Bounds(rows=3))
    assert found == (GENERIC, "there are more rows than can be told; ask for the FIRST 3")
    assert len(told("select first 3 name from person", Bounds(rows=3))) == 3


def test_and_so_is_what_they_tell() -> None:
    sql = f"select {LONG} || {LONG} from person"
    assert len(told(sql, Bounds(octets=8100))) == 4
    assert refused(sql, Bounds(octets=8000))[0] == GENERIC


def nested(depth: int) -> str:
    return "person" if not depth else f"(select * from {nested(depth - 1)} a, {nested(depth - 1)} b)"


@pytest.mark.parametrize(
    "sql",
    [
        f"select {'a' * LONGEST}",
        f"select {' || '.join([LONG] * 7)} || name || {' || '.join(['name'] * 200)} from person",
        "select " + "+".join(["1"] * 300),
        "select " + "(" * 300 + "1" + ")" * 300,
        "select " + ", ".join(["1"] * 300),
        "select 1 from person where " + " or ".join(["id = 1"] * 300),
        "select 1" + " union select 1" * 30,
        "select 1 from " + "(select 1 from " * 100 + "person" + ")" * 100,
        "select 1 from " + ", ".join(f"person p{n}" for n in range(65)),
        f"select name from person where name like '{'a' * 65}'",
        "select max(" + ", ".join(["1"] * 20) + ")",
        "select :x from person",
    ],
)
def test_what_is_too_much_is_not_begun(sql: str) -> None:
    assert within(1, Bounds(), sql)[0] in (SYNTAX, GENERIC)


@pytest.mark.parametrize(
    "sql",
    [
        "select 1 from "
        + ", ".join(f"person p{n}" for n in range(60))
        + " where "
        + " and ".join(f"p{n}.id = p{n + 1}.boss" for n in range(45)),
        "select 1 from "
        + ", ".join(f"person p{n}" for n in range(20))
        + " where "
        + " and ".join("(" + " or ".join(f"p{n}.id = p{m}.boss" for m in range(18)) + ")" for n in range(14)),
        f"select count(*) from {nested(5)}",
        "select " + ", ".join(["(select count(*) from person)"] * 190) + " from thing",
        "select * from person p0 "
        + " ".join(f"left join person p{n} on p{n}.id = p{n - 1}.boss" for n in range(1, 45)),
    ],
)
def test_what_is_meant_to_be_long_to_understand_is_understood_soon(sql: str) -> None:
    """While SQLite compiles a statement, nothing can end it."""
    began = time.process_time()
    tables_of(sql, PEOPLE)
    assert time.process_time() - began < 2


def test_every_bound_is_one_that_sqlite_keeps() -> None:
    """It does not tell when a bound that is asked for is more than it was built for."""
    with query._database(PEOPLE, {}) as database, query._judged(database, PEOPLE):
        assert {limit: database.getlimit(limit) for limit in query.LIMITS} == query.LIMITS
        with pytest.raises(sqlite3.DatabaseError):
            database.execute("PRAGMA query_only=OFF")
        database.set_authorizer(None)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            database.execute("delete from person")


WORDS = [
    "select",
    "from",
    "person",
    "thing",
    "name",
    "id",
    "where",
    "*",
    ",",
    "(",
    ")",
    "=",
    "'x'",
    "1",
    "with",
    "as",
    "union",
]
WORDS += [
    ";",
    "--",
    "/*",
    "*/",
    "sqlite_master",
    "order",
    "by",
    "limit",
    "first",
    "skip",
    "count",
    "like",
    "'",
    '"',
    "[",
    "]",
    "\n",
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join) | st.text(max_size=60))
def test_whatever_is_asked_is_answered_or_refused(sql: str) -> None:
    """And nothing but our tables is read."""
    for asked in (sql, f"select {sql}"):
        try:
            answer = ask(asked, PEOPLE, ROWS, Bounds(seconds=1, rows=2000))
        except SqlError:
            continue
        assert not any("CREATE" in (text or "") for row in answer.rows for text in row)
        assert tables_of(asked, PEOPLE) <= set(PEOPLE)


@given(st.text(alphabet="'\"`[]-/*\n with", max_size=40))
def test_no_with_is_overlooked(text: str) -> None:
    """Where the word is in doubt, a question is refused; compared with what SQLite makes of it."""
    sql = f"select * from ({text} with x as (select 1) select * from x)"
    try:
        asked = prepared(sql)
    except SqlError:
        return
    with sqlite3.connect(":memory:") as database:
        actions: list[Any] = []

        def judge(action: int, first: str | None, *_more: Any) -> int:
            actions.append((action, first))
            return sqlite3.SQLITE_OK

        database.set_authorizer(judge)
        try:
            rows = database.execute(asked).fetchall()
        except (sqlite3.Error, sqlite3.Warning):
            return
        finally:
            database.set_authorizer(None)
        assert rows != [(1,)]
    database.close()


# What the tables have.


def test_every_table_has_its_columns(axl: Axl) -> None:
    for name, table in TABLES.items():
        for row in axl.rows(f"select * from {name}"):
            assert tuple(row) == table.columns
        assert axl.rows(f"select count(*) from {name}") != [{"count": "0"}]


def test_tables_are_of_the_directory_but_none_is_its_own() -> None:
    assert set(COLUMNS).isdisjoint(set(Base.metadata.tables) - {"contacts"})
    secret = ("password", "hash", "ha1", "digest", "credential")
    assert [x for names in COLUMNS.values() for x in names if any(word in x for word in secret)] == []


def test_users(axl: Axl) -> None:
    (tom,) = axl.rows("select * from enduser where userid = 'tttt'")
    assert tom == {
        "pkid": TOM,
        "userid": "tttt",
        "firstname": "Tom",
        "lastname": "Tulip",
        "displayname": "tttt",
        "telephonenumber": "555-2001",
        "department": "Sales",
        "manager": "erin",
        "mailid": "tttt@example.com",
        "userlocale": "English United States",
        "islocaluser": "t",
        "status": "1",
        "enablecti": "t",
        "enablecalendarpresence": "f",
        "enableups": "t",
        "enableupc": "t",
    }
    assert guid("user", "tttt@example.com") == f"{{{TOM.upper()}}}"


def test_what_changes_is_told(axl: Axl) -> None:
    run = axl.database.run_now
    run(properties.set_calendaring, "tttt@example.com", True)
    run(lines.assign, "2001", "erin@example.com")
    run(users.add, "zoe@other.com", "x")
    assert axl.rows("select enablecalendarpresence c from enduser where userid = 'tttt'") == [{"c": "t"}]
    assert axl.rows("select userid from enduser order by userid") == [
        {"userid": name} for name in ("erin", "tttt", "zoe@other.com")
    ]
    assert axl.rows("select e.userid from enduser e, device d where d.fkenduser = e.pkid") == [
        {"userid": "erin"}
    ]


def test_whose_numbers_ring_where_can_be_found(axl: Axl) -> None:
    """The question that most scripts ask."""
    sql = """
        SELECT FIRST 10 eu.userid, d.name AS Device, np.dnorpattern, dnpm.numplanindex
        FROM enduser eu
        INNER JOIN enduserdevicemap eudm ON eudm.fkenduser = eu.pkid
        INNER JOIN device d ON eudm.fkdevice = d.pkid
        INNER JOIN devicenumplanmap dnpm ON dnpm.fkdevice = d.pkid
        INNER JOIN numplan np ON dnpm.fknumplan = np.pkid
        WHERE eu.islocaluser = 't' AND d.tkclass = 1 ORDER BY eu.userid
    """
    assert axl.rows(sql) == [{"userid": "tttt", "device": "2001", "dnorpattern": "2001", "numplanindex": "1"}]


def test_contacts_and_this_host(axl: Axl) -> None:
    (contact,) = axl.rows("select * from contacts c, enduser e where c.contact = e.userid")
    assert (contact["owner"], contact["groupname"], contact["nickname"]) == ("tttt", "work", "E")
    assert contact["fkenduser"] == TOM
    (node,) = axl.rows("select name, nodeid, description from processnode")
    assert node == {"name": "cups1", "nodeid": "1", "description": "the gateway"}


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("userid", "userid"),
        ("UserID", "userid"),
        ("count(*)", "count"),
        ("COUNT (*)", "expression"),
        ("max(x)", "max"),
        ("1 + 1", "expression"),
        ("'<x>'", "expression"),
        ("a b", "expression"),
        ("a:1", "expression"),
        ("2001", "expression"),
        ("", "expression"),
    ],
)
def test_columns_have_names_that_elements_can_have(column: str, name: str) -> None:
    assert _element_name(column) == name


def test_what_has_no_value_is_empty_and_what_xml_cannot_tell_is_not_told(axl: Axl) -> None:
    (row,) = axl.query("select null n, x'00' b, cast(x'0041ff' as text) c, '<&>' as \"a b\", ']]>' d")
    texts = [(element.tag, element.text or "") for element in row]
    assert texts == [("n", ""), ("b", "00"), ("c", "?A\ufffd"), ("expression", "<&>"), ("d", "]]>")]


def test_every_database_has_them(database: Database) -> None:
    run = database.run_now
    for name in ("tttt@example.com", "erin@example.com"):
        run(newcomer, name)
    run(lines.add, "2001", "tttt@example.com")
    run(lines.add, "2002")
    run(contacts.add, "tttt@example.com", [contacts.Wanted("", "erin")])
    kept = run(read, TABLES, 2)
    counts = {name: len(list(rows)) for name, rows in made(SITE, kept).items()}
    assert counts == {
        **dict.fromkeys(("enduser", "device", "numplan", "devicenumplanmap"), 2),
        **dict.fromkeys(("enduserdevicemap", "contacts", "processnode"), 1),
    }
    assert ask("select name from device order by name", COLUMNS, made(SITE, kept), BOUNDS).rows == (
        ("2001",),
        ("2002",),
    )
    with pytest.raises(SqlError, match="more than 1 rows"):
        run(read, ["device"], 1)


def test_a_table_may_be_too_large(tmp_path: Path) -> None:
    axl = Axl(tmp_path, table_rows=2)
    try:
        assert len(axl.rows("select * from enduser")) == 2
        axl.database.run_now(lines.add, "2003")
        code, why = axl.query_refused("select * from enduser e, device d")
        assert (code, why) == (5000, "the table device has more than 2 rows, too many to be asked about")
        assert len(axl.rows("select * from contacts")) == 1
    finally:
        axl.close()


def test_settings_bound_questions(tmp_path: Path) -> None:
    axl = Axl(tmp_path, query_rows=1, query_seconds=0.1)
    try:
        assert axl.query_refused("select * from enduser")[0] == 5000
        joined = ", ".join(f"enduser e{n}" for n in range(40))
        assert axl.query_refused(f"select count(*) from {joined}") == (
            5000,
            "it takes longer than 0.1 seconds",
        )
    finally:
        axl.close()


def test_only_a_few_are_worked_on_at_once(tmp_path: Path) -> None:
    """What one asks meanwhile is refused, and served when they are done."""
    axl = Axl(tmp_path)
    inner: list[tuple[int, str]] = []

    async def meanwhile(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if len(inner) < 2:
            at = len(inner)
            inner.append((0, ""))
            inner[at] = _asked(axl)
        return function(*args, **kwargs)

    object.__setattr__(axl.given, "in_thread", meanwhile)
    try:
        assert len(axl.rows("select * from enduser")) == 2
        assert inner == [(0, ""), (5004, "too many questions at once; ask again")]
        assert _asked(axl) == (0, "")
    finally:
        axl.close()


def _asked(axl: Axl) -> tuple[int, str]:
    answer = axl.ask("<axl:executeSQLQuery><sql>select 1</sql></axl:executeSQLQuery>")
    error = answer.find(".//{http://www.cisco.com/AXL/1.0}Error")
    return (0, "") if error is None else (int(error[0].text), str(error[1].text))
