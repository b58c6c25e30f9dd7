"""Adds to pyproject.toml what it cannot say: models/ and msg/ travel inside the wheel as packages of data, and
the kernels are compiled."""

import os
from pathlib import Path

from setuptools import Extension, find_packages, setup

ROOT = Path(__file__).parent


def data_packages() -> dict[str, str]:
    """Map pear_ros._models[.sub...] and pear_ros._msg to the folders of the tree that hold the files."""
    mapping = {"pear_ros._msg": "msg"}
    for folder in [ROOT / "models", *sorted(p for p in (ROOT / "models").rglob("*") if p.is_dir())]:
        parts = folder.relative_to(ROOT / "models").parts
        mapping[".".join(("pear_ros._models", *parts))] = "/".join(("models", *parts))
    return mapping


DATA = data_packages()
NATIVE = ROOT / "pear_ros" / "native"

setup(
    packages=find_packages(include=["pear_core*", "pear_ros*"]) + sorted(DATA),
    package_dir=DATA,
    package_data={name: ["*"] for name in DATA},
    # Without a compiler everything works, a few milliseconds slower (pear_ros/native/__init__.py).
    ext_modules=[
        Extension(
            "pear_ros.native._kernels",
            ["pear_ros/native/_kernels.c"],
            depends=[str(header.relative_to(ROOT)) for header in sorted(NATIVE.glob("*.h"))],
            extra_compile_args=["-O2"] if os.name == "posix" else [],
            optional=True,
        )
    ],
)
