"""Lead templates beside the dialplans: read with them, checked with them, taken up with them."""

import asyncio
import os
from pathlib import Path

import pytest

from callrouter.buyers.loader import Catalogue
from callrouter.errors import ConfigurationError
from callrouter.plans import PlanBook, Plans, load_plans
from callrouter.plans.beside import MAX_BYTES
from tests.configuration.plan_files import ENVIRON, plan_text
from tests.support.virtual_time import VirtualClock, virtual
from tests.support.waiting import wait_until

CHECK = Catalogue.load().check_entry
GOOD = "<Lead>\n<Token>{{ token }}</Token><Zip>{{ caller.zip }}</Zip></Lead>\n"
PLAN = plan_text(
    more="""\
    params: {lead_type: auto}
  leads:
    adapter: contactability
    mode: ping_post
    url: https://acme.example/api/v1
    credentials: {token: env:TOKEN}
    params: {lead_type: auto}
    template: lead.xml.j2
"""
)


def put(folder: Path, template: str | bytes | None = GOOD, plan: str = PLAN, second: int = 0) -> Path:
    """A folder with a plan that names a template, and the template where there is one."""
    for name, content in (("a.yaml", plan), ("lead.xml.j2", template)):
        if content is None:
            (folder / name).unlink(missing_ok=True)
            continue
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        os.utime(folder / name, (1_700_000_000 + (second if name != "a.yaml" else 0),) * 2)
    return folder


def mistakes(folder: Path) -> list[tuple[str, str, str]]:
    with pytest.raises(ConfigurationError) as refused:
        load_plans(folder, ENVIRON, CHECK)
    return [(mistake.where, mistake.key, mistake.remedy) for mistake in refused.value.mistakes]


def text_of(plans: Plans) -> str:
    return plans.by_name["one"].buyers["leads"].template_text


def test_the_template_is_read_with_the_plan(tmp_path: Path) -> None:
    plans = load_plans(put(tmp_path), ENVIRON, CHECK)
    assert text_of(plans) == GOOD
    assert plans.by_name["one"].buyers["acme"].template_text == ""


def test_a_byte_order_mark_and_the_line_ends_of_windows_are_no_matter(tmp_path: Path) -> None:
    assert text_of(load_plans(put(tmp_path, "\ufeff" + GOOD.replace("\n", "\r\n")), ENVIRON, CHECK)) == GOOD


@pytest.mark.parametrize(
    ("template", "remedy"),
    [
        (None, "there is no lead.xml.j2 beside the dialplan; write it"),
        ("", "lead.xml.j2 is empty; write the lead's XML"),
        (b"<a>\xff</a>", "save lead.xml.j2 as UTF-8 (byte 3 is not)"),
        ("<a>" + "x" * MAX_BYTES + "</a>", f"lead.xml.j2 is longer than {MAX_BYTES} bytes; shorten it"),
        ("<a>\n{{ caller.zip</a>", "lead.xml.j2 line 2: unexpected '/'"),
        ("<a>\n{{ caller.zap }}</a>", "lead.xml.j2 line 2: caller has no zap; use"),
        ("<a>\n{{ params.Source }}</a>", "lead.xml.j2 line 2: Source is not known here"),
        ("<a>", "lead.xml.j2: not well-formed XML at line 1 of the lead"),
        ("<!DOCTYPE a><a/>", "lead.xml.j2: it has a document type; remove it"),
    ],
)
def test_a_bad_template_is_refused_with_its_file_its_key_and_its_remedy(
    tmp_path: Path, template: str | bytes | None, remedy: str
) -> None:
    [(where, key, why)] = mistakes(put(tmp_path, template))
    assert (where, key) == ("a.yaml", "buyers.leads.template")
    assert why.startswith(remedy)


def test_a_template_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    put(tmp_path, None)
    (tmp_path / "lead.xml.j2").mkdir()
    assert mistakes(tmp_path)[0][1:] == ("buyers.leads.template", "make lead.xml.j2 readable: Is a directory")


def test_every_mistake_of_a_template_is_told_with_those_of_its_plan(tmp_path: Path) -> None:
    put(tmp_path, "<a>{{ one }}\n{{ two }}</a>", PLAN + "bridge: {ring_s: 1}\n")
    found = [(key, why.partition(" is not")[0]) for _, key, why in mistakes(tmp_path)]
    assert found == [
        ("bridge.ring_s", "it must be at least 5"),
        ("buyers.leads.template", "lead.xml.j2 line 1: one"),
        ("buyers.leads.template", "lead.xml.j2 line 2: two"),
    ]


@pytest.mark.parametrize("name", ["../lead.xml.j2", "/etc/passwd", "sub/lead.xml.j2", ".hidden"])
def test_a_template_lies_beside_the_dialplan_and_nowhere_else(tmp_path: Path, name: str) -> None:
    put(tmp_path, GOOD, PLAN.replace("lead.xml.j2", name))
    assert next(key for _, key, _ in mistakes(tmp_path)) == "buyers.leads.template"


def test_a_changed_template_is_taken_up_like_a_changed_dialplan(tmp_path: Path) -> None:
    book = PlanBook(put(tmp_path), ENVIRON, CHECK)
    assert not book.refresh().changed
    put(tmp_path, GOOD.replace("Lead>", "Other>"), second=9)
    assert book.refresh().taken == ("a.yaml",)
    assert text_of(book.current).startswith("<Other>")
    assert not book.refresh().changed


@pytest.mark.parametrize("broken", [None, "<a>", "", b"\xff"])
def test_a_broken_template_is_refused_while_the_last_good_one_stays(tmp_path: Path, broken: str | bytes | None) -> None:
    book = PlanBook(put(tmp_path), ENVIRON, CHECK)
    put(tmp_path, broken, second=9)
    report = book.refresh()
    assert (report.changed, [mistake.key for mistake in report.refused]) == (False, ["buyers.leads.template"])
    assert text_of(book.current) == GOOD
    assert not book.refresh().refused, "told once"
    put(tmp_path, GOOD.replace("Lead>", "Mended>"), second=19)
    assert book.refresh().taken == ("a.yaml",)
    assert (text_of(book.current)[:8], book.problems) == ("<Mended>", ())


def test_a_template_that_no_plan_names_is_left_alone(tmp_path: Path) -> None:
    book = PlanBook(put(tmp_path), ENVIRON, CHECK)
    (tmp_path / "other.xml.j2").write_text("<a>")
    assert book.refresh() == type(book.refresh())()


@virtual
async def test_a_changed_template_is_watched(clock: VirtualClock, tmp_path: Path) -> None:
    book = PlanBook(put(tmp_path), ENVIRON, CHECK)
    seen: list[Plans] = []
    watching = asyncio.create_task(book.watch(clock, seen.append))
    await asyncio.sleep(1.5)
    put(tmp_path, GOOD.replace("Lead>", "Other>"), second=9)
    changed_at = clock.monotonic()
    await wait_until(lambda: seen)
    assert clock.monotonic() - changed_at <= 3.0
    assert text_of(seen[0]).startswith("<Other>")
    watching.cancel()
