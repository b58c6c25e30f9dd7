"""Engines of one process, shared by nodes that want the same one."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from weakref import WeakValueDictionary

from pear_ros.assets import model_dir
from pear_ros.engine import Engine, open_engine
from pear_ros.live.settings import Settings


@dataclass(frozen=True)
class _Key:
    model: str
    engine: str
    precision: str
    threads: int


_OPEN: WeakValueDictionary[_Key, Engine] = WeakValueDictionary()
_LOCK = threading.Lock()


def engine_for(settings: Settings) -> Engine:
    """The engine these settings name; opened once per process where it may be shared.

    It lives as long as a node holds it. Raises PearError.
    """
    folder = model_dir(settings.model)
    key = _Key(str(folder), settings.engine, settings.precision, settings.threads)

    def opened() -> Engine:
        return open_engine(folder, settings.engine, settings.precision, settings.threads or None)

    if not settings.share_engine:
        return opened()
    with _LOCK:
        engine = _OPEN.get(key)
        if engine is None:
            engine = _OPEN[key] = opened()
        return engine
