"""Lead templates: rendered once, filled twice, and bounded whatever stands in them."""

import re
import time
import xml.etree.ElementTree as ET
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.buyers.base.template import BadTemplate, Distribution, Lacking, LeadValues, filled, render
from callrouter.buyers.base.template_check import flaws
from callrouter.buyers.base.template_rules import PERSONAL
from tests.buyers.exemplars import HOME

AUTO = (HOME / "contactability" / "auto-lead.xml.j2").read_text()
WHOLE = (
    "<a><t>{{ token }}</t><f>{{ caller.first_name }}</f><e x='{{ caller.email }}'>{{ caller.email }}</e>"
    "<c>{{ caller.city }}</c><y>{{ fields.Year }}</y></a>"
)
EVERYTHING = LeadValues(known=frozenset(PERSONAL), caller={"zip": "78701", "city": "Austin"})
MARKS = "".join(map(chr, range(0xE000, 0xE020)))


def lead(template: str, values: LeadValues = EVERYTHING, **personal: str) -> str:
    """The lead with these personal values in it."""
    return filled(render(template, values), personal)


def texts(xml: str) -> dict[str, str]:
    """The text of each element, which must be as many as the template has."""
    return {element.tag: element.text or "" for element in ET.fromstring(xml)}  # noqa: S314


def test_personal_values_are_left_out_until_they_are_given() -> None:
    rendered = render(WHOLE, EVERYTHING)
    assert texts(filled(rendered, {"token": "T"})) == {"t": "T", "f": "", "e": "", "c": "Austin", "y": ""}
    whole = texts(filled(rendered, {"token": "T", "first_name": "Ann", "email": "a@b.c"}))
    assert whole == {"t": "T", "f": "Ann", "e": "a@b.c", "c": "Austin", "y": ""}


def test_what_is_kept_between_the_steps_has_neither_personal_data_nor_the_token() -> None:
    values = LeadValues(known=frozenset({"email"}), params={"token": "no"})
    rendered = render(WHOLE, values)
    assert re.sub(f"[{MARKS}]", "", rendered) == "<a><t></t><f></f><e x=''></e><c></c><y></y></a>"


@given(*[st.text(max_size=30) for _ in range(5)])
def test_the_post_is_the_ping_but_for_the_personal_values(
    first: str, email: str, city: str, year: str, token: str
) -> None:
    values = LeadValues(known=frozenset({"first_name", "email"}), caller={"city": city}, fields={"Year": year})
    rendered = render(WHOLE, values)
    ping = filled(rendered, {"token": token})
    post = filled(rendered, {"token": token, "first_name": first, "email": email})
    emptied = re.sub(r"<f>.*?</f><e x='.*?'>.*?</e>", "<f></f><e x=''></e>", post, flags=re.DOTALL)
    assert emptied == ping


@given(st.text(alphabet=f"<>&'\"/a]-?;{MARKS}\x00\ud800\n", max_size=40), st.sampled_from(["plain", "personal"]))
def test_a_callers_words_are_neither_markup_nor_marks(words: str, where: str) -> None:
    values = LeadValues(known=frozenset({"first_name", "email"}), caller={"city": words}, fields={"Year": words})
    personal = dict.fromkeys(("first_name", "email"), words if where == "personal" else "x")
    found = texts(lead(WHOLE, values, token="SECRET", **personal))
    said = re.sub("  +", " ", re.sub(f"[{MARKS}\x00\ud800\n]+", " ", words).strip())
    assert {re.sub("  +", " ", found[name]) for name in ("c", "y")} == {said}
    assert "SECRET" not in found["c"] + found["y"] + found["f"] + found["e"]
    assert re.sub("  +", " ", found["f"]) == (said if where == "personal" else "x")


def test_missing_extras_are_empty_and_required_ones_stop_the_lead() -> None:
    assert lead("<a>{{ fields.Year }}</a>") == "<a></a>"
    with pytest.raises(Lacking, match="Year is not known"):
        lead("<a>{{ fields.Year | required('Year') }}</a>")
    with pytest.raises(Lacking):
        lead("<a>{{ caller.email | required }}</a>", LeadValues())
    assert lead("<a>{{ caller.email | required }}</a>", email="a@b.c") == "<a>a@b.c</a>"


def test_truth_and_nothing_are_written_as_schemas_have_them() -> None:
    template = "<a>{{ caller.consent }}{{ caller.state }}{{ fields.Own }}</a>"
    values = LeadValues(caller={"consent": True, "state": None}, fields={"Own": False})
    assert lead(template, values) == "<a>truefalse</a>"


def test_what_is_known_of_a_person_can_be_asked_but_not_looked_at() -> None:
    template = "{% if caller.email %}<a>{{ caller.email }}</a>{% else %}<b/>{% endif %}"
    assert lead(template, email="a@b.c") == "<a>a@b.c</a>"
    assert lead(template, LeadValues()) == "<b/>"
    for looking in ("caller.email | upper", "caller.email == 'a'", "caller.email[:2]", "token | length"):
        with pytest.raises(BadTemplate):
            render("<a>{{ LOOKING }}</a>".replace("LOOKING", looking), EVERYTHING)


def test_distribution_directives_stand_only_in_a_shared_lead() -> None:
    shared = LeadValues(caller={"zip": "78701"}, known=frozenset({"phone"}), distribution=Distribution(2, ("A & B",)))
    assert "<Carrier>A &amp; B</Carrier>" in lead(AUTO, shared, phone="5125550123")
    exclusive = LeadValues(caller={"zip": "78701"}, known=frozenset({"phone"}))
    assert "DistributionDirectives" not in lead(AUTO, exclusive, phone="5125550123")


def test_the_template_that_ships_is_good() -> None:
    assert (HOME.parents[1] / "dialplans" / "auto-lead.xml.j2").read_text() == AUTO
    assert flaws(AUTO, {"lead_type": "auto"}) == []


@pytest.mark.parametrize(
    ("template", "line", "remedy"),
    [
        ("<a>\n{{ caller.frist_name }}</a>", 2, "caller has no frist_name; use address"),
        ("<a>\n{% if caller.zip == '0' %}{{ person }}{% endif %}</a>", 2, "person is not known; use caller"),
        ("<a>\n\n{{ caller.zip</a>", 3, "unexpected"),
        ("<a>{% if caller.zip %}</a>", 1, "'endif'"),
        ("<a>{{ params.Nothing }}</a>", 1, "Nothing is not known here"),
        ("<a>{{ distribution.count }}</a>", 1, "count is not known here"),
        ("<a>{{ caller }}</a>", 1, "name the part of caller"),
        ("<a>{{ caller.city | safe }}</a>", 1, "no filter safe"),
        ("{% autoescape false %}<a/>{% endautoescape %}", None, "no scopes"),
        ("<a>{{ ''.__class__ }}</a>", 1, "has no __class__"),
        ("<a>{{ caller.__init__ }}</a>", 1, "caller has no __init__"),
        ("<a>{{ fields._values }}</a>", 1, "_values"),
        ("{% include 'other' %}<a/>", 1, "no include"),
        ("<a>{{ caller.phone | upper }}</a>", 1, "only be placed"),
        ("<a><b></a>", None, "mismatched tag"),
        ("<a/><b/>", None, "junk after document element"),
        ("<!DOCTYPE a><a/>", None, "a document type"),
        ('<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>', None, "a document type"),
        ("<a>&nbsp;</a>", None, "undefined entity"),
        ("<?xml version='1.0' encoding='ISO-8859-1'?><a/>", None, "UTF-8"),
        ("<a><!-- {{ caller.city }} --></a>", None, "not well-formed"),
        ("<a {{ caller.city }}='1'/>", None, "not well-formed"),
        ("<{{ fields.Name }}/>", None, "not well-formed"),
        ("<{{ caller.first_name }}/>", None, "not well-formed"),
        ("<a>\ue000</a>", None, "remove the characters"),
    ],
)
def test_a_wrong_template_is_refused_with_its_line_and_its_remedy(template: str, line: int | None, remedy: str) -> None:
    found = flaws(template, {"lead_type": "auto"})
    assert [at for at, why in found if remedy in why] == [line], found


def test_every_broken_rule_is_told_at_once() -> None:
    found = flaws("<a>{{ one }}\n{{ two }}\n{{ caller.three | safe }}</a>", {})
    assert [line for line, _ in found] == [1, 2, 3, 3]


@pytest.mark.parametrize(
    "template",
    [
        "<a>{{ 'a' * 10000000000 }}</a>",
        "<a>{{ 9 ** 9 ** 9 ** 9 }}</a>",
        "{% for i in range(1000000000) %}x{% endfor %}<a/>",
        "<a>{{ '%99999999999d' | format(1) }}</a>",
        "<a>{{ 'a' | center(9999999999) }}</a>",
        "<a>{{ 'a'.ljust(9999999999) }}</a>",
        "{% macro m() %}{{ m() }}{% endmacro %}<a>{{ m() }}</a>",
        "{% set a = 'aaaa' %}" + "{% set a = a ~ a %}" * 60 + "<a>{{ a }}</a>",
        "<a>{{ lipsum(n=100000) }}</a>",
        "".join(f"{{% for x{n} in [1,2,3,4,5,6,7,8,9,0] %}}" for n in range(12)) + "{% endfor %}" * 12 + "<a/>",
        "{% for c in caller.zip recursive %}{{ loop(caller.zip) }}{% endfor %}<a/>",
        "<a>" + "{{ " + "(" * 20_000 + "1" + ")" * 20_000 + " }}</a>",
        "<a>{{ " + "not " * 20_000 + "1 }}</a>",
        "<a>{{ " + " and ".join(["1"] * 20_000) + " }}</a>",
        "{% if 1 %}" * 2_000 + "<a/>" + "{% endif %}" * 2_000,
        "<a>{{ " + "9" * 5_000 + " }}</a>",
        "<a>" + "x" * 262_144 + "</a>",
        "{% for a in [" + "1," * 20 + "] %}{% for b in [" + "1," * 20 + "] %}" + "x" * 9_000
        + "{% endfor %}{% endfor %}<a/>",
    ],
)  # fmt: skip
def test_a_hostile_template_is_refused_at_once(template: str) -> None:
    began = time.perf_counter()
    assert flaws(template, {})
    with pytest.raises(BadTemplate):
        lead(template)
    assert time.perf_counter() - began < 5


@given(st.text(max_size=60), st.integers(0, len(AUTO)), st.integers(0, 40))
def test_no_template_raises_anything_but_what_says_so(inserted: str, at: int, dropped: int) -> None:
    broken = AUTO[:at] + inserted + AUTO[at + dropped :]
    assert all(why for _, why in flaws(broken, {}))
    with suppress(BadTemplate):
        assert lead(broken, phone="5125550123").startswith("<")


def test_what_is_told_of_a_failure_holds_nothing_of_the_caller() -> None:
    values = LeadValues(fields={"Year": "secret words"})
    for template in ("<a>{{ fields.Year + 1 }}</a>", "<a>{{ fields.Year < 1 }}</a>", "<{{ fields.Year }}"):
        with pytest.raises(BadTemplate) as refused:
            lead(template, values)
        assert "secret" not in str(refused.value)
