"""Which tests run: the quick subset by default, all with ``--everything``; and what each file of tests costs."""

import os
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parent
COST = "processor seconds"


def pytest_addoption(parser):
    group = parser.getgroup("pronghorn")
    group.addoption("--everything", action="store_true", help="run the slow tests too (by default the quick subset runs)")
    group.addoption("--times", metavar="FILE", help="write a table of the processor time of each file of tests")


def leaves_slow_out(config):
    """Whether this run is the quick subset: ``--everything``, marks (``-m``) or the name of a test say otherwise."""
    named = any("::" in argument for argument in config.args)
    return not (named or config.getoption("everything") or config.getoption("markexpr"))


@pytest.hookimpl(trylast=True)  # once `mostly_slow` has marked its cases
def pytest_collection_modifyitems(config, items):
    if leaves_slow_out(config):
        slow = [item for item in items if item.get_closest_marker("slow")]
        if slow:
            config.hook.pytest_deselected(items=slow)
            items[:] = [item for item in items if not item.get_closest_marker("slow")]


def processor_time():
    """Seconds of processor time that this process and its children that have ended took."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    item.user_properties.append((COST, processor_time()))  # of the begin, until the last phase's report
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "teardown":
        properties = dict(item.user_properties)
        report.user_properties = [(COST, processor_time() - properties[COST])]
    return report


def pytest_terminal_summary(terminalreporter, config):
    if leaves_slow_out(config):
        terminalreporter.write_line("This was the quick subset. `pytest --everything` runs all tests.")
    if file := config.getoption("times"):
        Path(file).write_text(table(terminalreporter.stats), encoding="utf-8")


def table(stats):
    """The files of tests, the costliest first, with their tests and processor seconds."""
    seconds, tests = defaultdict(float), defaultdict(int)
    for report in (report for reports in stats.values() for report in reports):
        if getattr(report, "when", None) == "teardown":
            file = report.nodeid.partition("::")[0]
            tests[file] += 1
            seconds[file] += dict(report.user_properties)[COST]
    lines = [f"{sum(tests.values()):>6} tests, {sum(seconds.values()):.0f} s of processor time", ""]
    lines += [f"{seconds[file]:8.1f} s {tests[file]:6}  {file}" for file in sorted(seconds, key=seconds.get, reverse=True)]
    return "\n".join(lines) + "\n"
