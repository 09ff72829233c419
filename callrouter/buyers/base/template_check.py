"""Whether a lead's template can be used: told to the operator when a dialplan is read, not when a lead is sold."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from callrouter.buyers.base.template import (
    BadTemplate,
    Distribution,
    Lacking,
    LeadValues,
    compiled,
    filled,
    render,
)
from callrouter.buyers.base.template_rules import PERSONAL, Flaw

_NASTY = "A & B <c> \"d\" 'e' -- ]]> ?>"
"""A value that breaks the XML wherever values may not stand: in a name, a comment, an instruction."""


def flaws(template: str, params: Mapping[str, str]) -> list[Flaw]:
    """Each thing that is wrong with the template of an entry with these params; empty when it is good.

    It is tried with a caller of whom everything is known, with one of whom only phone and zip are, and shared.
    """
    try:
        compiled(template)
    except BadTemplate as bad:
        return list(bad.flaws)
    return list(dict.fromkeys(_tried(template, params)))


def _tried(template: str, params: Mapping[str, str]) -> Iterator[Flaw]:
    full = LeadValues(
        caller={"zip": "78701", "state": "TX", "city": _NASTY, "consent": True},
        known=frozenset(PERSONAL),
        fields=_Everything(),
        params={**params, **{name: _NASTY for name, value in params.items() if value}},
        lead_type=_NASTY,
        lead_source_id=_NASTY,
    )
    shared = replace(full, distribution=Distribution(2, (_NASTY, _NASTY), _NASTY))
    sparse = LeadValues(caller={"zip": "78701"}, known=frozenset({"phone"}), params=params, lead_type="auto")
    for values in (full, shared, sparse):
        try:
            rendered = render(template, values)
            filled(rendered, dict.fromkeys((*PERSONAL, "token"), _NASTY))
            filled(rendered, {"token": _NASTY})
        except Lacking as lacking:
            if values is not sparse:
                yield lacking.line, lacking.why
        except BadTemplate as bad:
            yield bad.line, bad.why


class _Everything(Mapping[str, str]):
    """The extras of a caller who has given every one of them."""

    def __getitem__(self, name: str) -> str:
        return _NASTY

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0
