"""The one table of files that users may have: what each is, how to tell it, what it is needed for.

Names, keys, shapes: PEAR facts, sections 5.1, 9.3 and 10.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pear_core.anatomy import FLAME_JOINTS, SMPLX_JOINTS
from pear_core.assets.fields import Field, floats, indices
from pear_core.body.files import NUM_CONTOUR, NUM_STATIC, YAW_ROWS

SMPLX_SITE, FLAME_SITE = "https://smpl-x.is.tue.mpg.de", "https://flame.is.tue.mpg.de"
LICENCE = (
    "SMPL-X, SMPL, MANO, FLAME and files derived from them come under the licences of their owners "
    "(mostly the Max Planck Society: registration, non-commercial research). pear contains none of "
    "them and downloads nothing."
)


@dataclass(frozen=True)
class KnownFile:
    """One kind of file.

    output: its name in the body folder; names: file names it is found under, best first; prevents:
    what is not possible without it; origin: where users obtain it; convert: name of the conversion
    (convert.CONVERTERS); fields: arrays that are taken, by key; required: EHM-s needs it.
    """

    output: str
    names: tuple[str, ...]
    what: str
    prevents: str
    origin: str
    convert: str
    fields: Mapping[str, Field]
    required: bool = False


def _skinned(vertices: str, faces: str, joints: int, columns: tuple[int, ...]) -> dict[str, Field]:
    return {
        "v_template": floats(vertices, 3),
        "f": indices(faces, 3, limit=vertices),
        "shapedirs": floats(vertices, 3, columns),
        "posedirs": floats(vertices, 3, 9 * (joints - 1)),
        "J_regressor": floats(joints, vertices),
        "weights": floats(vertices, joints),
        "kintree_table": indices(2, joints),
    }


_V, _F, _H, _G = "SMPL-X vertices", "SMPL-X faces", "FLAME vertices", "FLAME faces"
_SMPLX = {
    **_skinned(_V, _F, len(SMPLX_JOINTS), (400, 350)),
    "lmk_faces_idx": indices(NUM_STATIC, limit=_F),
    "lmk_bary_coords": floats(NUM_STATIC, 3),
    "dynamic_lmk_faces_idx": indices(YAW_ROWS, NUM_CONTOUR, limit=_F),
    "dynamic_lmk_bary_coords": floats(YAW_ROWS, NUM_CONTOUR, 3),
    "hands_meanl": floats(45, required=False),
    "hands_meanr": floats(45, required=False),
    "hands_componentsl": floats(45, 45, required=False),
    "hands_componentsr": floats(45, 45, required=False),
    "vt": floats(None, 2, required=False),
    "ft": indices(_F, 3, required=False),
}
_FLAME = _skinned(_H, _G, len(FLAME_JOINTS), (400, 350))
_DECA = {
    "static_lmk_faces_idx": indices(NUM_STATIC, limit=_G),
    "static_lmk_bary_coords": floats(NUM_STATIC, 3),
    "dynamic_lmk_faces_idx": indices(YAW_ROWS, NUM_CONTOUR, limit=_G),
    "dynamic_lmk_bary_coords": floats(YAW_ROWS, NUM_CONTOUR, 3),
    "full_lmk_faces_idx": indices(68, limit=_G),
    "full_lmk_bary_coords": floats(68, 3),
}
_FACE_203 = {
    "lmk_face_idx": indices(203, limit=_G),
    "lmk_b_coords": floats(203, 3),
    **{
        f"landmark_{part}_indices": indices(None, required=False)
        for part in ("mouth", "front", "left", "right")
    },
}
_MEDIAPIPE = {
    "lmk_face_idx": indices(105, limit=_G),
    "lmk_b_coords": floats(105, 3),
    "landmark_indices": indices(105),
}
_UTILITIES = "CameraHMR's train-eval-utils.zip, https://camerahmr.is.tue.mpg.de"
_HMR2 = "data of 4D-Humans / HMR2, https://github.com/shubham-goel/4D-Humans"
_WHAM = "joint regressors of WHAM, https://github.com/yohanshin/WHAM"
_PIXIE = "PIXIE's data (https://pixie.is.tue.mpg.de) or ExPose's (https://expose.is.tue.mpg.de)"
_CORRESPONDENCES = f"{SMPLX_SITE}, downloads, 'MANO and FLAME vertex indices'"
_EYELIDS = "https://github.com/Zielon/metrical-tracker, flame/blendshapes"
_NO_EHM = "EHM-s, and with it every mesh, joint and key point of the published body"


def _regressor(name: str, joints: int, prevents: str, origin: str, what: str) -> KnownFile:
    output = name.rsplit(".", 1)[0] + ".npy"
    fields = {"regressor": floats(joints, "SMPL vertices")}
    return KnownFile(output, (name,), what, prevents, origin, "single", fields)


KNOWN: tuple[KnownFile, ...] = (
    KnownFile(
        "SMPLX_NEUTRAL.npz",
        ("SMPLX_NEUTRAL_2020.npz", "SMPLX_NEUTRAL_2020.pkl", "SMPLX_NEUTRAL.npz",
         "SMPLX_NEUTRAL.pkl"),
        "SMPL-X body, neutral", _NO_EHM,
        f"{SMPLX_SITE}, downloads: the 2020 neutral model (as published PEAR uses) or v1.1",
        "smplx", _SMPLX, True,
    ),
    KnownFile(
        "FLAME.npz",
        ("generic_model.pkl", "FLAME_NEUTRAL.pkl", "flame_generic_model.pkl", "flame2020.pkl",
         "flame2023.pkl", "flame2023_Open.pkl"),
        "FLAME head, generic", _NO_EHM,
        f"{FLAME_SITE}, downloads: FLAME 2020 (as published PEAR uses) or 2023",
        "arrays", _FLAME, True,
    ),
    KnownFile(
        "SMPL-X__FLAME_vertex_ids.npy", ("SMPL-X__FLAME_vertex_ids.npy",),
        "SMPL-X vertex of each FLAME vertex", _NO_EHM, _CORRESPONDENCES,
        "single", {"ids": indices(_H, limit=_V)}, True,
    ),
    KnownFile(
        "FLAME_masks.npz", ("FLAME_masks.pkl", "FLAME_masks.npz"), "FLAME vertex masks", _NO_EHM,
        f"{FLAME_SITE}, downloads, 'FLAME vertex masks'",
        "regions", {"neck": indices(None, limit=_H), "boundary": indices(None, limit=_H)}, True,
    ),
    KnownFile(
        "l_eyelid.npy", ("l_eyelid.npy",), "left eyelid offsets", _NO_EHM, _EYELIDS,
        "single", {"offsets": floats(_H, 3)}, True,
    ),
    KnownFile(
        "r_eyelid.npy", ("r_eyelid.npy",), "right eyelid offsets", _NO_EHM, _EYELIDS,
        "single", {"offsets": floats(_H, 3)}, True,
    ),
    KnownFile(
        "landmarks.npz", ("smplx_extra_joints.yaml",), "the 22 surface joints", _NO_EHM, _PIXIE,
        "surface_joints", {}, True,
    ),
    KnownFile(
        "SMPLX_to_J14.npz", ("SMPLX_to_J14.pkl", "SMPLX_to_J14.npy"), "14-joint regressor (LSP)",
        "the published values of ten of the 145 joints (kinematic ones are taken instead), "
        "PA-MPJPE of the body on EHF, UBody and AGORA", _PIXIE,
        "single", {"J14": floats(14, _V)},
    ),
    KnownFile(
        "MANO_SMPLX_vertex_ids.npz", ("MANO_SMPLX_vertex_ids.pkl", "MANO_SMPLX_vertex_ids.npz"),
        "SMPL-X vertices of the hands", "errors of the hands (PVE hands)", _CORRESPONDENCES,
        "arrays", {side: indices("MANO vertices", limit=_V) for side in ("left_hand", "right_hand")},
    ),
    KnownFile(
        "smplx2smpl.npz", ("smplx2smpl.pkl",), "SMPL-X to SMPL vertices (sparse)",
        "evaluation on SMPL ground truth (3DPW, Human3.6M) and the 44 key points of HMR2", _UTILITIES,
        "sparse", {"matrix": floats("SMPL vertices", _V)},
    ),
    KnownFile(
        "SMPL_NEUTRAL.npz",
        ("SMPL_NEUTRAL.pkl", "SMPL_NEUTRAL.npz", "basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl",
         "basicModel_neutral_lbs_10_207_0_v1.0.0.pkl"),
        "SMPL body, neutral", "the 44 key points of HMR2 (they need SMPL's joint regressor)",
        "https://smpl.is.tue.mpg.de or https://smplify.is.tue.mpg.de, downloads",
        "arrays", _skinned("SMPL vertices", "SMPL faces", 24, (10, 300)),
    ),
    _regressor("J_regressor_h36m.npy", 17, "MPJPE and PA-MPJPE on 3DPW and Human3.6M", _UTILITIES,
               "Human3.6M joints of SMPL"),
    _regressor("J_regressor_extra.npy", 9, "the 44 key points in their COCO and LSP-Extended order",
               _UTILITIES, "9 more joints of SMPL (SPIN)"),
    _regressor("SMPL_to_J19.pkl", 19, "the 44 key points of HMR2", _HMR2, "19 joints of SMPL"),
    _regressor("J_regressor_coco.npy", 17, "COCO joints of SMPL meshes", _WHAM,
               "COCO joints of SMPL"),
    _regressor("J_regressor_feet.npy", 4, "foot joints of SMPL meshes", _WHAM,
               "foot joints of SMPL"),
    _regressor("J_regressor_wham.npy", 31, "WHAM's joints of SMPL meshes", _WHAM,
               "WHAM's joints of SMPL"),
    KnownFile(
        "smpl_mean_params.npz", ("smpl_mean_params.npz",), "SPIN's mean pose, shape and camera",
        "starting a training the published way (a published checkpoint brings its own)", _HMR2,
        "arrays", {"pose": floats(144), "shape": floats(10), "cam": floats(3)},
    ),
    KnownFile(
        "landmark_embedding.npz", ("landmark_embedding.npy",), "68 face landmarks on FLAME (DECA)",
        "labels from 68-point face detectors, face-only fits with FLAME",
        "https://github.com/yfeng95/DECA, data", "arrays", _DECA,
    ),
    KnownFile(
        "mediapipe_landmark_embedding.npz", ("mediapipe_landmark_embedding.npz",),
        "105 MediaPipe landmarks on FLAME", "labels from MediaPipe face landmarks",
        f"{FLAME_SITE}, downloads, 'MediaPipe landmark embedding'", "arrays", _MEDIAPIPE,
    ),
    KnownFile(
        "203_landmark_embeding.npz", ("203_landmark_embeding.npz", "203_landmark_embeding_new.npz"),
        "203 face landmarks on FLAME (TEASER)", "labels from 203-point face detectors",
        "assets of the published code of PEAR or TEASER", "arrays", _FACE_203,
    ),
)  # fmt: skip

_GENDERED = "PEAR's network is trained on the neutral model"
UNUSED: Mapping[str, str] = {
    **{f"{model}_{gender}.{ending}": _GENDERED
       for model in ("SMPLX", "SMPL", "FLAME") for gender in ("MALE", "FEMALE")
       for ending in ("npz", "pkl")},
    **{f"SMPLX_{gender}_2020.npz": _GENDERED for gender in ("MALE", "FEMALE")},
    "male_model.pkl": _GENDERED,
    "female_model.pkl": _GENDERED,
    "flame2023_no_jaw.pkl": "its jaw does not turn, and PEAR moves the face by the jaw",
    **{f"MANO_{side}.pkl": "the hands are part of SMPL-X" for side in ("LEFT", "RIGHT")},
}  # fmt: skip
"""Files that are recognised and left alone, with the reason."""
