"""Installs modelmgr and its test tools into .venv if need be, and runs the tests: python .ci/test.py [for pytest]."""

import os
import sys

import environment

python = environment.ready("test")
os.chdir(environment.ROOT)
# Two processes and more share the files; whoever names what to run gets it in one, unless -n is said too.
shared = [] if sys.argv[1:] else ["-n", "logical", "--maxprocesses", "8"]
environment.run([python, "-m", "pytest"] + shared + sys.argv[1:])
