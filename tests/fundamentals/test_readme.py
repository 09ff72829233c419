"""The README's tables are what the code says. A failing test prints the text to put in."""

import re
from collections import Counter
from pathlib import Path

import yaml

from callrouter.books import Books
from callrouter.carrier.seam import PushResult
from callrouter.cli import _parser
from callrouter.domain.call import AttemptResult
from callrouter.domain.reasons import Family, Reason
from callrouter.metrics import (
    AUCTION_OUTCOMES,
    CALLBACK_RESULTS,
    ENDPOINTS,
    HOLD_OUTCOMES,
    JOB_STATES,
    OVERHEAD_STAGES,
    SALE_RESULTS,
    SILENT_ENDPOINTS,
    TRANSFER_RESULTS,
    TRANSFER_STATES,
    TRANSFER_STEPS,
    UNSOLD_REASONS,
    WEBHOOK_RESULTS,
    WHO_ENDED,
    Metrics,
)
from callrouter.settings import effective, read_settings
from tests.buyers.documents import document
from tests.buyers.exemplars import CATALOGUE, exemplars
from tests.callbacks.exemplars import exemplars as dialler_exemplars

README = Path(__file__).parents[2] / "README.md"

WHO_ACTS = {
    Family.NO_OFFER: "nobody: the buyer does not want this call, or the caller left first",
    Family.ERROR: "the buyer, or the network",
    Family.NOT_CALLED: "we: configuration, limits or time",
    Family.REJECTED: "the buyer must mend its answer",
}


def section(name: str) -> str:
    """What stands between the two markers of a generated table."""
    found = re.search(rf"<!-- {name}: [^>]*-->\n(.*?)<!-- /{name} -->", README.read_text(), re.DOTALL)
    assert found, f"the README has no {name} section"
    return found.group(1)


def reasons_table() -> str:
    rows = ["| family | who acts | reasons |", "|---|---|---|"]
    for family, who in WHO_ACTS.items():
        names = ", ".join(f"`{reason.value}`" for reason in Reason if reason.family is family)
        rows.append(f"| `{family.value}` | {who} | {names} |")
    return "\n".join(rows) + "\n"


def metrics_table() -> str:
    rows = ["| metric | labels | |", "|---|---|---|"]
    metrics = Metrics()
    Books(metrics.registry, "any")
    for family in metrics.registry.collect():
        name = family.name.removeprefix("callrouter_") + ("_total" if family.type == "counter" else "")
        # A family that is made anew for each page knows its labels itself.
        anew = getattr(family, "_labelnames", ())
        labels = next((m._labelnames for m in vars(metrics).values() if getattr(m, "_name", "") == family.name), anew)
        known = ", ".join(f"`{label}`{values_of(family.name, label)}" for label in labels)
        rows.append(f"| `{name}` | {known} | {family.documentation} |")
    return "\n".join(rows) + "\n"


def partners_table() -> str:
    """Each call of each partner: the mode that makes it, the document it comes from, how many exemplars hold it."""
    rows = ["| partner | mode | call | document | exemplars |", "|---|---|---|---|---|"]
    counts = Counter((e.buyer, e.entry().mode, e.step) for e in exemplars())
    for name in CATALOGUE.names:
        sheet = CATALOGUE.get(name).sheet
        for mode_name, mode in sheet.modes.items():
            for step in mode.steps:
                call = f"`{mode.endpoint(step).call}`, {step} ({', '.join(mode.methods)})"
                documents = "; ".join(sheet.documents)
                count = counts[name, mode_name, step]
                rows.append(f"| {sheet.title} (`{name}`) | `{mode_name}` | {call} | {documents} | {count} |")
    (dialler,) = document("dialler")["documents"]
    by_call = Counter((e.call, e.test) for e in dialler_exemplars())
    for (call, test), count in sorted(by_call.items()):
        mode_name = "test" if test else "callback"
        said = f"`{call}`, POST (json)" + (', `test: "true"`' if test else "")
        rows.append(f"| Dialler (`unsold.callback`) | {mode_name} | {said} | {dialler['title']} | {count} |")
    return "\n".join(rows) + "\n"


def values_of(metric: str, label: str) -> str:
    """The values of a label that nobody could guess; plans, buyers and reasons are named elsewhere."""
    values = {
        ("callrouter_webhooks", "endpoint"): ENDPOINTS,
        ("callrouter_webhooks", "result"): WEBHOOK_RESULTS,
        ("callrouter_auctions", "outcome"): AUCTION_OUTCOMES,
        ("callrouter_auction_overhead_seconds", "stage"): OVERHEAD_STAGES,
        ("callrouter_hold_seconds", "outcome"): HOLD_OUTCOMES,
        ("callrouter_bridges", "result"): tuple(AttemptResult),
        ("callrouter_callbacks", "result"): CALLBACK_RESULTS,
        ("callrouter_sales", "result"): SALE_RESULTS,
        ("callrouter_transfers", "result"): TRANSFER_RESULTS,
        ("callrouter_pushes", "result"): tuple(PushResult),
        ("callrouter_near_misses", "ended_by"): WHO_ENDED,
        ("callrouter_unsold", "reason"): UNSOLD_REASONS,
        ("callrouter_silence_seconds", "endpoint"): SILENT_ENDPOINTS,
        ("callrouter_outbox_jobs", "state"): JOB_STATES,
        ("callrouter_transfers_open", "state"): TRANSFER_STATES,
        ("callrouter_transfer_step_seconds", "step"): TRANSFER_STEPS,
    }.get((metric, label), ())
    return f" ({', '.join(values)})" if values else ""


def test_every_reason_is_in_the_readme() -> None:
    assert section("reasons") == reasons_table(), reasons_table()


def test_every_metric_is_in_the_readme() -> None:
    assert section("metrics") == metrics_table(), metrics_table()


def test_every_call_of_every_partner_is_in_the_readme() -> None:
    assert section("partners") == partners_table(), partners_table()


def test_no_cell_of_the_partners_table_is_empty() -> None:
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in partners_table().splitlines()[2:]]
    assert [row for row in cells if len(row) != 5 or not all(row) or row[-1] == "0"] == []
    assert len({row[0] for row in cells}) == len(CATALOGUE.names) + 1


def test_every_command_is_in_the_readme() -> None:
    help_ = " ".join(_parser().format_help().split())
    commands = re.findall(r"^\| `callrouter ([a-z-]+)", README.read_text(), re.MULTILINE)
    assert commands
    for name in commands:
        assert f" {name} " in help_, f"{name} is in the README, and there is no such command"
    for action in _parser()._subparsers._group_actions:  # type: ignore[union-attr]
        assert set(action.choices or ()) <= set(commands)


def test_every_setting_is_in_the_readme() -> None:
    text = README.read_text()
    for name, _, _ in effective(read_settings({}, serving=False)):
        assert f"`{name}`" in text, name


def test_every_file_that_the_readme_names_exists() -> None:
    text = README.read_text()
    root = README.parent
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert (root / link).exists(), link
    for path in re.findall(r"`(callrouter/[\w/]+\.(?:py|md|lua))`", text):
        assert (root / path).exists(), path


def test_the_yaml_of_every_page_parses() -> None:
    for page in README.parent.rglob("*.md"):
        if ".venv" not in page.parts:
            for block in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL):
                yaml.safe_load(block)


def written_anew(page: str) -> str:
    """The page with its generated tables as they should be."""
    for name, table in (("partners", partners_table), ("reasons", reasons_table), ("metrics", metrics_table)):
        there = section(name)
        page = page.replace(there, table())
    return page


if __name__ == "__main__":
    README.write_text(written_anew(README.read_text()))
