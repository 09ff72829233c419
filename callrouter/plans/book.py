"""The loaded dialplans: read strictly at start, taken up again file by file while running."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from types import MappingProxyType

from callrouter.dialplan import BuyerEntry, Plan
from callrouter.domain.call import CallKind
from callrouter.domain.clock import Clock
from callrouter.errors import ConfigurationError, Mistake
from callrouter.plans.beside import Beside, Signature, signature
from callrouter.plans.file import Buys, CatalogueCheck, nobody_knows, read_plan
from callrouter.plans.yaml_text import MAX_BYTES

log = logging.getLogger("callrouter.plans")

LOOK_EVERY_S = 1.0

Signatures = tuple[Signature, tuple[tuple[str, Signature], ...]]
"""Of a dialplan, and of each template that it names."""


@dataclass(frozen=True)
class Plans:
    """Dialplans that fit together: no name and no number is there twice."""

    by_name: Mapping[str, Plan] = field(default_factory=dict)
    by_number: Mapping[str, tuple[Plan, CallKind]] = field(default_factory=dict)
    """Our own numbers, with the plan that each leads into and how."""
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    """Every secret value in them, for the log's filter."""

    @property
    def numbers(self) -> frozenset[str]:
        """All our own numbers."""
        return frozenset(self.by_number)

    @classmethod
    def of(cls, plans: Iterable[Plan]) -> "Plans":
        """These plans, which must fit together (`load_plans` and `PlanBook` see to it)."""
        by_name = {plan.plan: plan for plan in plans}
        by_number = {
            number: (plan, kind)
            for plan in by_name.values()
            for number in plan.all_numbers
            if (kind := plan.kind_of(number)) is not None
        }
        secrets = frozenset(chain.from_iterable(map(_secrets_of, by_name.values())))
        return cls(MappingProxyType(by_name), MappingProxyType(by_number), secrets)


@dataclass(frozen=True)
class RefreshReport:
    """What one `PlanBook.refresh` did."""

    taken: tuple[str, ...] = ()
    """Files whose new content is in use now."""
    dropped: tuple[str, ...] = ()
    """Files that are gone, and their plans with them."""
    refused: tuple[Mistake, ...] = ()
    """What is wrong with the files that changed and were refused; their last good plans stay."""

    @property
    def changed(self) -> bool:
        """Whether `PlanBook.current` is another value now."""
        return bool(self.taken or self.dropped)


@dataclass(frozen=True)
class _File:
    """One file as last read: ``read`` is the plan in it, ``good`` the plan in use."""

    signatures: Signatures
    read: Plan | None
    mistakes: tuple[Mistake, ...] = ()
    good: Plan | None = None


def load_plans(
    folder: Path, environ: Mapping[str, str], catalogue_check: CatalogueCheck, buys: Buys = nobody_knows
) -> Plans:
    """Every dialplan of the folder. Raises `ConfigurationError` with every mistake over all files."""
    return PlanBook(folder, environ, catalogue_check, buys).current


class PlanBook:
    """The dialplans in use. Blocking: files are read where it says so.

    Raises `ConfigurationError` with every mistake when it is made from files that are not all good.
    """

    def __init__(
        self, folder: Path, environ: Mapping[str, str], catalogue_check: CatalogueCheck, buys: Buys = nobody_knows
    ) -> None:
        self._folder = folder
        self._environ = dict(environ)
        self._check, self._buys = catalogue_check, buys
        self._files: dict[str, _File] = {}
        signatures = self._signatures()
        read = {name: self._read(name, found[0]) for name, found in signatures.items()}
        in_use, conflicts = _fitted(read)
        mistakes = [*chain.from_iterable(f.mistakes for f in read.values()), *_all(conflicts)]
        if not signatures:
            mistakes.append(_nothing_in(folder))
        if mistakes:
            raise ConfigurationError(mistakes)
        self._folder_problem: Mistake | None = None
        self._adopt(in_use, {})

    @property
    def current(self) -> Plans:
        """The plans in use; a new value after each change."""
        return self._plans

    @property
    def problems(self) -> tuple[Mistake, ...]:
        """What is wrong with the files now, while their last good plans are in use."""
        folder = (self._folder_problem,) if self._folder_problem else ()
        wrong = (f.mistakes for f in self._files.values())
        return (*folder, *chain.from_iterable(wrong), *_all(self._conflicts))

    def refresh(self) -> RefreshReport:
        """Read what has changed (blocking) and take up what is good; a bad file is refused as a whole.

        An empty or missing folder is taken for an accident: every plan stays.
        """
        signatures = self._signatures()
        if not signatures:
            return self._refuse_empty_folder()
        self._folder_problem = None
        before, conflicts_before = self._files, self._conflicts
        after = {}
        for name, found in signatures.items():
            old = before.get(name)
            after[name] = old if old and old.signatures == found else self._read(name, found[0], old)
        if after == before and not conflicts_before:
            return RefreshReport()
        in_use, conflicts = _fitted(after)
        taken = tuple(name for name, f in in_use.items() if f.good and f.good != _good(before.get(name)))
        dropped = tuple(name for name, f in before.items() if name not in in_use and f.good)
        new = {
            name: mistakes
            for name, f in in_use.items()
            if (mistakes := (*f.mistakes, *conflicts.get(name, ())))
            and (after[name] is not before.get(name) or conflicts.get(name) != conflicts_before.get(name))
        }
        self._adopt(in_use, conflicts)
        _tell(self._files, taken, dropped, new)
        return RefreshReport(taken, dropped, _all(new))

    async def watch(self, clock: Clock, on_change: Callable[[Plans], None] = lambda plans: None) -> None:
        """Look each second, refresh when files have changed, tell ``on_change``; until cancelled.

        A change is taken up when it has stood still for one look: a file that is just being written would
        otherwise be read by half.
        """
        seen = {name: f.signatures for name, f in self._files.items()}
        settled = True
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            with clock.busy():
                now = await asyncio.to_thread(self._signatures)
                if now == seen and not settled and (await asyncio.to_thread(self.refresh)).changed:
                    on_change(self.current)
                settled = now == seen
                seen = now

    def _adopt(self, files: Mapping[str, _File], conflicts: Mapping[str, tuple[Mistake, ...]]) -> None:
        self._files = dict(files)
        self._conflicts = dict(conflicts)
        self._plans = Plans.of(f.good for f in files.values() if f.good)

    def _refuse_empty_folder(self) -> RefreshReport:
        if self._folder_problem is not None:
            return RefreshReport()
        self._folder_problem = _nothing_in(self._folder)
        log.error("dialplans refused, the last good ones stay", extra={"mistakes": [str(self._folder_problem)]})
        return RefreshReport(refused=(self._folder_problem,))

    def _signatures(self) -> dict[str, Signatures]:
        """Of every dialplan in the folder, with the templates that it named when it was last read."""
        try:
            paths = sorted(self._folder.iterdir())
        except OSError:
            return {}
        named = {name: [template for template, _ in f.signatures[1]] for name, f in self._files.items()}
        return {
            path.name: (
                signature(path),
                tuple((template, signature(self._folder / template)) for template in named.get(path.name, [])),
            )
            for path in paths
            if path.suffix in (".yaml", ".yml") and not path.name.startswith(".")
        }

    def _read(self, name: str, own: Signature, old: _File | None = None) -> _File:
        beside = Beside(self._folder)
        try:
            with (self._folder / name).open("rb") as file:
                raw = file.read(MAX_BYTES + 1)
        except OSError as error:
            unreadable = Mistake(name, "file", f"make it readable: {error.strerror}")
            return _File((own, ()), None, (unreadable,), _good(old))
        plan, mistakes = read_plan(raw, name, self._environ, self._check, beside, self._buys)
        return _File((own, tuple(beside.seen.items())), plan, tuple(mistakes), _good(old))


def _good(file: _File | None) -> Plan | None:
    return file.good if file else None


def _fitted(files: Mapping[str, _File]) -> tuple[dict[str, _File], dict[str, tuple[Mistake, ...]]]:
    """The files with the plans to use, and what keeps a readable one out: a name or number that another has.

    Whatever is refused keeps its last good plan, which may keep out another new one: hence the rounds.
    """
    conflicts: dict[str, tuple[Mistake, ...]] = {}
    while True:
        fixed = {n: f.good for n, f in files.items() if f.good and (n in conflicts or f.read in (None, f.good))}
        new = [(n, f.read) for n, f in files.items() if f.read and n not in conflicts and n not in fixed]
        used: dict[str, Plan] = dict(fixed)
        clashes: dict[str, tuple[Mistake, ...]] = {}
        for name, plan in sorted(new, key=lambda candidate: (files[candidate[0]].signatures[0], candidate[0])):
            if found := _clashes(name, plan, used):
                clashes[name] = found
            else:
                used[name] = plan
        conflicts |= clashes
        if not any(files[name].good for name in clashes):
            break
    return {n: _File(f.signatures, f.read, f.mistakes, used.get(n)) for n, f in files.items()}, conflicts


def _clashes(name: str, plan: Plan, used: Mapping[str, Plan]) -> tuple[Mistake, ...]:
    found = []
    for other_name, other in used.items():
        if plan.plan == other.plan:
            found.append(Mistake(name, "plan", f"choose another name; {other_name} has this one"))
        for number in sorted(set(plan.all_numbers) & set(other.all_numbers)):
            found.append(Mistake(name, "numbers", f"remove {number}; {other_name} has it"))  # noqa: PERF401
    return tuple(found)


def _tell(
    files: Mapping[str, _File],
    taken: tuple[str, ...],
    dropped: tuple[str, ...],
    refused: Mapping[str, tuple[Mistake, ...]],
) -> None:
    for name in taken:
        good = files[name].good
        log.info("dialplan taken up", extra={"file": name, "plan": good.plan if good else None})
    for name in dropped:
        log.warning("dialplan dropped: its file is gone", extra={"file": name})
    for name, mistakes in refused.items():
        stays = files[name].good is not None
        message = "dialplan refused, the last good one stays" if stays else "dialplan refused"
        log.error(message, extra={"file": name, "mistakes": [str(mistake) for mistake in mistakes]})


def _all(mistakes: Mapping[str, tuple[Mistake, ...]]) -> tuple[Mistake, ...]:
    return tuple(chain.from_iterable(mistakes.values()))


def _nothing_in(folder: Path) -> Mistake:
    if not folder.is_dir():
        return Mistake(str(folder), "folder", "there is no such folder; make it, or set CALLROUTER_DIALPLANS")
    return Mistake(str(folder), "folder", "it has no .yaml file; write a dialplan, or set CALLROUTER_DIALPLANS")


def _secrets_of(plan: Plan) -> list[str]:
    entries: Iterable[BuyerEntry] = plan.buyers.values()
    held = [secret for entry in entries for secret in entry.credentials.values()]
    if plan.unsold.callback:
        held.append(plan.unsold.callback.key)
    return [secret.get_secret_value() for secret in held]
