"""Tensors in pickles, written by torch itself."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch

from pear_core.assets.arrays import as_array
from pear_core.assets.inert import TENSOR, Call, Refused
from pear_core.assets.unpickler import loads

BASE = torch.arange(24, dtype=torch.float64).reshape(4, 6)


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize(
    "tensor",
    [
        BASE,
        BASE.to(torch.int64),
        BASE.to(torch.float32)[1:3, ::2],
        BASE.T,
        BASE.to(torch.uint8)[0, 0],
        torch.ones(1).expand(5, 5),
        torch.zeros(0, 3),
        BASE > 7,
    ],
)
def test_tensors_equal_torchs(tensor: torch.Tensor, protocol: int) -> None:
    read = as_array(loads(pickle.dumps({"a": tensor}, protocol))["a"])
    assert read.dtype == tensor.numpy().dtype
    np.testing.assert_array_equal(read, tensor.numpy())


def test_torch_is_not_imported() -> None:
    data = pickle.dumps(torch.arange(3), 2)
    code = (
        "import sys; from pear_core.assets.arrays import as_array;"
        "from pear_core.assets.unpickler import loads;"
        f"assert as_array(loads({data!r})).tolist() == [0, 1, 2];"
        "assert not {'torch', 'scipy', 'joblib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def storage(data: bytes = b"") -> Call:
    """The storage of three float64 as torch writes it, or one with these bytes."""
    tensor = loads(pickle.dumps(torch.arange(3.0, dtype=torch.float64), 4))
    if data:
        tensor.args[0].args = (data,)
    return tensor.args[0]


@pytest.mark.parametrize(
    "args",
    [
        (0, (4,), (1,)), (1, (3,), (1,)), (0, (2,), (2**40,)), (0, (2, 2), (1,)), (0, (2,), (-1,)),
        (0, (10**5, 10**5), (0, 0)), (None, (3,), (1,)),
    ],
)  # fmt: skip
def test_views_beyond_the_storage_are_refused(args: tuple[Any, ...]) -> None:
    np.testing.assert_array_equal(as_array(Call(TENSOR, (storage(), 1, (2,), (1,)))), [1.0, 2.0])
    with pytest.raises(Refused):
        as_array(Call(TENSOR, (storage(), *args)))


def test_damaged_storages_are_refused() -> None:
    data = storage().args[0]
    view = (0, (3,), (1,))
    for cut in range(0, len(data), 7):
        with pytest.raises(Refused):
            as_array(Call(TENSOR, (storage(data[:cut] or b"\x80"), *view)))
    with pytest.raises(Refused):
        as_array(Call(TENSOR, (storage(b"cos\nsystem\n)R." + data), *view)))
    with pytest.raises(Refused, match="another format"):
        as_array(Call(TENSOR, (storage(pickle.dumps(1) * 2 + data), *view)))
    for text in (b"DoubleStorage", b"storage"):
        broken = data.replace(text, b"x" * len(text))
        with pytest.raises(Refused):
            as_array(Call(TENSOR, (storage(broken), *view)))
    with pytest.raises(Refused):
        as_array(Call(TENSOR, (None, *view)))
    with pytest.raises(Refused):
        as_array(Call(TENSOR, ()))
