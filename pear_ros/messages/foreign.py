"""Interfaces of ROS packages that rosbags' type store lacks: hri_msgs 2.x and vision_msgs 4.x.

Only the fields, because they alone decide the bytes and the RIHS01 hash; constants that we need
stand beside the builders that use them.
"""

from __future__ import annotations

HRI, VISION = "hri_msgs/msg", "vision_msgs/msg"
IDS_LIST = f"{HRI}/IdsList"
IDS_MATCH = f"{HRI}/IdsMatch"
REGION = f"{HRI}/NormalizedRegionOfInterest2D"
SKELETON_2D = f"{HRI}/Skeleton2D"
FACIAL_LANDMARKS = f"{HRI}/FacialLandmarks"
FACIAL_ACTION_UNITS = f"{HRI}/FacialActionUnits"
EXPRESSION = f"{HRI}/Expression"
DETECTION_2D_ARRAY = f"{VISION}/Detection2DArray"

_STAMPED = "std_msgs/Header header\n"

DEFINITIONS: dict[str, str] = {
    # All ids of one kind that are tracked at a moment.
    IDS_LIST: _STAMPED + "string[] ids\n",
    # Two ids that belong to one human.
    IDS_MATCH: "string id1\nint8 id1_type\nstring id2\nint8 id2_type\nfloat32 confidence\n",
    # A point and a box in fractions of the picture's width and height.
    f"{HRI}/NormalizedPointOfInterest2D": "float32 x\nfloat32 y\nfloat32 c\n",
    REGION: _STAMPED + "float32 xmin\nfloat32 ymin\nfloat32 xmax\nfloat32 ymax\nfloat32 c\n",
    SKELETON_2D: _STAMPED + "NormalizedPointOfInterest2D[18] skeleton\n",
    FACIAL_LANDMARKS: (
        _STAMPED + "NormalizedPointOfInterest2D[70] landmarks\nuint32 height\nuint32 width\n"
    ),
    # Indexed by the number of the action unit.
    FACIAL_ACTION_UNITS: _STAMPED + "float32[99] intensity\nfloat32[99] confidence\n",
    EXPRESSION: (
        _STAMPED + "string expression\nfloat32 valence\nfloat32 arousal\nfloat32 confidence\n"
    ),
    f"{VISION}/Point2D": "float64 x\nfloat64 y\n",
    f"{VISION}/Pose2D": "vision_msgs/Point2D position\nfloat64 theta\n",
    f"{VISION}/BoundingBox2D": "vision_msgs/Pose2D center\nfloat64 size_x\nfloat64 size_y\n",
    f"{VISION}/ObjectHypothesis": "string class_id\nfloat64 score\n",
    f"{VISION}/ObjectHypothesisWithPose": (
        "ObjectHypothesis hypothesis\ngeometry_msgs/PoseWithCovariance pose\n"
    ),
    f"{VISION}/Detection2D": (
        _STAMPED + "ObjectHypothesisWithPose[] results\nBoundingBox2D bbox\nstring id\n"
    ),
    DETECTION_2D_ARRAY: _STAMPED + "Detection2D[] detections\n",
}
"""Type name -> definition."""
