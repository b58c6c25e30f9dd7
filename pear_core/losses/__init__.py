"""Training losses: parameters, key points, and their weighted total."""
