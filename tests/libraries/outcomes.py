"""A pytest plugin: the outcome of each test, as it ends, in a file of lines, so that a run that is ended is not lost.

Tests whose outcomes are in the file are not run again, and where PASSED is a file too, only those that passed in it.

python -m pytest -p outcomes ...     with OUTCOMES=file and this folder in PYTHONPATH

LISTED is a file for the names of all tests that are found; SAMPLE is `begin:every`, to take only every so many of them.
"""

import json
import os

_worst: dict[str, str] = {}


def _write(nodeid, outcome, words=""):
    with open(os.environ["OUTCOMES"], "a", encoding="utf-8") as file:
        file.write(json.dumps([nodeid, outcome, words[:4000]]) + "\n")


def _known(variable):
    file = os.environ.get(variable)
    if not file:
        return {}
    with open(file, encoding="utf-8") as lines:
        return {name: outcome for name, outcome, _ in map(json.loads, lines)}


def pytest_collection_modifyitems(config, items):
    if listed := os.environ.get("LISTED"):
        with open(listed, "w", encoding="utf-8") as file:
            file.writelines(f"{item.nodeid}\n" for item in items)
    begin, _, every = os.environ.get("SAMPLE", "0:1").partition(":")
    sample = {item.nodeid for item in items[int(begin) :: int(every)]}
    done, others = _known("OUTCOMES"), _known("PASSED")
    wanted = [item for item in items if item.nodeid in sample and item.nodeid not in done]
    wanted = [item for item in wanted if not others or others.get(item.nodeid) == "passed"]
    if len(wanted) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if item not in wanted])
        items[:] = wanted


def pytest_runtest_logreport(report):
    if report.outcome == "failed" or (report.outcome == "skipped" and report.when != "teardown"):
        _worst.setdefault(report.nodeid, report.outcome)
        _write(report.nodeid, report.outcome, str(report.longrepr)[-4000:])
    elif report.when == "teardown" and report.nodeid not in _worst:
        _write(report.nodeid, "passed")


def pytest_collectreport(report):
    if report.failed:
        _write(report.nodeid, "not collected", str(report.longrepr)[-4000:])
