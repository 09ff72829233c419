"""What could not be written to the engine while it was out, on disk until it is back."""

import asyncio
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from callrouter.beliefs.lessons import read, written
from callrouter.calls.charges import Booked
from callrouter.calls.learned import Unheard
from callrouter.calls.setting import CallbackWanted, SaleWanted
from callrouter.calls.store import CallStore, Commit
from callrouter.domain.call import Call
from callrouter.errors import EngineUnavailable

log = logging.getLogger("callrouter.calls")


class Spool:
    """A folder of transitions, one file each, written whole and flushed before the caller is answered."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self._lock = asyncio.Lock()
        self._sids = {commit.call.sid for _, commit, _ in self._commits()}

    def holds(self, sid: str) -> bool:
        """Whether something of this call waits here."""
        return sid in self._sids

    def keep(self, commit: Commit, version: int, now: float) -> None:
        """Store one transition on disk. Raises `OSError` when the disk refuses."""
        self._folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._count += 1
        name = f"{int(now * 1000):015d}-{os.getpid()}-{self._count:06d}.json"
        body = {
            "version": version,
            "call": commit.call.model_dump(mode="json"),
            "event_id": commit.event_id,
            "look_at": commit.look_at,
            "record": commit.record,
            "callback": asdict(commit.callback) if commit.callback else None,
            "sale": asdict(commit.sale) if commit.sale else None,
            "withdraws_callback": commit.withdraws_callback,
            "charges": commit.charges,
            "booked": asdict(commit.booked) if commit.booked else None,
            "lessons": [written(lesson) for lesson in commit.lessons],
            "unheard": [[cut.field, written(cut.lesson)] for cut in commit.unheard],
        }
        half = self._folder / f"{name}.half"
        with half.open("w") as file:
            json.dump(body, file)
            file.flush()
            os.fsync(file.fileno())
        half.rename(self._folder / name)
        self._sids.add(commit.call.sid)

    def waiting(self) -> list[Path]:
        """What is kept, oldest first."""
        return sorted(self._folder.glob("*.json")) if self._folder.is_dir() else []

    async def replay(self, store: CallStore) -> int:
        """Write everything kept to the engine, in order; how many. Stops when the engine is out again."""
        async with self._lock:
            return await self._replay(store)

    async def _replay(self, store: CallStore) -> int:
        done = 0
        for path, commit, version in self._commits():
            try:
                result = await store.commit(commit, version)
                if result.kind == "conflict":
                    # Others went on meanwhile and know more: what is left to settle, the carrier knows.
                    await store.look_now(commit.call.sid)
            except EngineUnavailable:
                return done
            path.unlink(missing_ok=True)
            done += 1
            log.warning("spooled transition replayed", extra={"call_id": commit.call.sid, "result": result.kind})
        if not self.waiting():  # one may have been kept meanwhile
            self._sids.clear()
        return done

    def _commits(self) -> Iterator[tuple[Path, Commit, int]]:
        for path in self.waiting():
            try:
                commit, version = _read(path)
            except FileNotFoundError:
                continue  # another instance on this folder has replayed it
            except (ValueError, KeyError, TypeError):
                log.exception("spooled transition put aside: it cannot be read", extra={"file": path.name})
                path.rename(path.with_suffix(".unreadable"))
                continue
            yield path, commit, version


def _read(path: Path) -> tuple[Commit, int]:
    body = json.loads(path.read_text())
    callback = _callback(body["callback"])
    sale = body.get("sale")
    commit = Commit(
        call=Call.model_validate(body["call"]),
        event_id=body["event_id"],
        look_at=body["look_at"],
        record=body["record"],
        callback=callback,
        sale=SaleWanted(**{**sale, "callback": _callback(sale["callback"])}) if sale else None,
        withdraws_callback=body["withdraws_callback"],
        charges=tuple(body.get("charges", ())),
        booked=Booked(**body["booked"]) if body.get("booked") else None,
        lessons=tuple(lesson for told in body.get("lessons", ()) if (lesson := read(told)) is not None),
        unheard=tuple(
            Unheard(field, lesson) for field, told in body.get("unheard", ()) if (lesson := read(told)) is not None
        ),
    )
    return commit, int(body["version"])


def _callback(body: dict[str, Any] | None) -> CallbackWanted | None:
    return CallbackWanted(**body) if body else None
