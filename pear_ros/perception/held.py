"""Somebody whom a picture does not show: as last seen, carried to where they should be now."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pear_ros.perception.frozen import altered
from pear_ros.perception.placing import metric
from pear_ros.types import Box, Crop, Human, HumanFrame, Reference, TrackState

FADE = 0.5
"""Seconds after which the confidence in a joint that nobody sees has fallen to 37 %."""
WANDER = 0.7
"""Metres per second by which an unseen person may have moved otherwise: half a walk."""


def held(last: Human, seconds: float, box: Box, before: HumanFrame, now: HumanFrame) -> Human:
    """The person of `before`, last seen so many seconds ago, in the view of `now` (whose people do
    not matter): pose and shape as they were, state PREDICTED.

    box: where the tracker expects them; it is its centre that counts. The person keeps the distance
    from the camera; where both frames know the camera's attitude, a turn of it does not turn the
    person. Confidence fades, the sigma of the distance grows.
    """
    k = now.intrinsics
    dx = 0.5 * (box.x0 + box.x1 - last.box.x0 - last.box.x1)
    dy = 0.5 * (box.y0 + box.y1 - last.box.y0 - last.box.y1)
    pelvis = last.joints[0]
    way = np.array([dx * pelvis[2] / k.fx, dy * pelvis[2] / k.fy, 0.0], np.float32)
    parameters, raw, joints = last.parameters, last.raw_parameters, last.joints
    turn = _turn(before.reference, now.reference)
    velocity = last.velocity * math.exp(-seconds)
    if turn is not None:
        parameters, turned = metric.turned(parameters, joints[None], turn)
        joints = turned[0]
        raw = parameters if raw is last.parameters else metric.turned(raw, turned, turn)[0]
        velocity = turn[0] @ velocity
    keypoints = last.keypoints + np.array([dx, dy], np.float32)
    inside = ((keypoints >= -0.5) & (keypoints <= (now.width - 0.5, now.height - 0.5))).all(axis=1)
    confidence = last.joint_confidence * (math.exp(-seconds / FADE) * inside)
    return altered(
        last,
        state=TrackState.PREDICTED,
        box=Box(last.box.x0 + dx, last.box.y0 + dy, last.box.x1 + dx, last.box.y1 + dy, box.score),
        crop=Crop(last.crop.cx + dx, last.crop.cy + dy, last.crop.side),
        parameters=parameters,
        raw_parameters=raw,
        transl=last.transl + way,
        raw_transl=None if last.raw_transl is None else last.raw_transl + way,
        joints=np.asarray(joints + way, np.float32),
        keypoints=np.asarray(keypoints, np.float32),
        joint_confidence=confidence.astype(np.float32),
        depth_sigma=math.hypot(last.depth_sigma, WANDER * seconds),
        velocity=velocity.astype(np.float32),
    )


def _turn(before: Reference | None, now: Reference | None) -> NDArray[np.float64] | None:
    """Rotation (1, 3, 3) from the camera's attitude then to the present one, if both are known."""
    if before is None or now is None or before.frame_id != now.frame_id or before is now:
        return None
    return (now.rotation.T @ before.rotation)[None]
