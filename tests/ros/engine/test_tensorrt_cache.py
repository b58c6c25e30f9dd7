"""The cache of TensorRT plans: keys, damage, owners, and one builder at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pear_ros.engine import tensorrt_cache as cache
from pear_ros.problems import PearError

FACTS = cache.plan_facts("10.13.3.9", "Orin, compute 8.7", "ab" * 32, (1, 2, 4, 8), (2048, 2048))


def test_key_is_stable_and_known() -> None:
    """SHA-256 of the canonical JSON, computed with coreutils: a change of it drops every plan."""
    text = (
        '{"buckets":[1,2,4,8],"device":"Orin, compute 8.7","format":"pear-tensorrt-1",'
        f'"graph_sha256":"{"ab" * 32}","largest_image":[2048,2048],"tensorrt":"10.13.3.9"}}'
    )
    done = subprocess.run(["sha256sum"], input=text.encode(), capture_output=True, check=True)
    assert cache.key(FACTS) == done.stdout.decode()[:16]


@pytest.mark.parametrize(
    "other",
    [
        ("11.4.0.106", "Orin, compute 8.7", "ab" * 32, (1, 2, 4, 8), (2048, 2048)),
        ("10.13.3.9", "Orin, compute 8.6", "ab" * 32, (1, 2, 4, 8), (2048, 2048)),
        ("10.13.3.9", "Orin, compute 8.7", "ac" * 32, (1, 2, 4, 8), (2048, 2048)),
        ("10.13.3.9", "Orin, compute 8.7", "ab" * 32, (1, 2, 4), (2048, 2048)),
        ("10.13.3.9", "Orin, compute 8.7", "ab" * 32, (1, 2, 4, 8), (2048, 1024)),
    ],
)
def test_every_fact_counts(
    tmp_path: Path, other: tuple[str, str, str, tuple[int, ...], tuple[int, int]]
) -> None:
    path = cache.plan_path(tmp_path, "m-fused", FACTS)
    facts = cache.plan_facts(*other)
    assert cache.plan_path(tmp_path, "m-fused", facts) != path
    cache.write_plan(path, b"plan", FACTS)
    with pytest.raises(cache.UnusablePlan, match="built for something else"):
        cache.read_plan(path, facts)


def test_a_plan_comes_back(tmp_path: Path) -> None:
    path = cache.plan_path(tmp_path, "my model/v2-fused", FACTS)
    assert path.parent == tmp_path and path.name.startswith("my-model-v2-fused-")
    with pytest.raises(cache.UnusablePlan, match="none yet"):
        cache.read_plan(path, FACTS)
    for plan in (b"first", b"\0" * 100_000):
        cache.write_plan(path, plan, FACTS)
        assert cache.read_plan(path, FACTS) == plan == path.read_bytes()
    assert path.stat().st_mode & 0o077 == 0
    cache.discard(path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (
            lambda p: p.write_bytes(p.read_bytes()[:-1]),
            "damaged: 7 bytes were written, 6 are there",
        ),
        (lambda p: p.write_bytes(b"Plan 0!"), "damaged: its bytes are not"),
        (lambda p: p.unlink(), "none yet"),
        (lambda p: p.with_suffix(".json").unlink(), "none yet"),
        (lambda p: p.with_suffix(".json").write_text("{"), "unreadable"),
        (lambda p: p.with_suffix(".json").write_bytes(b"\xff"), "unreadable"),
        (lambda p: p.with_suffix(".json").write_text("[]"), "something else"),
        (lambda p: (p.unlink(), p.mkdir()), "unreadable"),
    ],
)
def test_damaged_plans_are_not_used(tmp_path: Path, damage: object, reason: str) -> None:
    path = cache.plan_path(tmp_path, "m-fused", FACTS)
    cache.write_plan(path, b"plan 0!", FACTS)
    assert callable(damage)
    damage(path)
    with pytest.raises(cache.UnusablePlan, match=reason):
        cache.read_plan(path, FACTS)


def test_an_interrupted_write_leaves_no_half_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = cache.plan_path(tmp_path, "m-fused", FACTS)
    cache.write_plan(path, b"old", FACTS)
    real = os.replace
    monkeypatch.setattr(os, "replace", _fails)
    with pytest.raises(PearError, match="cannot write"):
        cache.write_plan(path, b"new", FACTS)
    monkeypatch.setattr(os, "replace", real)
    with pytest.raises(cache.UnusablePlan):
        cache.read_plan(path, FACTS)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_the_plan_without_its_record_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies between plan and record: the old record must not vouch for the new plan."""
    path = cache.plan_path(tmp_path, "m-fused", FACTS)
    cache.write_plan(path, b"old", FACTS)
    written = cache.write_whole

    def dies(target: Path, data: bytes) -> None:
        written(target, data)
        raise KeyboardInterrupt

    monkeypatch.setattr(cache, "write_whole", dies)
    with pytest.raises(KeyboardInterrupt):
        cache.write_plan(path, b"new", FACTS)
    with pytest.raises(cache.UnusablePlan):
        cache.read_plan(path, FACTS)


def test_the_folder_is_the_users_own(tmp_path: Path) -> None:
    home = str(tmp_path)
    folder = cache.cache_folder({"HOME": home})
    assert folder == tmp_path / ".cache/pear/tensorrt" and folder.stat().st_mode & 0o777 == 0o700
    assert cache.cache_folder({"HOME": home, "XDG_CACHE_HOME": "relative"}) == folder
    xdg = {"HOME": home, "XDG_CACHE_HOME": str(tmp_path / "x")}
    assert cache.cache_folder(xdg) == tmp_path / "x/pear/tensorrt"
    folder.chmod(0o770)
    with pytest.raises(PearError, match=r"others may write.*mode 700; found owner \d+, mode 770"):
        cache.cache_folder({"HOME": home})


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PearError, match="cannot make the cache"):
        cache.cache_folder({"XDG_CACHE_HOME": str(tmp_path / "file")})


def test_timing_caches_differ_by_version_and_device(tmp_path: Path) -> None:
    paths = {
        cache.timing_path(tmp_path, version, device)
        for version in ("10.13", "11.4")
        for device in ("Orin", "Thor")
    }
    assert len(paths) == 4 and all(p.parent == tmp_path for p in paths)


BUILDER = """
import json, sys, time
from pathlib import Path
from pear_ros.engine import tensorrt_cache as cache
path, facts = Path(sys.argv[1]), json.loads(sys.argv[2])
with cache.build_lock(path, lambda: print("waits", flush=True)):
    try:
        plan = cache.read_plan(path, facts)
        print("reads", plan.decode(), flush=True)
    except cache.UnusablePlan:
        print("builds", flush=True)
        sys.stdin.readline()
        cache.write_plan(path, b"made", facts)
"""


def test_two_processes_build_once(tmp_path: Path) -> None:
    path = cache.plan_path(tmp_path, "m-fused", FACTS)
    first = _start(path)
    assert _line(first) == "builds"
    second = _start(path)
    assert _line(second) == "waits"
    assert not path.exists()
    assert first.communicate("\n")[0] == ""
    assert second.communicate("\n")[0] == "reads made\n"
    assert (first.returncode, second.returncode) == (0, 0)


def test_a_dead_builder_holds_nobody_up(tmp_path: Path) -> None:
    path = cache.plan_path(tmp_path, "m-fused", FACTS)
    first = _start(path)
    assert _line(first) == "builds"
    first.kill()
    first.communicate()
    waited: list[bool] = []
    with cache.build_lock(path, lambda: waited.append(True)):
        assert not waited and not path.exists()


def test_threads_wait_too(tmp_path: Path) -> None:
    path, order = tmp_path / "a.plan", []
    waiting = threading.Event()

    def other() -> None:
        with cache.build_lock(path, waiting.set):
            order.append("other")

    with cache.build_lock(path, lambda: None):
        thread = threading.Thread(target=other)
        thread.start()
        assert waiting.wait(30)
        order.append("first")
    thread.join()
    assert order == ["first", "other"]


def _start(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", BUILDER, str(path), json.dumps(FACTS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _fails(*_: object) -> None:
    raise OSError(28, "No space left on device")
