"""Launch files declare what they document and read; without ROS, by looking at their syntax."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "launch").glob("*.launch.py"))
NAMES = [path.name for path in FILES]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *FILES]
COMMAND = re.compile(r"ros2 launch pear (\S+\.launch\.py)((?:\\\n|[^\n])*)")


def tree(name: str) -> ast.Module:
    return ast.parse((ROOT / "launch" / name).read_text())


def calls(name: str, function: str) -> list[ast.Call]:
    found = (node for node in ast.walk(tree(name)) if isinstance(node, ast.Call))
    return [call for call in found if getattr(call.func, "id", None) == function]


def constant(name: str, wanted: str) -> tuple[object, ...]:
    for node in tree(name).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == wanted:
            value: tuple[object, ...] = ast.literal_eval(node.value)
            return value
    return ()


def declared(name: str) -> set[str]:
    rows = {row[0] for row in constant(name, "ARGUMENTS")}  # type: ignore[index]
    direct = (call.args[0] for call in calls(name, "DeclareLaunchArgument"))
    return rows | {arg.value for arg in direct if isinstance(arg, ast.Constant)}


def test_there_are_the_files_that_the_issue_asks_for() -> None:
    assert {"pear", "cameras", "replay", "demo"} <= {n.removesuffix(".launch.py") for n in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_every_argument_is_declared_once_with_a_default_and_a_reason(name: str) -> None:
    rows = constant(name, "ARGUMENTS")
    assert declared(name)
    assert len({row[0] for row in rows}) == len(rows)  # type: ignore[index]
    for row in rows:
        assert len(row) == 3 and all(isinstance(text, str) for text in row)  # type: ignore[arg-type]
        assert row[2]  # type: ignore[index]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_read_is_declared(name: str) -> None:
    looked_up = {
        node.slice.value
        for node in ast.walk(tree(name))
        if isinstance(node, ast.Subscript)
        and getattr(node.value, "id", None) == "said"
        and isinstance(node.slice, ast.Constant)
    }
    configured = {
        call.args[0].value
        for call in calls(name, "LaunchConfiguration")
        if isinstance(call.args[0], ast.Constant)
    }
    passed = {text for text in constant(name, "PASSED") if isinstance(text, str)}
    assert looked_up | configured | passed <= declared(name)


@pytest.mark.parametrize("name", ["replay.launch.py", "demo.launch.py"])
def test_what_is_passed_on_is_declared_where_it_goes(name: str) -> None:
    (include,) = calls(name, "IncludeLaunchDescription")
    assert "pear.launch.py" in ast.unparse(include)
    keywords = {word.arg: word.value for word in include.keywords}
    given = next(n for n in ast.walk(keywords["launch_arguments"]) if isinstance(n, ast.Dict))
    keys = {key.value for key in given.keys if isinstance(key, ast.Constant)}
    keys |= set(constant(name, "PASSED"))  # type: ignore[arg-type]
    assert keys and keys <= declared("pear.launch.py")


def test_every_documented_command_names_arguments_that_exist() -> None:
    seen: set[str] = set()
    for document in DOCUMENTS:
        for name, rest in COMMAND.findall(document.read_text()):
            assert name in NAMES, f"{document.name}: {name}"
            words = set(re.findall(r"(?:^|\s)([a-z_]+):=", rest))
            assert words <= declared(name), f"{document.name}: {words - declared(name)}"
            seen.add(name)
    assert seen == set(NAMES)
