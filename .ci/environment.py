"""Makes .venv in the checkout and installs modelmgr into it, once; later calls find it done.

Written so that a Python of any age can read it and say what it lacks.
"""

import hashlib
import os
import subprocess
import sys

OLDEST, NEWEST = (3, 11), (3, 13)
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(FOLDER, "Scripts" if os.name == "nt" else "bin", "python")
STAMP = os.path.join(FOLDER, "modelmgr-installed.txt")


def ready(extra=""):
    """Return the path of a Python in which modelmgr is installed, with the packages of `extra`."""
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        _go_on_with_another_python()
    wanted = _state()
    installed = _read(STAMP).split("\n")
    if _exists(PYTHON) and installed[0] == wanted and extra in [""] + installed[1:]:
        return PYTHON
    kept = installed[1:] if installed[0] == wanted and _exists(PYTHON) else []
    if not kept:
        _make_environment()
    print("Installing modelmgr into .venv; the first time takes a minute or two.")
    sys.stdout.flush()
    what = ROOT + ("[" + extra + "]" if extra else "")
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--editable", what]
    if subprocess.call(pip):
        sys.exit("The packages could not be installed; pip says above why.")
    # Without compiled files the window would open a third slower each time where Python may not write them itself.
    subprocess.call([PYTHON, "-m", "compileall", "-q", os.path.join(ROOT, "modelmgr")])
    with open(STAMP, "w") as stamp:
        stamp.write("\n".join([wanted] + sorted(set([extra] + kept))))
    return PYTHON


def run(command):
    """End this program by running another in its place, and hand on its exit code."""
    if os.name == "posix":
        sys.stdout.flush()
        os.execv(command[0], command)
    sys.exit(subprocess.call(command))


def _state():
    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as project:
        facts = project.read() + (ROOT + sys.version).encode("utf-8", "backslashreplace")
    return hashlib.sha256(facts).hexdigest()


def _exists(python):
    return os.path.exists(python) or os.path.exists(python + ".exe")


def _read(path):
    if not os.path.exists(path):
        return ""
    with open(path) as file:
        return file.read()


def _make_environment():
    try:
        import ensurepip
        import venv
    except ImportError:
        sys.exit(
            "Python's own venv module is missing. On Debian or Ubuntu it comes with: "
            "apt install python3-venv (or python%d.%d-venv)" % sys.version_info[:2]
        )
    del ensurepip, venv
    # A folder that this script has not made is somebody's own: keep what is installed in it.
    again = ["--clear"] if os.path.exists(STAMP) else []
    if subprocess.call([sys.executable, "-m", "venv"] + again + [FOLDER]):
        sys.exit("The environment .venv could not be made; Python says above why.")


def _go_on_with_another_python():
    names = [["python3.%d" % minor] for minor in (13, 12, 11)]
    if os.name == "nt":
        names = [["py", "-3.%d" % minor] for minor in (13, 12, 11)]
    for name in names:
        try:
            with open(os.devnull, "w") as nowhere:
                works = not subprocess.call(
                    name + ["-c", "import ensurepip, venv"], stdout=nowhere, stderr=nowhere
                )
        except OSError:
            works = False
        if works:
            sys.exit(subprocess.call(name + sys.argv))
    sys.exit(
        "modelmgr needs Python 3.11, 3.12 or 3.13; this is Python %d.%d, and no other was found."
        % sys.version_info[:2]
    )


if __name__ == "__main__":
    print(ready(*sys.argv[1:]))
