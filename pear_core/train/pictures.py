"""Pictures to judge a training by: crops, predicted meshes over them, and the loss curves.

`python -m pear_core.train.pictures --weights W --data HELD_OUT --log log.jsonl --out docs/pictures`
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from pear_core.body.ehm import Ehm
from pear_core.body.parameters import decode
from pear_core.data.shards import Shards
from pear_core.layout import CROP_SIZE, STRIP_MARGIN, STRIP_WIDTH
from pear_core.model.checkpoint import load
from pear_core.model.regressor import Regressor
from pear_core.render.projection import crop_screen
from pear_core.render.shading import Light, corner_matrix, shade, vertex_normals
from pear_core.render.visibility import interpolate, rasterise

Image = NDArray[np.uint8]
_LIGHT = Light(
    direction=np.array([0.3, -0.5, -0.81], np.float32),
    sun=np.full(3, 0.7, np.float32),
    ambient=np.full(3, 0.35, np.float32),
    gradient=np.zeros((3, 3), np.float32),
)


def mesh_over(
    strip: Image,
    vertices: NDArray[np.float32],
    faces: NDArray[np.int32],
    camera: NDArray[np.float32],
    opacity: float = 0.75,
) -> Image:
    """The mesh (V, 3, body's output frame) drawn over its strip (256, 192, 3)."""
    safe = np.array([camera[0], camera[1], max(float(camera[2]), 0.05)], np.float32)
    screen = crop_screen(vertices, safe)
    screen[:, 0] -= STRIP_MARGIN
    seen = rasterise(screen, faces, CROP_SIZE, STRIP_WIDTH)
    normals = vertex_normals(vertices, faces, corner_matrix(faces, len(vertices)))
    lit = shade(
        np.full((int(seen.mask.sum()), 3), [0.55, 0.75, 0.95], np.float32),
        interpolate(seen, faces, normals),
        _LIGHT,
    )
    out = strip.copy()
    blended = opacity * 255 * np.clip(lit, 0, 1) + (1 - opacity) * strip[seen.mask]
    out[seen.mask] = blended.astype(np.uint8)
    return out


def predict(regressor: Regressor, ehm: Ehm, strips: Image) -> tuple[NDArray[Any], NDArray[Any]]:
    """Vertices [B, V, 3] and cameras [B, 3] of strips (B, 256, 192, 3)."""
    with torch.inference_mode():
        raw = regressor(torch.from_numpy(strips).permute(0, 3, 1, 2).float() / 255)
        parameters, camera = decode(raw.float())
        return ehm(parameters).vertices.numpy(), camera.numpy()


def square_crop(picture: Image, box: Sequence[float]) -> Image:
    """The 256 square around a box (left, top, right, bottom) of a photograph."""
    x0, y0, x1, y1 = box
    side = 1.25 * max(x1 - x0, y1 - y0)
    scale = CROP_SIZE / side
    corner = [(x0 + x1) / 2 - side / 2, (y0 + y1) / 2 - side / 2]
    affine = np.array([[scale, 0, -scale * corner[0]], [0, scale, -scale * corner[1]]])
    return np.asarray(cv2.warpAffine(picture, affine, (CROP_SIZE, CROP_SIZE)), dtype=np.uint8)


def overlay_sheet(regressor: Regressor, ehm: Ehm, strips: Image, columns: int = 8) -> Image:
    """Rows of pictures, each above the same with the predicted mesh."""
    faces = ehm.faces.astype(np.int32)
    vertices, cameras = predict(regressor, ehm, strips)
    pairs = [
        np.concatenate([strip, mesh_over(strip, v, faces, c)])
        for strip, v, c in zip(strips, vertices, cameras, strict=True)
    ]
    rows = [pairs[i : i + columns] for i in range(0, len(pairs) - len(pairs) % columns, columns)]
    return np.concatenate([np.concatenate(row, axis=1) for row in rows])


def curves(log: Path, out: Path) -> None:
    """Loss terms over the steps of a training log, one line per `run` named in it."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    entries = [json.loads(line) for line in log.read_text().splitlines()]
    steps = [e for e in entries if "loss" in e]
    names = ("root", "body_pose", "camera", "joints_body", "keypoints", "surface", "votes")
    figure, axes = pyplot.subplots(2, 4, figsize=(14, 6))
    runs = {run: [e for e in steps if e.get("run") == run] for run in (e.get("run") for e in steps)}
    for axis, name in zip(axes.flat, ("loss", *names), strict=True):
        for run, part in runs.items():
            values = [e.get(name, np.nan) for e in part]
            axis.plot([e["step"] for e in part], values, label=run)
        if len(runs) > 1:
            axis.legend()
        axis.set_title(name)
        axis.set_xlabel("step")
        axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(out, dpi=80)


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes training_samples.png, training_overlays.png and, with --log, training_curves.png."""
    parser = argparse.ArgumentParser(prog="python -m pear_core.train.pictures", description=__doc__)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--body", type=Path, default=Path("models/free_body"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--photo", type=Path, help="a photograph to try as well")
    parser.add_argument(
        "--box", type=float, nargs=4, help="the person in it: left top right bottom"
    )
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    regressor, _ = load(options.weights)
    ehm = Ehm.from_folder(options.body)
    images = Shards(options.data).batch(range(24))["image"]
    samples = np.concatenate([np.concatenate(list(images[i : i + 8]), axis=1) for i in (0, 8, 16)])
    _write(options.out / "training_samples.png", samples)
    _write(options.out / "training_overlays.png", overlay_sheet(regressor, ehm, images[:16]))
    if options.photo is not None:
        photo = cv2.imread(str(options.photo), cv2.IMREAD_COLOR)
        if photo is None:
            parser.error(f"{options.photo}: not a picture")
        box = options.box or [0, 0, photo.shape[1], photo.shape[0]]
        square = square_crop(np.ascontiguousarray(photo[..., ::-1]), box)
        strip = square[None, :, STRIP_MARGIN : STRIP_MARGIN + STRIP_WIDTH]
        _write(options.out / "training_photo.png", overlay_sheet(regressor, ehm, strip, 1))
    if options.log is not None:
        curves(options.log, options.out / "training_curves.png")
    return 0


def _write(path: Path, image: Image) -> None:
    cv2.imwrite(str(path), image[..., ::-1])


if __name__ == "__main__":
    raise SystemExit(main())
