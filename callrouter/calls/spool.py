"""What could not be written to the engine while it was out, on disk until it is back."""

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from callrouter.calls.setting import CallbackWanted
from callrouter.calls.store import CallStore, Commit
from callrouter.domain.call import Call
from callrouter.errors import EngineUnavailable

log = logging.getLogger("callrouter.calls")


class Spool:
    """A folder of transitions, one file each, written whole and flushed before the caller is answered."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def keep(self, commit: Commit, now: float) -> None:
        """Store one transition on disk. Raises `OSError` when the disk refuses."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._count += 1
        name = f"{int(now * 1000):015d}-{os.getpid()}-{self._count:06d}.json"
        body = {
            "call": commit.call.model_dump(mode="json"),
            "event_id": commit.event_id,
            "look_at": commit.look_at,
            "record": commit.record,
            "callback": asdict(commit.callback) if commit.callback else None,
            "withdraws_callback": commit.withdraws_callback,
        }
        half = self._folder / f"{name}.half"
        with half.open("w") as file:
            json.dump(body, file)
            file.flush()
            os.fsync(file.fileno())
        half.rename(self._folder / name)

    def waiting(self) -> list[Path]:
        """What is kept, oldest first."""
        return sorted(self._folder.glob("*.json")) if self._folder.is_dir() else []

    async def replay(self, store: CallStore) -> int:
        """Write everything kept to the engine, in order; how many. Stops when the engine is out again."""
        done = 0
        for path, commit in self._commits():
            try:
                result = await store.commit(commit, None)
            except EngineUnavailable:
                return done
            path.unlink(missing_ok=True)
            done += 1
            log.warning("spooled transition replayed", extra={"call_id": commit.call.sid, "result": result.kind})
        return done

    def _commits(self) -> Iterator[tuple[Path, Commit]]:
        for path in self.waiting():
            body = json.loads(path.read_text())
            callback = CallbackWanted(**body["callback"]) if body["callback"] else None
            yield (
                path,
                Commit(
                    call=Call.model_validate(body["call"]),
                    event_id=body["event_id"],
                    look_at=body["look_at"],
                    record=body["record"],
                    callback=callback,
                    withdraws_callback=body["withdraws_callback"],
                ),
            )
