"""Inference engines behind one interface: image + crops -> parameters, joints, camera; parameters -> vertices."""
