"""What is filtered over time: poses on SO(3), places, faces; shapes locked."""
