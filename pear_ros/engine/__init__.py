"""Inference engines: image + crops -> parameters, joints, camera; parameters -> vertices."""

from pear_ros.engine.base import Engine, EngineInfo, ModelIdentity
from pear_ros.engine.open import open_engine
from pear_ros.engine.topology import Topology

__all__ = ["Engine", "EngineInfo", "ModelIdentity", "Topology", "open_engine"]
