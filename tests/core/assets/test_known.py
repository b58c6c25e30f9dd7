"""The table of known files agrees with its readers and with the facts."""

from __future__ import annotations

from pear_core.assets.convert import CONVERTERS
from pear_core.assets.fields import PUBLISHED
from pear_core.assets.known import KNOWN, UNUSED
from pear_core.body.files import BODY_FILES, OPTIONAL_FILES

BY_OUTPUT = {known.output: known for known in KNOWN}


def test_every_file_that_a_body_needs_is_known_and_required() -> None:
    assert {known.output for known in KNOWN if known.required} == set(BODY_FILES)
    assert set(OPTIONAL_FILES) <= set(BY_OUTPUT)


def test_names_are_unique_and_conversions_exist() -> None:
    names = [name.lower() for known in KNOWN for name in known.names]
    assert len(names) == len(set(names)) and len(BY_OUTPUT) == len(KNOWN)
    assert not {name.lower() for name in UNUSED} & set(names)
    assert {known.convert for known in KNOWN} == set(CONVERTERS)
    for known in KNOWN:
        assert known.prevents and known.origin and known.what


def test_shapes_are_those_of_the_published_files() -> None:
    """PEAR facts, sections 9.3 and 10."""
    expected = {
        ("SMPLX_NEUTRAL.npz", "v_template"): (10475, 3),
        ("SMPLX_NEUTRAL.npz", "f"): (20908, 3),
        ("SMPLX_NEUTRAL.npz", "shapedirs"): (10475, 3, (400, 350)),
        ("SMPLX_NEUTRAL.npz", "posedirs"): (10475, 3, 486),
        ("SMPLX_NEUTRAL.npz", "J_regressor"): (55, 10475),
        ("SMPLX_NEUTRAL.npz", "weights"): (10475, 55),
        ("SMPLX_NEUTRAL.npz", "kintree_table"): (2, 55),
        ("SMPLX_NEUTRAL.npz", "dynamic_lmk_bary_coords"): (79, 17, 3),
        ("FLAME.npz", "v_template"): (5023, 3),
        ("FLAME.npz", "f"): (9976, 3),
        ("FLAME.npz", "shapedirs"): (5023, 3, (400, 350)),
        ("FLAME.npz", "posedirs"): (5023, 3, 36),
        ("FLAME.npz", "weights"): (5023, 5),
        ("FLAME.npz", "J_regressor"): (5, 5023),
        ("SMPL-X__FLAME_vertex_ids.npy", "ids"): (5023,),
        ("l_eyelid.npy", "offsets"): (5023, 3),
        ("SMPLX_to_J14.npz", "J14"): (14, 10475),
        ("MANO_SMPLX_vertex_ids.npz", "left_hand"): (778,),
        ("smplx2smpl.npz", "matrix"): (6890, 10475),
        ("J_regressor_h36m.npy", "regressor"): (17, 6890),
        ("J_regressor_extra.npy", "regressor"): (9, 6890),
        ("SMPL_to_J19.npy", "regressor"): (19, 6890),
        ("J_regressor_wham.npy", "regressor"): (31, 6890),
        ("SMPL_NEUTRAL.npz", "posedirs"): (6890, 3, 207),
        ("SMPL_NEUTRAL.npz", "J_regressor"): (24, 6890),
        ("smpl_mean_params.npz", "pose"): (144,),
        ("mediapipe_landmark_embedding.npz", "lmk_b_coords"): (105, 3),
        ("203_landmark_embeding.npz", "lmk_face_idx"): (203,),
    }
    for (output, key), shape in expected.items():
        assert BY_OUTPUT[output].fields[key].sizes(PUBLISHED) == shape, (output, key)
