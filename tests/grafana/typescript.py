"""Grafana's own types, and the TypeScript compiler that holds our dashboards against them."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.grafana.promql import panels_of
from tests.support.npm import install
from tests.support.prometheus import program

PACKAGES = ("@grafana/schema@13.2.3", "typescript@7.0.2")
_RAW = "./node_modules/@grafana/schema/dist/types/raw"
_KINDS = {"timeseries": True, "stat": False, "heatmap": True, "state-timeline": True}
"""The kinds of panel that we have, and whether Grafana describes the ``custom`` part of their fields."""

_PLAIN = """
// A string of an enumeration stands in JSON as itself: the schema's enums are taken for their values.
type Plain<T> = unknown extends T ? T
  : T extends string ? `${T}`
  : T extends number | boolean | null | undefined ? T
  : T extends (infer U)[] ? Plain<U>[]
  : { [K in keyof T]: Plain<T[K]> };
"""


def installed(folder: Path) -> Path:
    """``folder`` with the packages in it."""
    install(folder, *PACKAGES)
    return folder


def source(dashboard: Mapping[str, Any]) -> str:
    """A program that has the dashboard, and each panel's options and fields, as constants of Grafana's types."""
    lines = [f"import type {{ Dashboard }} from '{_RAW}/dashboard/x/types.gen';"]
    for kind in _KINDS:
        folder = kind.replace("-", "")
        lines.append(f"import type * as {folder} from '{_RAW}/composable/{folder}/panelcfg/x/types.gen';")
    lines += [_PLAIN, f"export const dashboard: Plain<Dashboard> = {json.dumps(dashboard)};"]
    for panel in panels_of(dashboard):
        kind, no = str(panel["type"]), panel["id"]
        folder = kind.replace("-", "")
        lines.append(f"export const options{no}: Plain<{folder}.Options> = {json.dumps(panel['options'])};")
        if _KINDS[kind]:
            custom = panel["fieldConfig"]["defaults"]["custom"]
            lines.append(f"export const field{no}: Plain<{folder}.FieldConfig> = {json.dumps(custom)};")
    return "\n".join(lines) + "\n"


def complaints(folder: Path, files: Mapping[str, str]) -> list[str]:
    """What the compiler has against these programs, in strict mode."""
    for name, text in files.items():
        (folder / f"{name}.ts").write_text(text, "utf-8")
    options = ["--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--moduleResolution", "bundler"]
    command = [program("node"), "node_modules/typescript/bin/tsc", *options, "--module", "esnext"]
    command += [f"{name}.ts" for name in files]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=100)
    return [line for line in done.stdout.splitlines() if "error TS" in line]
