"""`mesh_recovery_node`: the live application as a ROS 2 lifecycle node."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter

from pear_ros.assets import model_dir
from pear_ros.engine import Engine
from pear_ros.engine.selftest import self_test
from pear_ros.live.application import Application
from pear_ros.live.graph import Level
from pear_ros.live.pipelines import open_live_detector
from pear_ros.live.settings import Settings
from pear_ros.node.engines import engine_for
from pear_ros.node.graph import RclpyGraph
from pear_ros.node.heap import give_memory_back, large_blocks_apart
from pear_ros.node.parameters import current, declare, judged
from pear_ros.perception.detection.detect import Detector
from pear_ros.problems import PearError

NAME = "mesh_recovery_node"
_SUCCESS, _ERROR = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.ERROR


Transition = Callable[["MeshRecoveryNode", LifecycleState], TransitionCallbackReturn]


def told(transition: Transition) -> Transition:
    """A transition whose exceptions are logged with their reason; rclpy itself swallows them."""

    @functools.wraps(transition)
    def wrapped(node: MeshRecoveryNode, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            return transition(node, state)
        except Exception as error:
            kind = "" if isinstance(error, PearError) else f"{type(error).__name__}: "
            node.graph.log(Level.ERROR, f"{transition.__name__} failed: {kind}{error}")
            return _ERROR

    return wrapped


class MeshRecoveryNode(LifecycleNode):
    """Configure loads and tests the engine, activate subscribes and works, deactivate stops,
    cleanup releases the engine. What fails is logged with its reason and goes through error
    processing back to unconfigured; so does an engine that gives up while running.
    """

    def __init__(self, name: str = NAME, **arguments: object) -> None:
        super().__init__(name, **arguments)
        self.graph = RclpyGraph(self)
        self.engine: Engine | None = None
        self.detector: Detector | None = None
        self.application: Application | None = None
        self._failure = ""
        self._next_id = 0
        declare(self)
        self.settings = Settings()
        self.add_on_set_parameters_callback(self._set)
        # Services and the end of a failed engine must run on the executor's thread.
        self._check_timer = self.create_timer(0.2, self._check)
        self.graph.serve("~/reset_tracks", self._reset_tracks)
        self.graph.serve("~/save_snapshot", self._save_snapshot)

    @told
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Open the engine and the detector; the engine must give the right answer for a known crop."""
        self._failure = ""
        self.settings = current(self)
        self.graph.log(Level.INFO, f"opening {self.settings.model}")
        with large_blocks_apart():
            self.engine = engine_for(self.settings)
            test = self_test(self.engine, model_dir(self.settings.model))
            if not test.ok:
                raise PearError("the engine fails its self-test", found=test.reason)
            self.detector = open_live_detector(self.settings)
        info = self.engine.info
        self.graph.log(
            Level.INFO,
            f"{info.identity.model} on {info.backend} {info.version} ({info.device}, "
            f"{info.precision}); self-test off by {test.mean_vertex_mm:.4f} mm",
        )
        if info.choice:
            self.graph.log(Level.INFO, f"fastest here, measured once: {info.choice}")
        if info.fallback:
            self.graph.log(Level.WARN, f"passed over: {info.fallback}")
        return _SUCCESS

    @told
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Advertise, subscribe and start the worker."""
        assert self.engine is not None and self.detector is not None
        self.application = Application(
            self.graph, self.engine, self.detector, self.settings,
            failed=self._failed, next_id=self._next_id,
        )  # fmt: skip
        self.application.start()
        self.graph.log(Level.INFO, f"waiting for pictures on {self.application.source.topic}")
        if self.graph.namesakes:
            self.graph.log(
                Level.WARN,
                f"another node is also called {self.get_fully_qualified_name()}: services and "
                "parameters reach either; name one of them with -r __node:=",
            )
        return super().on_activate(state)

    @told
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe, finish the picture in work."""
        self._stop()
        if self._failure:
            self.graph.log(Level.ERROR, f"deactivated by an error: {self._failure}")
            return _ERROR
        return super().on_deactivate(state)

    @told
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release the engine."""
        self._release()
        return _SUCCESS

    @told
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._stop()
        self._release()
        return _SUCCESS

    @told
    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Give everything back, so that the node can be configured anew."""
        self._stop()
        self._release()
        return _SUCCESS

    def destroy_node(self) -> None:
        self._stop()
        self._release()
        self.graph.close()
        super().destroy_node()

    def _stop(self) -> None:
        if self.application is not None:
            self.application.stop()
            self.graph.log(Level.INFO, f"stopped: {self.application.summary}")
            self._next_id = self.application.next_id
            self.application = None

    def _release(self) -> None:
        with large_blocks_apart():
            self.engine = self.detector = None
            give_memory_back()

    def _failed(self, reason: str) -> None:
        """On the worker's thread: only note it."""
        self._failure = reason

    def _check(self) -> None:
        if self._failure and self.application is not None:
            self.trigger_deactivate()

    def _set(self, parameters: Sequence[Parameter]) -> object:
        result, settings = judged(self.settings, parameters, self.engine is not None)
        # Also called for parameters that are not ours, as those of a topic's QoS.
        if result.successful and settings != self.settings:
            self.settings = settings
            if self.application is not None:
                self.application.change(settings)
        return result

    def _reset_tracks(self) -> tuple[bool, str]:
        if self.application is None:
            return False, "the node is not active"
        return self.application.reset_tracks()

    def _save_snapshot(self) -> tuple[bool, str]:
        if self.application is None:
            return False, "the node is not active"
        return self.application.snapshot()
