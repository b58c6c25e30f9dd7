"""Names and orders of points against hand-written tables, the `smplx` package and a symmetric face."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pear_core import anatomy
from pear_core.anatomy import DWPOSE_NAMES, EHM_JOINTS, HMR2_KEYPOINT_NAMES, mirrored

BODY = Path(__file__).parents[2] / "models" / "free_body" / "SMPLX_NEUTRAL.npz"

FLIPPED_FACE = [
    *[16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0],  # outline
    *[26, 25, 24, 23, 22, 21, 20, 19, 18, 17],  # brows
    *[27, 28, 29, 30, 35, 34, 33, 32, 31],  # nose
    *[45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40],  # eyes: corner, upper lid, corner, lower lid
    *[54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55],  # outer lips
    *[64, 63, 62, 61, 60, 67, 66, 65],  # inner lips
]


def test_face_mirror_is_the_table_of_the_68_landmarks() -> None:
    assert anatomy.FACE_MIRROR.tolist() == FLIPPED_FACE


def test_hmr2_flip_is_the_table_of_openpose_and_lsp() -> None:
    openpose = [0, 1, 5, 6, 7, 2, 3, 4, 8, 12, 13, 14, 9, 10, 11, 16, 15, 18, 17]
    feet = [22, 23, 24, 19, 20, 21]
    regressed = [30, 29, 28, 27, 26, 25, 36, 35, 34, 33, 32, 31, 37, 38, 39, 40, 41, 42, 43]
    assert anatomy.HMR2_MIRROR.tolist() == openpose + feet + regressed


def test_dwpose_flip_swaps_body_feet_face_halves_and_hands() -> None:
    body = [0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, 15, 14, 17, 16, 21, 22, 23, 18, 19, 20]
    face = [24 + i for i in FLIPPED_FACE]
    hands = [*range(113, 134), *range(92, 113)]
    assert anatomy.DWPOSE_MIRROR.tolist() == body + face + hands


@pytest.mark.skipif(not BODY.exists(), reason="models/free_body is not built")
def test_a_mirrored_symmetric_face_is_the_permuted_face() -> None:
    with np.load(BODY) as file:
        corners = file["v_template"][file["f"][file["lmk_faces_idx"]]]
        face = np.einsum("nk,nkx->nx", file["lmk_bary_coords"], corners)
        front = file["v_template"][file["f"][file["dynamic_lmk_faces_idx"][0]]]
        outline = np.einsum("nk,nkx->nx", file["dynamic_lmk_bary_coords"][0], front)
    points = np.concatenate((outline, face))
    np.testing.assert_allclose(points[anatomy.FACE_MIRROR] * [-1, 1, 1], points, atol=3e-3)
    # The wrong half would be centimetres away.
    assert np.abs(points * [-1, 1, 1] - points).max() > 0.05


def test_names_are_unique_and_as_many_as_the_conventions_have() -> None:
    lists = {
        134: DWPOSE_NAMES, 44: HMR2_KEYPOINT_NAMES, 25: anatomy.OPENPOSE_NAMES,
        14: anatomy.LSP_NAMES, 17: anatomy.H36M_NAMES, 24: anatomy.SMPL_JOINTS, 145: EHM_JOINTS,
    }  # fmt: skip
    for count, names in lists.items():
        assert len(names) == len(set(names)) == count
        flip = mirrored(names)
        assert np.array_equal(flip[flip], np.arange(count))


def test_dwpose_names_say_which_ehm_joint_is_behind_them() -> None:
    special = {"nose": "face_30", "right_ear": "face_1", "left_ear": "face_16"}
    for side in ("left", "right"):
        special[f"{side}_eye"] = f"{side}_eye_smplhf"
        special[f"{side}_hand_root"] = f"{side}_wrist"
        for finger in ("thumb", "index", "middle", "ring", "pinky"):
            special[f"{side}_{finger}4"] = f"{side}_{finger}"
    for name, joint in zip(DWPOSE_NAMES, anatomy.DWPOSE_FROM_EHM, strict=True):
        assert EHM_JOINTS[joint] == special.get(name, name)


def test_smpl_points_are_the_smplx_packages() -> None:
    ids = pytest.importorskip("smplx.vertex_ids").vertex_ids["smplh"]
    selector = pytest.importorskip("smplx.vertex_joint_selector").VertexJointSelector(ids)
    assert list(anatomy.SMPL_POINTS.values()) == selector.extra_joints_idxs.tolist()
    ours = {"right_ear": "rear", "left_small_toe": "LSmallToe", "right_pinky": "rpinky"}
    for name, theirs in ours.items():
        assert anatomy.SMPL_POINTS[name] == ids[theirs]


def test_h36m_and_smpl_selections_name_the_same_joints() -> None:
    chosen = [anatomy.H36M_NAMES[i] for i in anatomy.LSP_FROM_H36M]
    assert tuple(chosen) == anatomy.LSP_NAMES
    points = [*anatomy.SMPL_JOINTS, *anatomy.SMPL_POINTS]
    openpose = [points[i] for i in anatomy.OPENPOSE_FROM_SMPL]
    assert openpose[8] == "pelvis" and openpose[:8] == list(anatomy.OPENPOSE_NAMES[:8])
    assert openpose[9:] == list(anatomy.OPENPOSE_NAMES[9:])
    assert anatomy.HMR2_PELVIS == 39
    judged = [HMR2_KEYPOINT_NAMES[i] for i in anatomy.HMR2_JUDGED]
    assert judged == [f"{n}_lsp" for n in anatomy.LSP_NAMES[:13]] + ["head_h36m"]
