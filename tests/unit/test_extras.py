"""Messages about a missing extra name a command that works where they are read."""

import ast
import json
import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from pronghorn import _extras, _packages
from pronghorn._extras import install_command

CHECKOUT = Path(__file__).parents[2]
EXTRAS = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """The package imported from a folder without a checkout, and what its installer left of where it came from."""

    def install(told):
        class Found:
            def read_text(self, name):
                assert name == "direct_url.json"
                return told if told is None or isinstance(told, str) else json.dumps(told)

        monkeypatch.setattr(metadata, "distribution", lambda name: Found())

    monkeypatch.setattr(_extras, "_BESIDE", tmp_path / "site-packages")
    monkeypatch.setattr(_extras.sys, "platform", "linux")
    return install


@pytest.mark.parametrize(
    "told",
    [
        None,
        "",
        "no JSON",
        "[]",
        {},
        {"url": None},
        {"url": "https://example.org/pronghorn.git", "vcs_info": {"vcs": "git"}},
        {"url": "file:///no/such/folder", "dir_info": {}},
    ],
)
def test_what_came_from_an_index_is_installed_by_name(installed, told):
    installed(told)
    assert install_command("studio") == "pip install 'pronghorn[studio]'"
    assert install_command("jax", "--force-reinstall") == "pip install --force-reinstall 'pronghorn[jax]'"


def test_no_installation_at_all(installed, monkeypatch):
    def none(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", none)
    assert install_command("plot") == "pip install 'pronghorn[plot]'"


def test_what_came_from_a_folder_is_installed_from_it(installed, monkeypatch, tmp_path):
    folder = tmp_path / "it's a folder"
    folder.mkdir()
    installed({"url": folder.as_uri(), "dir_info": {}})
    assert install_command("plot") == f"""pip install '{tmp_path}/it'"'"'s a folder[plot]'"""
    monkeypatch.chdir(folder)
    assert install_command("plot") == "pip install '.[plot]'"
    installed({"url": folder.as_uri(), "dir_info": {"editable": True}})
    assert install_command("plot") == "pip install -e '.[plot]'"
    monkeypatch.setattr(_extras.sys, "platform", "win32")
    assert install_command("plot") == 'pip install -e ".[plot]"'


def test_what_came_from_a_wheel_is_installed_from_it(installed, tmp_path):
    wheel = tmp_path / "pronghorn-1.0-py3-none-any.whl"
    wheel.touch()
    installed({"url": wheel.as_uri(), "archive_info": {}})
    assert install_command("plot") == f"pip install '{wheel}[plot]'"


def test_the_checkout_that_is_imported_counts(installed, monkeypatch, tmp_path):
    monkeypatch.setattr(_extras, "_BESIDE", CHECKOUT / "src")
    installed({"url": tmp_path.as_uri(), "dir_info": {"editable": True}})  # of another one
    monkeypatch.chdir(tmp_path)
    assert install_command("plot") == f"pip install '{CHECKOUT}[plot]'"
    installed({"url": CHECKOUT.as_uri(), "dir_info": {"editable": True}})
    assert install_command("plot") == f"pip install -e '{CHECKOUT}[plot]'"


def test_no_message_spells_the_command_itself():
    spelled, files = [], [file for folder in _packages.FOLDERS for file in sorted(Path(folder).rglob("*.py"))]
    assert len(files) > 100
    for file in files:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and re.search(r"\bpronghorn\[", str(node.value)):
                spelled.append(f"{file.name}:{node.lineno}")
    assert not spelled, "install_command in _extras.py names the command"


def test_every_extra_that_is_named_is_there():
    named = set()
    for folder in _packages.FOLDERS:
        for file in Path(folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "install_command":
                    named.update(arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant))
    assert {"studio", "text", "plot"} <= named <= set(EXTRAS)


def test_pages_install_from_the_checkout():
    """The package is in no index; so pages name its folder, as the page on installing does."""
    pages = [*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").rglob("*.md"), *(CHECKOUT / "examples").rglob("*.md")]
    assert len(pages) > 20
    named = {page.name for page in pages if "install 'pronghorn[" in page.read_text("utf-8")}
    assert not named
