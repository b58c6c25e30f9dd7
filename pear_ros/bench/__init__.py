"""Measuring how fast a model runs here: samples, statistics, roofline, and comparing two results."""
