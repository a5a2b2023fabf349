"""Installs modelmgr into .venv if it isn't there yet, and opens it: python .ci/start.py [demo | any command]."""

import sys

import environment

environment.run([environment.ready(), "-m", "modelmgr"] + sys.argv[1:])
