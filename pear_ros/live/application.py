"""The live node without its middleware: pictures in, people out, and how it is doing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from pear_ros.engine.base import Engine
from pear_ros.live.faults import Faults
from pear_ros.live.graph import Graph, Level
from pear_ros.live.inputs import Inputs
from pear_ros.live.outputs import Outputs
from pear_ros.live.pipelines import LivePipeline
from pear_ros.live.reporter import Reporter
from pear_ros.live.settings import Settings
from pear_ros.live.slot import Newest
from pear_ros.live.snapshot import save_snapshot
from pear_ros.live.vitals import Beat, Vitals
from pear_ros.live.worker import Done, Waiting, Worker
from pear_ros.perception.detection.detect import Detector

FAR = 60.0
"""A clock that is so many seconds away from the stamps says nothing about their age."""


class Source(Protocol):
    """Where pictures come from: a graph's topics, a camera, a file."""

    topic: str

    def open(self) -> None:
        """Start to put pictures into the slot."""
        ...

    def attend(self, settings: Settings) -> None:
        """Called now and then and after changed settings: see whether anything must be redone."""
        ...

    def calibration_state(self) -> str:
        """ "calibrated", or in a few words why not."""
        ...

    def close(self) -> None:
        """Nothing enters the slot after this."""
        ...


class Application:
    """One camera's way through the pipeline, from `start` to `stop`.

    source: makes the place where pictures come from; the graph's topics where None. failed: called
    once, from the worker's thread, when the engine gives up; the application then waits to be
    stopped. observe: sees every result, on the worker's thread. next_id: of whoever comes first, so
    that ids are not used again by the application that follows one.
    """

    def __init__(
        self,
        graph: Graph,
        engine: Engine,
        detector: Detector,
        settings: Settings,
        *,
        source: Callable[[Newest[Waiting]], Source] | None = None,
        failed: Callable[[str], None] | None = None,
        observe: Callable[[Done], None] | None = None,
        next_id: int = 0,
    ) -> None:
        self.graph, self.engine = graph, engine
        self.settings = settings
        self.problems = Faults()
        self.vitals = Vitals()
        self.slot: Newest[Waiting] = Newest(self.vitals.arrived)
        if source is None:
            self.source: Source = Inputs(graph, self.slot, self.newest, self.problems)
        else:
            self.source = source(self.slot)
        self.outputs = Outputs(graph, engine, self.newest)
        pipeline = LivePipeline(engine, detector, self.newest, self.problems, next_id)
        self._pipeline = pipeline
        sinks = [self._publish] if observe is None else [self._publish, observe]
        self._worker = Worker(self.slot, pipeline, sinks, self.problems, self._give_up)
        self._reporter = Reporter(graph, self)
        self.failure = ""
        self.last: Done | None = None
        self._failed = failed
        self._ending = threading.Event()
        self._watch = threading.Thread(target=self._keep_watch, name="pear watch", daemon=True)

    @property
    def next_id(self) -> int:
        """Of the next person who is new."""
        return self._pipeline.next_id

    def newest(self) -> Settings:
        """The settings from the next picture on."""
        return self.settings

    def start(self) -> None:
        """Advertise, work, subscribe."""
        self.outputs.open()
        self._reporter.open()
        self._worker.start()
        self.source.open()
        self._watch.start()

    def stop(self) -> None:
        """Unsubscribe, finish the picture in work, take the topics back. Not to be started again."""
        self._ending.set()
        self.source.close()
        if not self._worker.stop():
            self.graph.log(Level.ERROR, "the engine does not come back; its thread is left behind")
        if self._watch.ident is not None:
            self._watch.join(5.0)
        if self.failure:
            # The last word is the reason: after this nobody reports any more.
            self._reporter.report()
        self._reporter.close()
        self.outputs.close()

    def change(self, settings: Settings) -> None:
        """New settings, from the next picture on; static ones were read at the start."""
        self.settings = settings
        self.source.attend(settings)

    @property
    def working(self) -> bool:
        """Whether a picture is in work or waits for it."""
        return self.slot.waiting or self.slot.taken != self._worker.finished

    @property
    def summary(self) -> str:
        """What became of the pictures, in words."""
        came, answered, newer = self.slot.received, self.vitals.frames, self.slot.replaced
        return f"{answered} of {came} pictures answered, {newer} gave way to newer ones"

    def reset_tracks(self) -> tuple[bool, str]:
        """The service: forget everybody before the next picture."""
        self._worker.reset()
        return True, "everybody is forgotten; ids go on"

    def snapshot(self) -> tuple[bool, str]:
        """The service: write the last picture and its people; where they are, or why not."""
        if self.last is None:
            return False, "no picture has been processed yet"
        folder, identity = self.settings.snapshot_folder, self.outputs.identity
        return save_snapshot(self.last, self.engine, folder, identity)

    def _publish(self, done: Done) -> None:
        sent = self.outputs.publish(done)
        age = (self.graph.now() - done.result.stamp) * 1e-9
        beat = Beat(
            received=done.received,
            published=time.monotonic_ns(),
            age=age if abs(age) < FAR else float("nan"),
            decode=done.decode_seconds,
            mesh=sent.mesh,
            publish=sent.publish,
            times=done.result.times,
            people=len(done.result.humans),
        )
        self.vitals.published(beat)
        self.last = done

    def _give_up(self, reason: str) -> None:
        self.failure = reason
        self.graph.log(Level.ERROR, f"the engine gave up: {reason}")
        if self._failed is not None:
            self._failed(reason)

    def _keep_watch(self) -> None:
        while not self._ending.wait(self.settings.diagnostics_period):
            try:
                self.source.attend(self.settings)
                self._reporter.report()
            except Exception as error:
                # Told with the next report; who watches must not be the first to fall silent.
                self.problems.add("watch", "watch", 0, f"{type(error).__name__}: {error}")
