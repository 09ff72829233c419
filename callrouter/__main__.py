"""``python -m callrouter`` is the installed ``callrouter`` command."""

from callrouter.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
