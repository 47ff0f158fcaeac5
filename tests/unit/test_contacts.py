"""Groups and contacts: one day in the life of a contact list, as a client made it and was answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from lxml import etree
from sqlalchemy import event
from sqlalchemy.orm import Session

from ctigw.directory import contacts, groups, journal, users
from ctigw.directory.contact_list import Contact, Group, contact_list, shown
from ctigw.directory.errors import DirectoryError
from ctigw.directory.journal import Change, ContactItem, GroupItem, Kind
from ctigw.directory.outcomes import Outcome
from ctigw.store.database import Database
from ctigw.store.tables import User
from tests.newcomers import newcomer
from tests.pidf import EXAMPLES

EPAS = "{urn:cisco:epas:soap}"
ME, TWO, THREE, FOUR, FIVE = PEOPLE = tuple(f"soapuser{number}@cisco.com" for number in range(1, 6))
OK, FAILED, NO_CONTACT, NO_GROUP = (
    *(Outcome.SUCCEEDED, Outcome.FAILED),
    *(Outcome.NO_CONTACT, Outcome.NO_GROUP),
)


def number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def group(name: str, index: str | None = None) -> groups.Wanted:
    return groups.Wanted(name, number(index))


def change(old: str, new: str | None = None, index: str | None = None) -> groups.Changed:
    return groups.Changed(old, new, number(index))


def person(
    of: str, name: str, index: str | None = None, nickname: str | None = None, phone: bool | None = None
) -> contacts.Wanted:
    return contacts.Wanted(of, name, number(index), nickname, phone)


def contact(name: str, index: str, nickname: str = "", phone: bool = False) -> Contact:
    return Contact(f"{name}@cisco.com", Decimal(index), nickname, phone)


GROUPS = [group("work"), group("friends", "2"), group("customers", "540"), group("work", "-1")]
GROUP_CHANGES = [
    change("non existing", "still non existing"),
    change("", "can i change this?", "-200"),
    change("friends", "new friends"),
    change("work", index="1000.9"),
    change("customers", "new customers", "2000.9"),
]
GONE = ["non existing", "new friends", "non existing too", "still non existing too", "new work"]
ADDED = [
    person("work", "soapuser2", "200", "user2 nickname", phone=False),
    person("work", "soapuser3", nickname="user3's nickname"),
    person("work", "soapuser4", phone=True),
    person("work", "soapuser5", "-1"),
    person("work", "nonexisting"),
    person("new customers", "soapuser2", "202", "another user2's nickname", phone=True),
    person("new customers", "soapuser3", phone=False),
    person("new customers", "nonexisting", "200", "non existing", phone=False),
    person("friends", "soapuser2", nickname="what"),
    person("friends", "whatever"),
    person("", "soapuser4", nickname="what", phone=False),
    person("", "soapuser5", "32", "dave"),
    person("", "soapuser3"),
    person("", "soapuser1", "-33.3", phone=True),
]
LIST = (
    Group(
        "",
        Decimal(-200),
        (
            contact("soapuser1", "-33.3", phone=True),
            contact("soapuser4", "1", "what"),
            contact("soapuser5", "32", "dave"),
            contact("soapuser3", "33"),
        ),
    ),
    Group(
        "work",
        Decimal("1000.9"),
        (
            contact("soapuser5", "-1"),
            contact("soapuser2", "200", "user2 nickname"),
            contact("soapuser3", "201", "user3's nickname"),
            contact("soapuser4", "202", phone=True),
        ),
    ),
    Group(
        "new customers",
        Decimal("2000.9"),
        (contact("soapuser2", "202", "another user2's nickname", phone=True), contact("soapuser3", "203")),
    ),
)
MODIFIED = [
    person("", "soapuser5", "200", "user5 nick", phone=False),
    person("", "soapuser1", nickname="default 'one'", phone=False),
    person("", "soapuser4"),
    person("", "soapuser3", nickname="1"),
    person("new customers", "soapuser3", nickname="who is soap user 3?"),
    person("new customers", "soapuser2"),
    person("work", "soapuser3", phone=False),
    person("work", "soapuser4", nickname="soap user's nickname"),
    person("work", "soapuser5", "-3000"),
    person("work", "soapuser2", "-3000.5", "", phone=True),
    person("new work", "soapuser2", nickname="doesn't work!!!"),
]
REMOVED = [
    ("work", "soapuser2"),
    ("non-existing", "one"),
    ("", "soapuser5"),
    ("", "soapuser1"),
    ("", "nonexisting"),
]


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """Where five people with the names of the example are, without passwords, which take time."""
    with database._sessions.begin() as session:
        for name in PEOPLE:
            newcomer(session, name)
        yield session


def test_a_new_user_has_one_group_without_a_name(session: Session) -> None:
    users.add(session, "new@cisco.com", "secret")
    assert contact_list(session, "new@cisco.com") == (Group("", Decimal(0)),)


def test_the_run_of_the_example_gives_its_answers(session: Session) -> None:
    assert groups.add(session, ME, GROUPS).outcomes == (OK, OK, OK, FAILED)
    assert groups.modify(session, ME, GROUP_CHANGES).outcomes == (FAILED, OK, OK, OK, OK)
    assert groups.remove(session, ME, GONE).outcomes == (OK,) * 5
    expected = (*(OK,) * 4, NO_CONTACT, OK, OK, NO_CONTACT, NO_GROUP, NO_CONTACT, *(OK,) * 4)
    assert contacts.add(session, ME, ADDED).outcomes == expected
    assert contact_list(session, ME) == LIST
    assert contacts.modify(session, ME, MODIFIED).outcomes == (*(OK,) * 10, NO_GROUP)
    assert contacts.remove(session, ME, REMOVED).outcomes == (OK, NO_GROUP, OK, OK, NO_CONTACT)
    unnamed, work, customers = contact_list(session, ME)
    assert unnamed.contacts == (contact("soapuser4", "1", "what"), contact("soapuser3", "33", "1"))
    assert work.contacts == (
        contact("soapuser5", "-3000"),
        contact("soapuser3", "201", "user3's nickname"),
        contact("soapuser4", "202", "soap user's nickname", phone=True),
    )
    assert [x.nickname for x in customers.contacts] == ["another user2's nickname", "who is soap user 3?"]


# The same run, as the messages have it.


def body(name: str) -> Any:
    envelope = etree.parse(EXAMPLES / name).getroot()
    return envelope.find("{*}Body")[0]  # type: ignore[index] # there is one


def answer(operation: str) -> list[tuple[dict[str, str], str]]:
    return [(dict(status.attrib), status.text or "") for status in body(f"{operation}.response.xml")]


def flag(text: str | None) -> bool | None:
    return None if text is None else text == "true"


def asked(operation: str) -> list[contacts.Wanted]:
    return [
        person(
            inside.get("name"),
            each.text,
            each.get("index"),
            each.get("nickname"),
            flag(each.get("display-on-phone")),
        )
        for inside in body(f"{operation}.request.xml")
        for each in inside
    ]


def echoed(part: contacts.Wanted, outcome: Outcome) -> tuple[dict[str, str], str]:
    """A status as it is answered: what was asked for, in these words."""
    phone = part.display_on_phone
    said = {
        "persona-id": part.name,
        "group": part.group,
        "index": None if part.index is None else shown(part.index),
        "nickname": part.nickname,
        "display-on-phone": None if phone is None else str(phone).lower(),
    }
    return {key: text for key, text in said.items() if text is not None}, outcome.value


@pytest.mark.skipif(not EXAMPLES.exists(), reason="the examples are not at hand")
def test_the_messages_of_the_run_are_answered_as_they_were(session: Session) -> None:
    def words(outcomes: tuple[Outcome, ...]) -> list[str]:
        return [outcome.value for outcome in outcomes]

    new = [group(part.get("name"), part.get("index")) for part in body("28-add-group.request.xml")]
    assert new == GROUPS
    assert words(groups.add(session, ME, new).outcomes) == [text for _, text in answer("29-add-group")]
    changes = [
        change(part.get("old-name"), part.get("new-name"), part.get("index"))
        for part in body("30-modify-group.request.xml")
    ]
    assert changes == GROUP_CHANGES
    done = groups.modify(session, ME, changes)
    assert words(done.outcomes) == [text for _, text in answer("31-modify-group")]
    gone = [said["name"] for said, _ in answer("33-delete-group")]  # the request is another capture
    assert gone == GONE
    done = groups.remove(session, ME, gone)
    assert words(done.outcomes) == [text for _, text in answer("33-delete-group")]
    assert asked("34-add-contact") == ADDED
    done = contacts.add(session, ME, ADDED)
    assert list(map(echoed, ADDED, done.outcomes)) == answer("35-add-contact")
    assert listed(session) == printed(body("27-get-contact-list.response.xml"))
    assert asked("36-modify-contact") == MODIFIED
    done = contacts.modify(session, ME, MODIFIED)
    assert list(map(echoed, MODIFIED, done.outcomes)) == answer("37-modify-contact")
    leaving = [(part.group, part.name) for part in asked("38-delete-contact")]
    assert leaving == REMOVED
    done = contacts.remove(session, ME, leaving)
    assert [
        ({"persona-id": name, "group": inside}, outcome.value)
        for (inside, name), outcome in zip(leaving, done.outcomes, strict=True)
    ] == answer("39-delete-contact")


def printed(response: Any) -> list[Any]:
    return [(dict(each.attrib), [(dict(x.attrib), x.text) for x in each]) for each in response]


def listed(session: Session) -> list[Any]:
    return [
        (
            {"name": each.name, "index": shown(each.index)},
            [
                (
                    {
                        "index": shown(x.index),
                        "nickname": x.nickname,
                        "display-on-phone": str(x.display_on_phone).lower(),
                    },
                    x.name.partition("@")[0],
                )
                for x in each.contacts
            ],
        )
        for each in contact_list(session, ME)
    ]


# What the run does not show.


@pytest.mark.parametrize(
    ("index", "text"),
    [
        ("-200", "-200"),
        ("1000.9", "1000.9"),
        ("1.0000000000", "1"),
        ("0.00", "0"),
        ("1E+2", "100"),
        ("-0.0000000001", "-0.0000000001"),
        ("0.00000000005", "0"),
        ("899999999.9999999999", "899999999.9999999999"),
    ],
)
def test_an_index_is_exact_and_shown_without_needless_zeros(session: Session, index: str, text: str) -> None:
    assert groups.add(session, ME, [group("a", index)]).outcomes == (OK,)
    found = {each.name: each for each in contact_list(session, ME)}
    assert shown(found["a"].index) == text


@pytest.mark.parametrize("index", ["NaN", "sNaN", "-Infinity", "900000001", "-1E+400"])
def test_an_index_that_cannot_be_kept_fails(session: Session, index: str) -> None:
    assert groups.add(session, ME, [group("a", index)]).outcomes == (FAILED,)
    assert groups.modify(session, ME, [change("", index=index)]).outcomes == (FAILED,)
    assert contacts.add(session, ME, [person("", TWO, index), person("", TWO)]).outcomes == (FAILED, OK)
    assert contacts.modify(session, ME, [person("", TWO, index)]).outcomes == (FAILED,)


def test_the_highest_index_has_none_after_it(session: Session) -> None:
    assert groups.add(session, ME, [group("a", "900000000"), group("b")]).outcomes == (OK, FAILED)


@pytest.mark.parametrize("name", ["", "a\nb", "a\0b", "x" * 256, "\udcff"])
def test_what_is_no_name_fails(session: Session, name: str) -> None:
    groups.add(session, ME, [group("work")])
    contacts.add(session, ME, [person("work", TWO)])
    assert groups.add(session, ME, [group(name)]).outcomes == (FAILED,)
    assert groups.modify(session, ME, [change("work", name)]).outcomes == (FAILED,)
    assert groups.remove(session, ME, [name]).outcomes == (OK,)
    nickname = contacts.modify(session, ME, [person("work", TWO, nickname=name)]).outcomes
    assert nickname == ((FAILED,) if name else (OK,))
    assert contacts.add(session, ME, [person("work", name)]).outcomes == (NO_CONTACT,)
    assert contacts.remove(session, ME, [("work", name)]).outcomes == (NO_CONTACT,)


def test_groups_change_places_and_names(session: Session) -> None:
    groups.add(session, ME, [group("a"), group("b")])
    contacts.add(session, ME, [person("a", TWO)])
    swap = [change("a", "x"), change("b", "a"), change("x", "b"), change("a", "b"), change("a", "a")]
    assert groups.modify(session, ME, swap).outcomes == (OK, OK, OK, FAILED, OK)
    assert [(each.name, shown(each.index), len(each.contacts)) for each in contact_list(session, ME)] == [
        ("", "0", 0),
        ("b", "1", 1),
        ("a", "2", 0),
    ]


def test_the_group_without_a_name_stays_when_it_is_deleted(session: Session) -> None:
    groups.modify(session, ME, [change("", index="7")])
    contacts.add(session, ME, [person("", TWO), person("", THREE)])
    done = groups.remove(session, ME, [""])
    assert done.outcomes == (OK,)
    assert [(x.kind, x.new) for x in done.changes] == [(Kind.CONTACT, None)] * 2
    assert contact_list(session, ME) == (Group("", Decimal(7)),)


def test_a_contact_is_in_a_group_once_and_in_as_many_groups_as_one_likes(session: Session) -> None:
    groups.add(session, ME, [group("a")])
    twice = [person("", TWO), person("a", TWO), person("", TWO.upper()), person("", f"sip:{TWO}")]
    assert contacts.add(session, ME, twice).outcomes == (OK, OK, FAILED, FAILED)


def test_people_of_other_servers_are_contacts_if_their_domain_is_known(session: Session) -> None:
    joe = person("", "Joe@Example.org")
    assert contacts.add(session, ME, [joe]).outcomes == (NO_CONTACT,)
    done = contacts.add(session, ME, [joe, person("", TWO)], foreign={"example.org"})
    assert done.outcomes == (OK, OK)
    assert [change.new.is_external for change in done.changes if isinstance(change.new, ContactItem)] == [
        True,
        False,
    ]
    assert [x.name for x in contact_list(session, ME)[0].contacts] == ["joe@example.org", TWO]


def test_a_list_is_of_one_user(session: Session) -> None:
    groups.add(session, ME, [group("work")])
    contacts.add(session, TWO, [person("", ME)])
    assert groups.add(session, TWO, [group("work")]).outcomes == (OK,)
    assert contacts.modify(session, ME, [person("", ME)]).outcomes == (NO_CONTACT,)
    assert [len(contact_list(session, who)) for who in (ME, TWO, THREE)] == [2, 2, 1]


def test_nobody_has_more_than_may_be(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "MOST", 3)
    monkeypatch.setattr(contacts, "MOST", 2)
    assert groups.add(session, ME, [group(name) for name in "abc"]).outcomes == (OK, OK, FAILED)
    more = [person(name, who) for name in "ab" for who in (TWO, THREE)]
    assert contacts.add(session, ME, more).outcomes == (OK, OK, FAILED, FAILED)
    assert contacts.remove(session, ME, [("a", TWO)]).outcomes == (OK,)
    assert contacts.add(session, ME, more[2:]).outcomes == (OK, FAILED)


@pytest.mark.parametrize(
    "ask",
    [
        lambda session, user, many: groups.add(session, user, [group("a")] * many),
        lambda session, user, many: groups.modify(session, user, [change("a")] * many),
        lambda session, user, many: groups.remove(session, user, ["a"] * many),
        lambda session, user, many: contacts.add(session, user, [person("", "a")] * many),
        lambda session, user, many: contacts.modify(session, user, [person("", "a")] * many),
        lambda session, user, many: contacts.remove(session, user, [("", "a")] * many),
    ],
)
def test_who_is_nobody_or_asks_for_too_much_is_refused(
    session: Session, ask: Callable[[Session, str, int], object]
) -> None:
    with pytest.raises(DirectoryError, match=r"there is no user zoe@cisco\.com"):
        ask(session, "zoe@cisco.com", 1)
    with pytest.raises(DirectoryError, match="a request has 5000 parts at most"):
        ask(session, ME, 5001)


# What is told of it.


def test_every_change_is_told_with_what_was_and_what_is(session: Session) -> None:
    start = journal.last(session)
    told = [
        groups.add(session, ME, [group("General", "1")]),
        contacts.add(session, ME, [person("General", TWO, nickname="Curly")]),
        contacts.modify(session, ME, [person("General", TWO, nickname="Baldy")]),
        groups.modify(session, ME, [change("General", "Work")]),
        groups.remove(session, ME, ["Work"]),
    ]

    def jack(nickname: str, inside: str = "General") -> ContactItem:
        return ContactItem(
            inside, Decimal(1), TWO, Decimal(1), nickname, display_on_phone=False, is_external=False
        )

    general, work = GroupItem("General", Decimal(1)), GroupItem("Work", Decimal(1))
    assert [(x.kind, x.user, x.old, x.new) for done in told for x in done.changes] == [
        (Kind.GROUP, ME, None, general),
        (Kind.CONTACT, ME, None, jack("Curly")),
        (Kind.CONTACT, ME, jack("Curly"), jack("Baldy")),
        (Kind.GROUP, ME, general, work),
        (Kind.CONTACT, ME, jack("Baldy", "Work"), None),
        (Kind.GROUP, ME, work, None),
    ]
    assert journal.since(session, start) == [x for done in told for x in done.changes]


def test_what_changes_nothing_is_not_told(session: Session) -> None:
    contacts.add(session, ME, [person("", TWO)])
    start = journal.last(session)
    assert groups.modify(session, ME, [change("", "other name"), change("", index="0.0")]).outcomes == (
        OK,
        OK,
    )
    assert contacts.modify(session, ME, [person("", TWO, "1.0", "", phone=False)]).outcomes == (OK,)
    assert groups.remove(session, ME, ["none"]).outcomes == (OK,)
    assert contacts.add(session, ME, [person("", TWO)]).outcomes == (FAILED,)
    assert journal.since(session, start) == []


def test_who_is_removed_is_in_no_list_any_more(session: Session) -> None:
    contacts.add(session, ME, [person("", TWO, nickname="Jack"), person("", THREE)])
    contacts.add(session, TWO, [person("", ME), person("", TWO)])
    gone = users.remove(session, TWO)
    item = ContactItem("", Decimal(0), TWO, Decimal(1), "Jack", display_on_phone=False, is_external=False)
    assert [x for x in gone if x.kind is Kind.CONTACT] == [
        Change(Kind.CONTACT, ME, item, None, gone[0].number)
    ]
    assert [x.name for x in contact_list(session, ME)[0].contacts] == [THREE]
    newcomer(session, TWO)
    assert contact_list(session, TWO) == (Group("", Decimal(0)),)


def test_a_hundred_contacts_are_few_statements(database: Database, session: Session) -> None:
    hundred = [f"user{number}@cisco.com" for number in range(100)]
    session.add_all(User(name=name, display_name="", password_hash="", calendaring=False) for name in hundred)
    session.flush()
    asked_for: list[str] = []

    def note(_connection: object, _cursor: object, text: str, *_more: object) -> None:
        asked_for.append(text)

    event.listen(database._engine, "before_cursor_execute", note)
    assert set(contacts.add(session, ME, [person("", name) for name in hundred]).outcomes) == {OK}
    wanted = [person("", name, nickname=name) for name in hundred]
    assert set(contacts.modify(session, ME, wanted).outcomes) == {OK}
    assert set(contacts.remove(session, ME, [("", name) for name in hundred]).outcomes) == {OK}
    assert len(asked_for) < 50, asked_for
