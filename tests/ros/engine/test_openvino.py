"""How people are shared out between OpenVINO's streams, and that nobody is mixed up with anybody."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pear_ros.engine import open_engine
from pear_ros.engine.openvino import OpenVinoSession, PeopleSession, run_all
from pear_ros.types import Crop


class Request:
    """Doubles its input once somebody waits for it, as late as possible."""

    def __init__(self, log: list[Any], broken: bool) -> None:
        self._log, self._broken, self._inputs = log, broken, np.zeros(0)

    def start_async(self, inputs: dict[str, Any], share_inputs: bool) -> None:
        assert share_inputs
        self._inputs = inputs["x"]
        self._log.append(("start", len(self._inputs)))

    def wait(self) -> None:
        self._log.append(("wait", len(self._inputs)))
        if self._broken:
            raise RuntimeError("broken")

    def get_tensor(self, name: str) -> Any:
        return type("Tensor", (), {"data": 2 * self._inputs})


class Compiled:
    """A graph of a fixed number of people."""

    def __init__(self, people: int, log: list[Any], broken: bool = False) -> None:
        self.people, self._log, self._broken, self.requests = people, log, broken, 0
        self.outputs = [type("Output", (), {"any_name": "y"})]

    def create_infer_request(self) -> Request:
        self.requests += 1
        return Request(self._log, self._broken)


def session(streams: int, log: list[Any], pairs: bool = True) -> PeopleSession:
    alone, together, two = (OpenVinoSession(Compiled(n, log)) for n in (1, 1, 2))
    return PeopleSession(alone, together, two if pairs else None, streams)


@pytest.mark.parametrize(
    ("streams", "people", "calls"),
    [
        (2, 1, [1]),
        (2, 2, [1, 1]),
        (2, 3, [2, 1]),
        (2, 4, [2, 2]),
        (2, 7, [2, 2, 2, 1]),
        (4, 4, [1, 1, 1, 1]),
        (4, 5, [2, 2, 1]),
        (4, 8, [2, 2, 2, 2]),
        (4, 17, [2] * 8 + [1]),
    ],
)
def test_people_are_paired_where_there_are_more_than_streams(
    streams: int, people: int, calls: list[int]
) -> None:
    log: list[Any] = []
    found = session(streams, log).run({"x": np.arange(people, dtype=np.float32)[:, None]})
    np.testing.assert_array_equal(found["y"], 2 * np.arange(people)[:, None])
    assert [size for what, size in log if what == "start"] == calls
    # Never more at once than streams.
    under_way = np.cumsum([1 if what == "start" else -1 for what, _ in log])
    assert under_way.max() == min(streams, len(calls)) and under_way[-1] == 0


def test_without_a_graph_for_pairs_everybody_goes_alone() -> None:
    log: list[Any] = []
    session(2, log, pairs=False).run({"x": np.zeros((5, 1), np.float32)})
    assert [size for what, size in log if what == "start"] == [1] * 5


def test_inputs_are_read_to_the_end_before_an_error_leaves() -> None:
    log: list[Any] = []
    broken, good = (OpenVinoSession(Compiled(1, log, broken)) for broken in (True, False))
    one = {"x": np.zeros((1, 1), np.float32)}
    with pytest.raises(RuntimeError, match="broken"):
        run_all([(broken, one), (good, one), (good, one)])
    assert [what for what, _ in log] == ["start"] * 3 + ["wait"] * 3


def test_requests_are_used_again() -> None:
    log: list[Any] = []
    compiled = Compiled(1, log)
    people = PeopleSession(OpenVinoSession(compiled), None)
    for _ in range(5):
        people.run({"x": np.zeros((3, 1), np.float32)})
    assert compiled.requests == 1


@pytest.mark.parametrize("precision", ["f32", "int8"])
def test_company_does_not_change_the_numbers(
    lowered_bundle: Any, squares: np.ndarray, precision: str
) -> None:
    """Of a person, whoever else is there and however many, beyond the last digits of float32."""
    engine = open_engine(lowered_bundle, "openvino", precision, threads=2)
    crops = [Crop(128 + 3 * i, 128, 200 + 10 * i) for i in range(5)]
    alone = [engine.regress(squares[0], [crop]).parameters.betas[0] for crop in crops]
    for people in range(2, 6):
        found = engine.regress(squares[0], crops[:people]).parameters.betas
        np.testing.assert_allclose(found, alone[:people], rtol=0, atol=2e-6)
        again = engine.regress(squares[0], crops[:people]).parameters.betas
        np.testing.assert_array_equal(found, again)
