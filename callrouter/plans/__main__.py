"""``python -m callrouter.plans schema`` prints the JSON schema that editors use."""

import json
import sys
from collections.abc import Callable

from callrouter.plans.schema import json_schema


def main(arguments: list[str], write: Callable[[str], object] = sys.stdout.write) -> int:
    """``schema`` prints the JSON schema. Returns the exit status."""
    if arguments != ["schema"]:
        write("usage: python -m callrouter.plans schema\n")
        return 2
    write(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
