"""Makes the shipped tables from the ``zipcodes`` package: ``python -m callrouter.places.build``.

The package takes 300 ms and 40 MB to load, the tables 40 ms and 3 MB. It is needed here and in a test only.
"""

import gzip
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
ZIPS = "zips.csv.gz"
AREA_CODES = "area_codes.csv"

MENDED_ZONES = {"99634": "America/Anchorage"}
"""Napakiak, Alaska: the package gives the town's name for its zone."""

Row = Mapping[str, Any]


def source_rows() -> list[Row]:
    """Every row of the package."""
    import zipcodes

    rows: list[Row] = zipcodes.list_all()  # type: ignore[no-untyped-call]
    return rows


def zone_of(row: Row) -> str:
    """The row's IANA zone; empty for military zips, whose holders may be anywhere."""
    return MENDED_ZONES.get(row["zip_code"]) or str(row["timezone"])


def zips_text(rows: Iterable[Row]) -> str:
    """``zip,state,zone`` lines, sorted."""
    return "".join(sorted(f"{row['zip_code']},{row['state']},{zone_of(row)}\n" for row in rows))


def area_codes_text(rows: Iterable[Row]) -> str:
    """``area code,zone zone …`` lines, sorted: the zones of all zips that the area code serves."""
    zones: dict[str, set[str]] = {}
    for row in rows:
        if zone := zone_of(row):
            for code in row["area_codes"]:
                zones.setdefault(code, set()).add(zone)
    return "".join(f"{code},{' '.join(sorted(found))}\n" for code, found in sorted(zones.items()))


def packed(text: str) -> bytes:
    """Gzip without a time or a name, so that equal text gives equal bytes."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as file:
        file.write(text.encode("ascii"))
    return buffer.getvalue()


def main() -> None:
    """Write both tables beside this file."""
    rows = source_rows()
    (FOLDER / ZIPS).write_bytes(packed(zips_text(rows)))
    (FOLDER / AREA_CODES).write_text(area_codes_text(rows), encoding="ascii")


if __name__ == "__main__":
    main()
