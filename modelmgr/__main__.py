"""Where the program starts, as ``modelmgr`` and ``python -m modelmgr``: signals are heard before anything is loaded."""

import gc
import os
import signal
import sys
from types import FrameType

_CANCELLED = 130  # as `modelmgr.cli.call` has it, which is still to be loaded


def main() -> int:
    """Run the command line and return its exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    from modelmgr.cli import main as run

    code = run()
    if "PySide6" not in sys.modules:  # its objects may go by a collection alone
        gc.freeze()  # Python would look at every object on its way out: 25 ms after a scan
    return code


def _leave(_number: int, _frame: FrameType | None) -> None:
    """End at once, for nothing was begun."""
    message = "Cancelled; nothing was begun."
    try:
        if "--json" in sys.argv:
            os.write(
                1, b'{"error": {"code": "cancelled", "message": "%s", "details": {}}}\n' % message.encode()
            )
        else:
            os.write(2, f"modelmgr: {message}\n".encode())
    finally:
        os._exit(_CANCELLED)


if __name__ == "__main__":
    raise SystemExit(main())
