"""``python -m modelmgr`` is the command line."""

from modelmgr.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
