"""Random people: ranges, and heads that follow the body's shape."""

from __future__ import annotations

import numpy as np
import torch

from pear_core.data.synthetic.people import sample_person, to_parameters
from pear_core.data.synthetic.studio import Studio


def test_fields_are_in_range(studio: Studio) -> None:
    rng = np.random.default_rng(0)
    people = [sample_person(rng, studio.identities) for _ in range(60)]
    betas = np.stack([p["betas"] for p in people])
    assert (betas[:, studio.identities.betas :] == 0).all() and 0.8 < betas[:, :10].std() < 1.15
    assert all(((p["eyelids"] >= 0) & (p["eyelids"] <= 1)).all() for p in people)
    assert np.std([p["head_scale"].mean() for p in people]) > 0.02
    assert (np.stack([p["expression"] for p in people]) > 0).any(axis=0).mean() > 0.8


def test_the_flame_head_fits_the_body_it_is_put_on(studio: Studio) -> None:
    """The identity map makes replaced head vertices agree with the body's own head to
    millimetres.
    """
    assets, identities = studio.ehm.assets, studio.identities
    rng = np.random.default_rng(1)
    person = sample_person(rng, identities)
    person["rotations"][:] = 0
    for name in ("expression", "flame_expression", "eye_pose", "jaw_pose", "eyelids"):
        person[name] = np.zeros_like(person[name])
    person["head_scale"][:] = 1
    person["flame_shape"][: len(identities.head)] = (
        identities.head @ person["betas"][: identities.betas]
    )
    with torch.inference_mode():
        mesh = studio.ehm(to_parameters([person])).vertices.numpy()[0]
    body = assets.smplx.v_template + assets.smplx.shapedirs[..., :200] @ person["betas"]
    off = np.linalg.norm(mesh - body, axis=1)[assets.vertex_ids]
    assert np.median(off) < 0.004 and np.quantile(off, 0.95) < 0.01
