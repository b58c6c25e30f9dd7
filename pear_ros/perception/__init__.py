"""From a Frame to a HumanFrame: detect, track, crop, regress, place, smooth."""
