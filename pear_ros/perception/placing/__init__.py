"""Where people stand, in metres: by geometry, known size and depth."""
