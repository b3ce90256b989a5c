"""Machines by name."""

import pytest

from pronghorn.engine.runtime import host, machines


def test_all_names_are_machines():
    for name in machines.MACHINES:
        found = machines.machine(name)
        assert found.name == name and found.triple.startswith(found.target.arch)
        assert machines.code_generator(found).triple.startswith(found.target.arch)


def test_a_machine_of_several_levels():
    levels = machines.machine("x86-64").levels
    assert [(level, each.name) for level, each in levels.items()] == [
        (1, "x86-64-v1"),
        (3, "x86-64-v3"),
        (4, "x86-64-v4"),
    ]
    assert not any(each.levels for each in levels.values())


def test_this_machine():
    found = machines.machine("native")
    assert found.target.arch == host.native_target().arch and found.target.pairs != "amx"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("x86_64_v3", "x86-64-v3"),
        ("arm64", "aarch64"),
        ("risc-v64", "riscv64"),
        ("Cortex-M4F", "thumbv7em"),
        ("cortex-m55", "thumbv8.1m.main"),
        ("X86-64", "x86-64"),
    ],
)
def test_an_unknown_name_says_the_nearest(name, nearest):
    with pytest.raises(ValueError, match=f"Did you mean '{nearest}'"):
        machines.machine(name)


def test_a_name_like_no_other():
    with pytest.raises(ValueError, match="'z80' is not known. Targets: 'native', 'x86-64'"):
        machines.machine("z80")
