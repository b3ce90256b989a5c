"""Which tests run: the quick subset by default, all with ``--everything``; and what each test costs.

``pytest --everything --times tests/times.txt`` measures all tests and writes the table `tests/times.txt`. A test that
took more than `COSTLY` there is slow, as if it were marked so, unless it is the cheapest of its file: the quick subset
has something of every file. A test that is not in the table yet is quick.
"""

import os
from collections import Counter, defaultdict
from pathlib import Path

import pytest

TIMES = Path(__file__).parent / "tests" / "times.txt"
COSTLY = 0.2  # seconds of processor time from which on a test is slow
LONG = 5.0  # and from which on it runs before the others: two processes are both busy to the end
LISTED = 0.1  # and from which on the table names it
COST = "processor seconds"


def pytest_addoption(parser):
    group = parser.getgroup("pronghorn")
    group.addoption("--everything", action="store_true", help="run the slow tests too, not the quick subset alone")
    group.addoption("--times", metavar="FILE", help="write a table of the processor time of the tests that run")


def leaves_slow_out(config):
    """Whether this run is the quick subset: ``--everything``, marks (``-m``) or the name of a test say otherwise."""
    named = any("::" in argument for argument in config.args)
    return not (named or config.getoption("everything") or config.getoption("markexpr"))


def costs():
    """By test, its seconds in the table."""
    lines = TIMES.read_text(encoding="utf-8").splitlines() if TIMES.exists() else []
    pairs = (line.strip().partition(" s  ") for line in lines)
    return {test: float(seconds) for seconds, _, test in pairs if "::" in test}


def mark_costly(items, seconds):
    """Mark what the table calls costly, but for the cheapest test of a file that has no quick one besides."""
    files = defaultdict(list)
    for item in items:
        if not item.get_closest_marker("slow"):
            files[file_of(item.nodeid)].append(item)
    for tests in files.values():
        costly = [item for item in tests if seconds.get(item.nodeid, 0) > COSTLY]
        if len(costly) == len(tests):
            costly.sort(key=lambda item: seconds[item.nodeid])
            costly = costly[1:]
        for item in costly:
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(tryfirst=True)  # after tests/conftest.py, known later, has marked tests; before `-m` chooses
def pytest_collection_modifyitems(config, items):
    seconds = costs()
    mark_costly(items, seconds)
    if leaves_slow_out(config):
        slow = [item for item in items if item.get_closest_marker("slow")]
        if slow:
            config.hook.pytest_deselected(items=slow)
            items[:] = [item for item in items if not item.get_closest_marker("slow")]
    items.sort(key=lambda item: -max(seconds.get(item.nodeid, 0), LONG))  # the others stay in their order


def file_of(test):
    return test.partition("::")[0]


def processor_time():
    """Seconds of processor time that this process and its children that have ended took."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    item.user_properties.append((COST, processor_time()))  # when it begins, until its last report
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "teardown":
        report.user_properties = [(COST, processor_time() - dict(item.user_properties)[COST])]
    return report


def pytest_terminal_summary(terminalreporter, config):
    if leaves_slow_out(config):
        terminalreporter.write_line("This was the quick subset. `pytest --everything` runs all tests.")
    if file := config.getoption("times"):
        Path(file).write_text(table(terminalreporter.stats), encoding="utf-8")


def table(stats):
    """The files of tests, then the tests that took long, the costliest first."""
    reports = [r for group in stats.values() for r in group if getattr(r, "when", None) == "teardown"]
    tests = {report.nodeid: dict(report.user_properties)[COST] for report in reports}
    files, counts = defaultdict(float), Counter(map(file_of, tests))
    for test, seconds in tests.items():
        files[file_of(test)] += seconds
    lines = [
        f"{len(tests)} tests, {sum(files.values()):.0f} s of processor time; then by file, then those over {LISTED} s"
    ]
    lines += [f"{files[file]:8.1f} s  {file} ({counts[file]})" for file in sorted(files, key=files.get, reverse=True)]
    long = sorted((test for test in tests if tests[test] > LISTED), key=tests.get, reverse=True)
    lines += [f"{tests[test]:8.1f} s  {test}" for test in long]
    return "\n".join(lines) + "\n"
