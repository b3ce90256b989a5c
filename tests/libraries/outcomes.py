"""A pytest plugin: the outcome of each test, as it ends, in a file of lines, so that a run that is ended is not lost.

python -m pytest -p outcomes ...     with OUTCOMES=file and this folder in PYTHONPATH
"""

import json
import os

_worst: dict[str, str] = {}


def _write(nodeid, outcome, words=""):
    with open(os.environ["OUTCOMES"], "a", encoding="utf-8") as file:
        file.write(json.dumps([nodeid, outcome, words[:4000]]) + "\n")


def pytest_runtest_logreport(report):
    if report.outcome == "failed" or (report.outcome == "skipped" and report.when != "teardown"):
        _worst.setdefault(report.nodeid, report.outcome)
        _write(report.nodeid, report.outcome, str(report.longrepr)[-4000:])
    elif report.when == "teardown" and report.nodeid not in _worst:
        _write(report.nodeid, "passed")


def pytest_collectreport(report):
    if report.failed:
        _write(report.nodeid, "not collected", str(report.longrepr)[-4000:])
