"""What must run on the oldest Python we promise (3.10, that of ROS 2 Humble) does not need a newer one.

Found by reading the syntax trees: this test runs on whatever Python there is.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OLDEST = (3, 10)
SOURCES = sorted(
    path for folder in ("pear_ros", "pear_core", "launch") for path in (ROOT / folder).rglob("*.py")
)
NEWER = {
    "typing": {
        "Self", "Never", "assert_never", "assert_type", "reveal_type", "LiteralString", "Required",
        "NotRequired", "Unpack", "TypeVarTuple", "dataclass_transform", "override",
        "TypeAliasType", "ReadOnly", "TypeIs", "NoDefault",
    },
    "enum": {"StrEnum", "ReprEnum", "EnumCheck", "FlagBoundary", "verify", "member", "nonmember",
             "global_enum", "show_flag_values"},
    "datetime": {"UTC"},
    "contextlib": {"chdir"},
    "itertools": {"batched"},
    "hashlib": {"file_digest"},
    "math": {"cbrt", "exp2", "sumprod", "fma"},
    "operator": {"call"},
    "asyncio": {"TaskGroup", "Runner", "timeout", "timeout_at", "Barrier"},
    "collections.abc": {"Buffer"},
    "inspect": {"getmembers_static", "markcoroutinefunction"},
    "types": {"get_original_bases"},
    "os": {"process_cpu_count"},
    "copy": {"replace"},
    "warnings": {"deprecated"},
}  # fmt: skip
MODULES = {"tomllib", "wsgiref.types"}
METHODS = {"add_note", "is_junction", "with_segments"}


def newer_things(source: str) -> list[str]:
    """Names and syntax in it that came after Python 3.10."""
    try:
        tree = ast.parse(source, feature_version=OLDEST)
    except SyntaxError as error:
        return [f"line {error.lineno}: {error.msg}"]
    found = []
    for node in ast.walk(tree):
        at = f"line {getattr(node, 'lineno', 0)}: "
        if isinstance(node, ast.Import):
            found += [at + alias.name for alias in node.names if alias.name in MODULES]
        elif isinstance(node, ast.ImportFrom):
            names = {alias.name for alias in node.names} & NEWER.get(node.module or "", set())
            found += [f"{at}{node.module}.{name}" for name in sorted(names)]
            found += [at + node.module] if node.module in MODULES else []
        elif isinstance(node, ast.Attribute):
            owner = getattr(node.value, "id", "")
            if node.attr in NEWER.get(owner, set()) or node.attr in METHODS:
                found.append(f"{at}{owner}.{node.attr}")
    return found


@pytest.mark.parametrize(
    "source",
    [
        "from enum import StrEnum", "import tomllib", "import datetime\ndatetime.UTC",
        "try:\n    pass\nexcept* ValueError:\n    pass", "error.add_note('x')",
        "def f[T](x: T) -> T: ...", "type X = int", "from typing import Self",
    ],
)  # fmt: skip
def test_newer_things_are_found(source: str) -> None:
    assert newer_things(source)


def test_nothing_newer_than_the_oldest_python_is_used() -> None:
    found = {
        str(path.relative_to(ROOT)): things
        for path in SOURCES
        if (things := newer_things(path.read_text()))
    }
    assert len(SOURCES) > 100 and not found


def test_the_promise_is_the_one_of_the_package() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    (promised,) = re.findall(r'requires-python = ">=(\d+)\.(\d+)"', project)
    assert tuple(map(int, promised)) == OLDEST
