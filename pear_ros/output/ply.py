"""Binary PLY of a mesh in the camera's optical frame, so that it lies in the point cloud of a depth
camera.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pear_ros.output.atomic import write_bytes
from pear_ros.output.mesh import vertex_normals

_VERTEX = np.dtype([("position", "<f4", 3), ("normal", "<f4", 3), ("colour", "u1", 3)])
_FACE = np.dtype([("count", "u1"), ("corners", "<i4", 3)])
_HEADER = """ply
format binary_little_endian 1.0
comment metres, optical frame: x right, y down, z forward
element vertex {vertices}
property float x
property float y
property float z
property float nx
property float ny
property float nz
property uchar red
property uchar green
property uchar blue
element face {faces}
property list uchar int vertex_indices
end_header
"""


def write_ply(
    path: str | Path,
    vertices: NDArray[np.floating],
    faces: NDArray[np.integer],
    colour: tuple[int, int, int] | NDArray[np.uint8] = (190, 190, 190),
) -> None:
    """Write vertices (V, 3) in metres, faces (F, 3) and an sRGB colour (3,) or (V, 3) (atomic).
    Raises PearError.
    """
    vertex = np.zeros(len(vertices), _VERTEX)
    vertex["position"] = vertices
    vertex["normal"] = vertex_normals(vertices, faces)
    vertex["colour"] = colour
    face = np.zeros(len(faces), _FACE)
    face["count"] = 3
    face["corners"] = faces
    header = _HEADER.format(vertices=len(vertex), faces=len(face)).encode("ascii")
    write_bytes(path, header + vertex.tobytes() + face.tobytes())
