"""What must survive a power cut: a file's name is safe only once its folder is written too."""

import contextlib
import os


def sync_folder(path: str) -> None:
    """Make the folder's entry of `path` durable, where the system can do that."""
    with contextlib.suppress(OSError, AttributeError):
        handle = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
