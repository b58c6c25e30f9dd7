"""`python -m pear_core.body.free_body.sheet` draws docs/pictures/free_body_*.png."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pear_core.anatomy import SMPLX_JOINTS, SMPLX_PARENTS
from pear_core.body.free_body import raster
from pear_core.body.free_body.posing import pose
from pear_core.body.free_body.source import Array, Index

Picture = NDArray[np.uint8]
Turns = dict[int, Array]
_J = {name: i for i, name in enumerate(SMPLX_JOINTS)}


def _both(name: str, left: tuple[float, float, float]) -> Turns:
    """A joint's axis-angle on the left and its mirror image on the right."""
    turn = np.array(left)
    return {_J[f"left_{name}"]: turn, _J[f"right_{name}"]: turn * np.array([1, -1, -1])}


def _fist() -> Turns:
    turns: Turns = {}
    for finger in ("index", "middle", "ring", "pinky"):
        for k in (1, 2, 3):
            turns |= _both(f"{finger}{k}", (0, 0, -1.4))
    turns |= _both("thumb1", (0.2, 0.4, 0.2)) | _both("thumb2", (0, 0.5, 0))
    return turns | _both("thumb3", (0, 0.9, 0))


_DOWN = _both("shoulder", (0, 0, -1.3))
POSES: dict[str, Turns] = {
    "T-pose": {},
    "arms down": _DOWN,
    "sit": _DOWN | _both("hip", (-1.57, 0, 0)) | _both("knee", (1.57, 0, 0))
    | _both("elbow", (0, -1.2, 0)),
    "arms up": _both("shoulder", (0, 0, 1.0)) | _both("collar", (0, 0, 0.35)),
    "walk": _DOWN | {_J["left_hip"]: np.array([-0.5, 0, 0]),
                     _J["left_knee"]: np.array([0.2, 0, 0]),
                     _J["left_elbow"]: np.array([0, -0.4, 0]),
                     _J["right_hip"]: np.array([0.4, 0, 0]),
                     _J["right_knee"]: np.array([0.5, 0, 0])},
    "elbows": _both("elbow", (0, -1.9, 0)),
    "bend": _DOWN | {_J["spine1"]: np.array([0.4, 0.3, 0]), _J["spine2"]: np.array([0.2, 0.3, 0]),
                     _J["spine3"]: np.array([0.2, 0.2, 0]), _J["head"]: np.array([0, 0.4, 0.1])},
}  # fmt: skip


class Sheets:
    """The shipped files, and one method per picture.

    Args:
        models: folder of the built files. out: folder of the pictures.
    """

    def __init__(self, models: Path, out: Path) -> None:
        self.out = out
        self.body = dict(np.load(models / "SMPLX_NEUTRAL.npz"))
        self.head = dict(np.load(models / "FLAME.npz"))
        self.masks = dict(np.load(models / "FLAME_masks.npz"))
        self.points = dict(np.load(models / "landmarks.npz"))
        self.light = dict(np.load(models / "lod_2k.npz"))
        self.lids = {s: np.load(models / f"{s}_eyelid.npy") for s in "lr"}
        self.names = [e["name"] for e in json.loads((models / "expressions.json").read_text())]
        self.faces: Index = self.body["f"].astype(np.int64)
        self.head_faces: Index = self.head["f"].astype(np.int64)

    def _save(self, name: str, titled: list[tuple[str, Picture]], columns: int, inch: float,
              dots: list[Array] | None = None) -> None:  # fmt: skip
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt

        rows = -(-len(titled) // columns)
        height, width = titled[0][1].shape[:2]
        size = (columns * inch * width / height, rows * (inch + 0.2))
        figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False)
        for ax in axes.flat:
            ax.axis("off")
        for i, (title, image) in enumerate(titled):
            axes.flat[i].imshow(image)
            axes.flat[i].set_title(title, fontsize=8)
            if dots is not None:
                axes.flat[i].plot(dots[i][:, 0], dots[i][:, 1], "b.", markersize=2.5)
        figure.tight_layout(pad=0.3)
        figure.savefig(self.out / f"free_body_{name}.png", dpi=90, bbox_inches="tight")
        plt.close(figure)

    def template(self) -> None:
        """Front, side and back with the skeleton drawn over them."""
        vertices, joints = pose(self.body)
        centre, size = np.array([0, -0.12, 0.0]), (640, 640)
        bones = [(int(p), j) for j, p in enumerate(SMPLX_PARENTS) if p >= 0]
        images, dots = [], []
        for title, turn in (("front", 0), ("side", 90), ("back", 180)):
            image = raster.picture(vertices, self.faces, turn, centre, 1.9, size)
            images.append((title, image))
            at = raster.project(joints, turn, centre, 1.9, size)
            line = [at[a] + (at[b] - at[a]) * t for a, b in bones for t in np.linspace(0, 1, 12)]
            dots.append(np.array(line))
        self._save("template", images, 3, 4.5, dots)

    def shapes(self) -> None:
        """The first five body betas at -2 and +2 sigma."""
        images = []
        for k in range(5):
            for value in (-2.0, 2.0):
                betas = np.zeros(k + 1)
                betas[k] = value
                vertices, _ = pose(self.body, _DOWN, betas)
                floor = vertices[:, 1].min()
                centre = np.array([0, floor + 1.0, 0])
                image = raster.picture(vertices, self.faces, 20, centre, 2.1, (480, 260))
                stature = np.ptp(vertices[:, 1])
                images.append((f"betas[{k}] = {value:+.0f}: {stature:.2f} m", image))
        self._save("shapes", images, 10, 3.6)

    def heads(self) -> None:
        """The first five head betas at -2 and +2 sigma."""
        images = []
        for k in range(5):
            for value in (-2.0, 2.0):
                betas = np.zeros(k + 1)
                betas[k] = value
                vertices, _ = pose(self.head, None, betas)
                images.append((f"head betas[{k}] = {value:+.0f}",
                               self._head_picture(vertices, 25.0)))  # fmt: skip
        self._save("heads", images, 10, 2.2)

    def poses(self) -> None:
        """Whole-body poses from two sides."""
        images = []
        for turn in (20, -110):
            for title, turns in POSES.items():
                vertices, _ = pose(self.body, turns)
                middle = (vertices[:, 1].max() + vertices[:, 1].min()) / 2
                centre = np.array([0, middle, 0])
                image = raster.picture(vertices, self.faces, turn, centre, 2.2, (480, 400))
                images.append((title, image))
        self._save("poses", images, len(POSES), 3.0)

    def hands(self) -> None:
        """Left and right hand, open and as fists."""
        images = []
        tip_over = {0: np.array([np.pi / 2, 0, 0])}  # shows the backs of the hands
        for title, turns in (("open", {}), ("fist", _fist())):
            for side, sign in (("left", 1), ("right", -1)):
                for view, root, turn in (("front", {}, 0), ("finger tips", {}, -60 * sign),
                                         ("above", tip_over, 0)):  # fmt: skip
                    vertices, joints = pose(self.body, turns | root)
                    centre = joints[_J[f"{side}_middle1"]] * np.array([0.97, 1, 1])
                    near = np.linalg.norm(vertices - centre, axis=1) < 0.35
                    faces = self.faces[near[self.faces].all(1)]
                    image = raster.picture(vertices, faces, turn, centre, 0.24, (300, 340))
                    images.append((f"{side} {title}, {view}", image))
        self._save("hands", images, 6, 2.2)

    def _head_picture(
        self, vertices: Array, turn: float = 0.0, colours: Array | None = None
    ) -> Picture:
        centre = np.array([0.0, -0.02, -0.05])
        paint = self._painted() if colours is None else colours
        return raster.picture(vertices, self.head_faces, turn, centre, 0.29, (320, 260), paint)

    def _painted(self) -> Array:
        """Skin with white eyeballs and dark irises, so that gaze and lids can be seen."""
        colours = np.tile([0.86, 0.70, 0.60], (len(self.head["v_template"]), 1))
        rest = self.head["v_template"].astype(np.float64)
        for joint, side in ((3, "left"), (4, "right")):
            ball = self.masks[f"{side}_eyeball"]
            ahead = rest[ball] - self.head["J"][joint]
            iris = ahead[:, 2] > 0.85 * np.linalg.norm(ahead, axis=1)
            colours[ball] = np.where(iris[:, None], 0.15, 1.0)
        return colours

    def expressions(self) -> None:
        """All expressions, the two eyelid fields, and the jaw and eye joints."""
        images = [("neutral", self._head_picture(pose(self.head)[0]))]
        for i, name in enumerate(self.names):
            coefficients = np.eye(len(self.names))[i]
            turn = (
                35.0 if name in ("jawForward", "tongueOut", "mouthFunnel", "mouthPucker") else 0.0
            )
            vertices, _ = pose(self.head, None, None, coefficients)
            images.append((name, self._head_picture(vertices, turn)))
        rest = pose(self.head)[0]
        images += [(f"{s}_eyelid", self._head_picture(rest + lid)) for s, lid in self.lids.items()]
        for title, turns, view in (("jaw joint +0.3 x", {2: (0.3, 0, 0)}, 0.0),
                                   ("jaw joint +0.3 x", {2: (0.3, 0, 0)}, 60.0),
                                   ("eye joints +0.4 y", {3: (0, 0.4, 0), 4: (0, 0.4, 0)}, 0.0),
                                   ("neck +0.4 y", {1: (0, 0.4, 0)}, 0.0)):  # fmt: skip
            posed = pose(self.head, {j: np.array(t) for j, t in turns.items()})[0]
            images.append((title, self._head_picture(posed, view)))
        self._save("expressions", images, 10, 2.0)

    def lod(self) -> None:
        """The light mesh: whole, head, hand."""
        vertices, joints = pose(self.body)
        ids, weights = self.light["vertex_ids"], self.light["vertex_weights"][..., None]
        light = (vertices[ids] * weights).sum(axis=1)
        faces = self.light["f"].astype(np.int64)
        hand = joints[_J["left_middle1"]]
        images = [(title, raster.picture(light, faces, turn, centre, span, (500, 500), edges=edges))
                  for title, centre, span, turn, edges in (
                      ("2,000 faces", np.array([0, -0.12, 0]), 1.9, 0, False),
                      ("2,000 faces", np.array([0, -0.12, 0]), 1.9, 0, True),
                      ("head", joints[23] * [0, 1, 1], 0.3, 20, True),
                      ("left hand", hand, 0.26, -60, True))]  # fmt: skip
        self._save("lod", images, 4, 3.5)

    def landmarks(self) -> None:
        """The 68 face points at three head yaws, and the surface joints of the whole body."""
        vertices, joints = pose(self.body)

        def at(faces: Index, bary: Array) -> Array:
            return (vertices[self.faces[faces]] * bary[..., None]).sum(-2)

        fixed = at(self.body["lmk_faces_idx"], self.body["lmk_bary_coords"])
        images, dots = [], []
        eyes = joints[[23, 24]].mean(0) - np.array([0, 0.03, 0.03])
        for yaw, row in ((0, 0), (-30, 30), (30, 39 + 30)):
            moving = at(self.body["dynamic_lmk_faces_idx"][row],
                        self.body["dynamic_lmk_bary_coords"][row])  # fmt: skip
            images.append((f"68 points, yaw {yaw} deg", raster.picture(
                vertices, self.faces, yaw, eyes, 0.27, (560, 560))))  # fmt: skip
            points = np.concatenate([moving, fixed])
            dots.append(raster.project(points, yaw, eyes, 0.27, (560, 560)))
        extra = at(self.points["faces_idx"], self.points["bary"])
        centre = np.array([0, -0.12, 0.0])
        images.append(("22 surface joints", raster.picture(
            vertices, self.faces, 0, centre, 1.9, (560, 560))))  # fmt: skip
        dots.append(raster.project(extra, 0, centre, 1.9, (560, 560)))
        self._save("landmarks", images, 4, 3.8, dots)

    def regions(self) -> None:
        """The FLAME masks in colours."""
        names = ("face", "neck", "boundary", "scalp", "forehead", "left_ear", "right_ear",
                 "eye_region", "left_eyeball", "right_eyeball", "nose", "lips")  # fmt: skip
        rng = np.random.default_rng(3)
        colours = np.full((len(self.head["v_template"]), 3), 0.8)
        for name in names:
            colours[self.masks[name]] = rng.uniform(0.15, 1, 3)
        vertices, _ = pose(self.head)
        images = [(f"FLAME masks, {turn} deg", self._head_picture(vertices, turn, colours=colours))
                  for turn in (0, 45, 90, 180)]  # fmt: skip
        self._save("masks", images, 4, 3.0)


def main() -> None:
    """Draws every sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=Path("models/free_body"))
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    sheets = Sheets(args.models, args.out)
    for draw in (sheets.template, sheets.shapes, sheets.heads, sheets.poses, sheets.hands,
                 sheets.expressions, sheets.lod, sheets.landmarks, sheets.regions):  # fmt: skip
        draw()


if __name__ == "__main__":
    main()
