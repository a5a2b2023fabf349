"""Installs modelmgr and its test tools into .venv if need be, and runs the tests: python .ci/test.py [for pytest]."""

import os
import sys

import environment

python = environment.ready("test")
os.chdir(environment.ROOT)
environment.run([python, "-m", "pytest"] + sys.argv[1:])
