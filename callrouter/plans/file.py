"""One dialplan file: bytes in; a plan, or every mistake in it, out."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace

from pydantic import ValidationError

from callrouter.dialplan import BuyerEntry, Plan
from callrouter.errors import Mistake
from callrouter.plans.beside import Beside, UnreadableTemplate
from callrouter.plans.broken import broken_disagreements, readable_entries, readable_sell_lead
from callrouter.plans.remedies import remedies
from callrouter.plans.yaml_text import fill_in, read_yaml

CatalogueCheck = Callable[[BuyerEntry, str], list[Mistake]]
"""What the buyers' catalogue finds wrong with an entry; the text is the file's name."""
Buys = Callable[[BuyerEntry], str | None]
"""What an entry's mode buys: ``calls``, ``leads``, ``clicks``; ``None`` when nobody knows."""


def nobody_knows(entry: BuyerEntry) -> str | None:
    """`Buys` where no catalogue is at hand."""
    return None


def read_plan(
    raw: bytes,
    where: str,
    environ: Mapping[str, str],
    catalogue_check: CatalogueCheck,
    beside: Beside | None = None,
    buys: Buys = nobody_knows,
) -> tuple[Plan | None, list[Mistake]]:
    """The plan in ``raw``, or ``None`` and every mistake. Without ``beside`` its templates are not read."""
    document, mistakes = read_yaml(raw, where)
    if document is None:
        return None, mistakes or [Mistake(where, "file", "it is empty; write a dialplan")]
    if not isinstance(document, dict):
        return None, [*mistakes, Mistake(where, "file", "write keys and values, such as plan: my-plan")]
    filled, lacking = fill_in(document, environ)
    mistakes += [Mistake(where, _dotted(path), remedy) for path, remedy in lacking.items()]
    plan: Plan | None = None
    try:
        plan = Plan.model_validate(filled)
    except ValidationError as error:
        mistakes += [
            Mistake(where, _dotted(path), remedy)
            for path, remedy in remedies(error)
            if path not in lacking  # said already: the variable is missing
        ]
        said = {mistake.key for mistake in mistakes}
        mistakes += [Mistake(where, key, remedy) for key, remedy in broken_disagreements(filled) if key not in said]
    said = {mistake.key for mistake in mistakes}
    buyers = dict(plan.buyers if plan is not None else readable_entries(filled))
    if beside is not None:
        buyers, unreadable = _with_templates(buyers, where, beside)
        mistakes += [mistake for mistake in unreadable if not _is_said(mistake.key, said)]
    for name, entry in buyers.items():
        found = (_under(name, mistake, where) for mistake in catalogue_check(entry, where))
        mistakes += [mistake for mistake in found if not _is_said(mistake.key, said)]
    sell_lead = plan.unsold.sell_lead if plan is not None else readable_sell_lead(filled)
    mistakes += [Mistake(where, "unsold.sell_lead", remedy) for remedy in _no_leads(sell_lead, buyers, buys)]
    if mistakes or plan is None:
        return None, mistakes
    return plan.model_copy(update={"buyers": buyers}), []


def _with_templates(
    buyers: Mapping[str, BuyerEntry], where: str, beside: Beside
) -> tuple[dict[str, BuyerEntry], list[Mistake]]:
    """The entries with the text of the templates that they name, and what keeps a text from being had."""
    read: dict[str, BuyerEntry] = {}
    mistakes = []
    for name, entry in buyers.items():
        read[name] = entry
        if entry.template is not None:
            try:
                read[name] = entry.with_template(beside.read(entry.template))
            except UnreadableTemplate as error:
                mistakes.append(Mistake(where, f"buyers.{name}.template", str(error)))
    return read, mistakes


def _no_leads(sell_lead: Iterable[str], buyers: Mapping[str, BuyerEntry], buys: Buys) -> list[str]:
    """What to do about those under ``sell_lead`` that would never buy a lead."""
    bought = {name: buys(buyers[name]) for name in sell_lead if name in buyers}
    return [
        f"remove {name}, or give it a mode that buys leads: {buyers[name].mode} buys {what}"
        for name, what in bought.items()
        if what not in (None, "leads")
    ]


def _is_said(key: str, said: Collection[str]) -> bool:
    """Whether this key, or a section that it is in, has a mistake already; those of ``buyers`` itself do not count."""
    parts = key.split(".")
    return any(".".join(parts[:end]) in said for end in range(2, len(parts) + 1))


def _under(buyer: str, mistake: Mistake, where: str) -> Mistake:
    """The catalogue knows an entry but not under which name it stands: its keys begin at ``buyers`` or below."""
    return replace(mistake, where=where, key=f"buyers.{buyer}.{mistake.key.removeprefix('buyers.')}")


def _dotted(path: tuple[str | int, ...]) -> str:
    return ".".join(map(str, path)) or "file"
